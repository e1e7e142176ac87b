// The other views: all studies, jobs, a comparison, calibrations through time, the ledger.

import { ask, askRows, follow, send } from "/page/ask.js";
import { draw, lineWithBand } from "/page/pictures.js";
import { link } from "/page/study.js";
import { Table, element, estimateCell, number, when, word } from "/page/tables.js";

const OPEN = ["queued", "running"];

function share(job) {
  const bar = element("progress", { max: "1", value: String(job.of ? job.done / job.of : 0), "aria-label": "Simulations that have run" });
  return OPEN.includes(job.state) ? bar : "";
}

export async function studiesView(main, signal) {
  main.append(element("h1", {}, "Studies"));
  const running = new Map();
  const table = new Table({
    columns: [
      { name: "name", text: true, cell: (row) => element("a", { href: link(row.name) }, row.name) },
      { name: "state", text: true, value: (row) => running.get(row.name)?.state ?? row.state,
        cell: (row) => word(running.get(row.name)?.state ?? row.state) },
      { name: "done", title: "simulations", value: (row) => running.get(row.name)?.done ?? row.done,
        cell: (row) => {
          const job = running.get(row.name);
          return job ? [share(job), ` ${number(job.done)} of ${number(job.of)}`] : number(row.done);
        } },
      { name: "description", title: "asks", text: true, long: true },
    ],
    label: "studies", open: (row) => { location.hash = link(row.name); },
  });
  main.append(table.element);
  const followed = new Set();
  while (!signal.aborted) {
    const { studies } = await ask("/v1/studies", signal);
    table.show(studies);
    const { jobs } = await ask("/v1/jobs?limit=50", signal);
    for (const job of jobs.filter((one) => OPEN.includes(one.state) && !followed.has(one.id))) {
      followed.add(job.id);
      follow(job.id, (now) => {
        if (OPEN.includes(now.state)) running.set(now.study, now); else running.delete(now.study);
        table.draw();
      }, signal);
    }
    await new Promise((resolve) => setTimeout(resolve, 5000));
  }
}

export async function jobsView(main, signal, tell) {
  main.append(element("h1", {}, "Jobs"), element("p", { class: "soft" },
    "Whoever began them: a terminal, Dagster, this page or a program."));
  const stop = (job) => element("button", { type: "button", onclick: async () => {
    try { await send("POST", `/v1/jobs/${job.id}/cancel`); } catch (error) { tell(error.message); }
  } }, "Stop");
  const table = new Table({
    columns: [
      { name: "study", text: true }, { name: "state", text: true, cell: (row) => [word(row.state), " ", share(row)] },
      { name: "done", cell: (row) => (row.of ? `${number(row.done)} of ${number(row.of)}` : number(row.done)) },
      { name: "started", text: true, wrap: true, cell: (row) => when(row.started) },
      { name: "failed" }, { name: "seconds" }, { name: "kind", text: true }, { name: "who", text: true, wrap: true },
      { name: "error", text: true, long: true, cell: (row) => (OPEN.includes(row.state) ? stop(row) : row.error ?? "") },
    ],
    label: "jobs", open: (row) => { location.hash = link(row.study); },
  });
  main.append(table.element);
  while (!signal.aborted) {
    const { jobs } = await ask("/v1/jobs?limit=200", signal);
    table.show(jobs);
    const busy = jobs.some((job) => OPEN.includes(job.state));
    await new Promise((resolve) => setTimeout(resolve, busy ? 1000 : 4000));
  }
}

export async function compareView(main, signal, tell, study, baseline) {
  main.append(element("h1", {}, "Compare"));
  const { studies } = await ask("/v1/studies", signal);
  const names = studies.filter((one) => one.done > 0).map((one) => one.name);
  if (!names.length) { main.append(element("p", { class: "soft" }, "No study has results yet.")); return; }
  const pick = (label, chosen) => element("select", { "aria-label": label, onchange: show },
    names.map((name) => element("option", { value: name, selected: name === chosen ? "" : null }, name)));
  const ours = pick("Study", study ?? names[0]);
  const theirs = pick("Baseline", baseline ?? names.find((name) => name !== ours.value) ?? names[0]);
  const statistic = element("select", { "aria-label": "Statistic", onchange: show },
    ["mean_net_pnl", "sharpe", "profit_probability", "max_drawdown"].map((name) => element("option", {}, name)));
  const set = element("input", { type: "number", min: "0", placeholder: "same sets", "aria-label": "Set of the baseline",
    onchange: show });
  const place = element("div");
  main.append(element("div", { class: "row" }, ours, "against", theirs, "set", set, "by", statistic), place);

  async function show() {
    const query = new URLSearchParams({ study: ours.value, baseline: theirs.value, statistic: statistic.value,
      ...(set.value === "" ? {} : { baseline_set: set.value }) });
    try {
      const { rows, about } = await askRows(`/v1/analysis/comparison?${query}`, 50000, signal);
      const known = new Set(["parameter_set", "baseline_set", "estimate", "baseline", "difference", "std_error",
        "ci_low", "ci_high", "percent", "verdict", "n", "method", "p_value"]);
      const parameters = Object.keys(rows[0] ?? {}).slice(1).filter((name) => !known.has(name))
        .slice(0, Object.keys(rows[0] ?? {}).indexOf("baseline_set") - 1);
      const columns = [{ name: "parameter_set", title: "set" }, ...parameters.map((name) => ({ name })),
        { name: "estimate", title: ours.value }, { name: "baseline", title: theirs.value },
        { name: "difference", cell: (row, shown) => estimateCell({ ...row, estimate: row.difference },
          shown.map((one) => ({ ...one, estimate: one.difference }))) },
        ...(rows[0] && "verdict" in rows[0] ? [{ name: "verdict", text: true }] : [])];
      const table = new Table({ columns, label: "differences", sort: { name: "difference", down: true } });
      place.replaceChildren(element("p", { class: "soft" }, about.paired
        ? "Paired: both ran on the same paths. 95 % intervals." : "Not paired: their paths differ. 95 % intervals."), table.element);
      table.show(rows);
    } catch (error) {
      if (!signal.aborted) place.replaceChildren(element("p", { class: "soft" },
        set.value === "" && error.status === 422
          ? "Their parameter sets differ: say the number of one set of the baseline to compare all with it." : error.message));
    }
  }
  await show();
}

export async function calibrationsView(main, signal) {
  main.append(element("h1", {}, "Calibrations through time"));
  const { rows } = await askRows("/v1/data/calibrations?history=true", 100000, signal);
  const good = rows.filter((row) => row.parameter !== null && row.estimate !== null);
  if (!good.length) {
    main.append(element("p", { class: "soft" }, "None is stored yet: ", element("code", {}, "mc calibrate"), " makes them."));
    return;
  }
  const kind = (row) => `${row.symbol}@${row.timeframe} ${row.model}`;
  const kinds = [...new Set(good.map(kind))];
  const pick = element("select", { "aria-label": "Series and model", onchange: show }, kinds.map((name) => element("option", {}, name)));
  const which = element("select", { "aria-label": "Parameter", onchange: show });
  const place = element("div", { class: "picture" });
  const table = new Table({
    columns: [{ name: "as_of", text: true }, { name: "parameter", text: true },
      { name: "estimate", cell: (row) => estimateCell(row, null) }, { name: "std_error" },
      { name: "status", text: true }],
    label: "calibrations", sort: { name: "as_of", down: true },
  });
  main.append(element("div", { class: "row" }, pick, which), place, table.element);
  async function show() {
    const own = good.filter((row) => kind(row) === pick.value);
    const parameters = [...new Set(own.map((row) => row.parameter))];
    if (!parameters.includes(which.value)) which.replaceChildren(...parameters.map((name) => element("option", {}, name)));
    table.show(own);
    const line = own.filter((row) => row.parameter === which.value);
    const end = (row, name, sign) => row[name] ?? row.estimate + sign * 1.96 * (row.std_error ?? 0);
    await draw(place, { data: lineWithBand(line.map((row) => row.as_of), line.map((row) => row.estimate),
      line.map((row) => end(row, "ci_low", -1)), line.map((row) => end(row, "ci_high", 1)), which.value),
    layout: { xaxis: line.length > 1 ? {} : { type: "category" },
      title: { text: `${pick.value}: ${which.value}`, font: { size: 15 } }, margin: { t: 40, r: 20, b: 40, l: 60 }, showlegend: false } });
  }
  await show();
}

export async function ledgerView(main, signal, tell, family) {
  main.append(element("h1", {}, family ? `Trials of ${family}` : "Trial ledger"),
    element("p", { class: "soft" }, "Everything that was ever tried: the best of many sets looks better than it is."));
  const query = family ? `?family=${encodeURIComponent(family)}` : "";
  const { rows, about, complete } = await askRows(`/v1/ledger${query}`, 20000, signal);
  const columns = family
    ? [{ name: "tried_at", text: true, cell: (row) => when(row.tried_at) }, { name: "parameters", text: true, long: true }, { name: "seeds" },
      { name: "mean_net_pnl" }, { name: "status", text: true }, { name: "asked_by", text: true }]
    : [{ name: "family", text: true }, { name: "series", text: true }, { name: "trials" }, { name: "seeds" },
      { name: "best_mean_net_pnl", title: "best mean net P&L" }, { name: "last_tried", text: true, cell: (row) => when(row.last_tried) }];
  const table = new Table({ columns: columns.filter((column) => !rows.length || column.name in rows[0]), label: "trials",
    open: family ? null : (row) => { location.hash = `#/ledger/${encodeURIComponent(row.family)}`; } });
  if (family) main.append(element("p", {}, element("a", { href: "#/ledger" }, "← all strategies")));
  main.append(table.element);
  if (about.archived) main.append(element("p", { class: "soft" }, `${number(about.archived)} trials were taken out of the count.`));
  if (!complete) main.append(element("p", { class: "soft" }, "The first 20,000 are listed."));
  table.show(rows);
}
