// One study: how far it is, its sets with intervals, its pictures, a set, a simulation.

import { ask, askRows, follow, send } from "/page/ask.js";
import { draw, lineWithBand } from "/page/pictures.js";
import { Table, element, estimateCell, facts, number, word } from "/page/tables.js";

const PICTURES = { pnl: "Net P&L", fan: "Equity", drawdown: "Drawdown", sensitivity: "Sensitivity",
  heatmap: "Map", convergence: "Convergence" };
const TITLES = { mean_net_pnl: "mean net P&L", profit_probability: "profit probability",
  net_pnl: "net P&L", sharpe: "Sharpe", value_at_risk_95: "95 % VaR", max_drawdown: "max drawdown" };
const SECONDS_BETWEEN_LOOKS = 2;

const at = (study) => `/v1/studies/${encodeURIComponent(study)}`;
export const link = (study, ...rest) =>
  `#/study/${[study, ...rest].map(encodeURIComponent).join("/")}`;

// Rows of statistics as one row per parameter set.
function sets(rows, parameters) {
  const found = new Map();
  for (const row of rows) {
    const own = found.get(row.parameter_set) ?? { set: row.parameter_set, n: row.n, statistics: {} };
    for (const name of parameters) own[name] = row[name];
    own.statistics[row.statistic] = row;
    found.set(row.parameter_set, own);
  }
  return [...found.values()];
}

export async function studyView(main, signal, tell, study) {
  const progress = element("div", { class: "row" });
  const made = element("div");
  main.append(element("h1", {}, study), progress, made);
  const run = element("button", { type: "button", class: "main", onclick: start }, "Run");
  const state = { table: null, looked: 0, looking: false, again: false };

  async function start() {
    run.disabled = true;
    try {
      const job = await send("POST", "/v1/monte-carlo", { study });
      if (job.state === "finished") { tell("It has run already: nothing of it has changed."); return; }
      await watch(job);
    } catch (error) { tell(error.message); } finally { run.disabled = false; }
  }

  async function watch(job) {
    const bar = element("progress", { max: "1", value: "0", "aria-label": "Simulations that have run" });
    const text = element("span", { class: "soft" });
    const stop = element("button", { type: "button", onclick: async () => {
      try { await send("POST", `/v1/jobs/${job.id}/cancel`); } catch (error) { tell(error.message); }
    } }, "Stop");
    progress.replaceChildren(word(job.state), bar, text, stop);
    await follow(job.id, (now) => {
      progress.firstChild.replaceWith(word(now.state));
      bar.value = now.of ? now.done / now.of : 0;
      text.textContent = `${number(now.done)} of ${number(now.of)} simulations` +
        (now.failed ? `, ${number(now.failed)} failed` : "");
      if (now.state === "running" && now.done && performance.now() - state.looked > 1000 * SECONDS_BETWEEN_LOOKS) look();
      if (now.ended) {
        stop.remove();
        progress.append(run);
        if (now.error) tell(now.error);
        look();
      }
    }, signal);
  }

  // Statistics of what has finished: while the study runs they are partial.
  async function look() {
    // What ended while the last answer was on its way is looked at again.
    if (state.looking) { state.again = true; return; }
    state.looking = true;
    state.looked = performance.now();
    try {
      const about = await ask(at(study), signal);
      const { rows } = await askRows(`/v1/analysis/statistics?study=${encodeURIComponent(study)}`, 50000, signal);
      show(about, rows);
    } catch (error) {
      if (error.status === 404) made.replaceChildren(element("p", { class: "soft" }, "It has no results yet."));
      else if (!signal.aborted) tell(error.message);
    } finally { state.looking = false; }
    if (state.again) { state.again = false; await look(); }
  }

  function show(about, rows) {
    const names = [...new Set(rows.map((row) => row.statistic))];
    const found = sets(rows, about.parameters);
    if (!state.table) {
      const columns = [
        { name: "set" },
        ...about.parameters.map((name) => ({ name, text: found.some((own) => typeof own[name] === "string") })),
        ...names.map((name) => ({
          name, title: TITLES[name] ?? name,
          value: (own) => own.statistics[name]?.estimate ?? null,
          cell: (own, shown) => estimateCell(own.statistics[name],
            name === state.table.sort?.name ? shown.map((one) => one.statistics[name]).filter(Boolean) : null),
        })),
        { name: "n", title: "paths" },
      ];
      state.table = new Table({
        columns, label: "parameter sets", sort: names.length ? { name: names[0], down: true } : null,
        open: (own) => { location.hash = link(study, "set", own.set); },
      });
      state.note = element("p", { class: "soft" });
      state.facts = element("div");
      made.replaceChildren(
        element("p", {}, about.description || ""), state.facts,
        element("h2", {}, "Parameter sets"), state.note, state.table.element,
        element("div", { class: "row" },
          element("a", { href: `#/compare/${encodeURIComponent(study)}` }, "Compare with another study")),
        element("h2", {}, "Pictures"), pictures(study, signal, tell), warnings());
    }
    state.facts.replaceChildren(facts({ source: about.source, strategy: about.strategy,
      "parameter sets": about.parameter_sets, seeds: about.seeds, simulations: about.simulations,
      results: about.fingerprint }));
    state.note.className = about.missing ? "warn" : "soft";
    state.note.textContent = about.missing
      ? `Partial: ${number(about.missing)} of ${number(about.simulations)} simulations have not run yet. 95 % intervals.`
      : `All simulations have run. 95 % intervals of all errors that are told.${about.stopped ? ` ${about.stopped}` : ""}`;
    state.table.show(found);
  }

  function warnings() {
    const list = element("ul", { class: "warn" });
    ask(`${at(study)}/warnings?limit=100`, signal).then(({ rows }) =>
      list.replaceChildren(...rows.map((row) => element("li", {}, row.sentence)))).catch(() => {});
    return list;
  }

  progress.append(run);
  await look();
  const { jobs } = await ask(`/v1/jobs?study=${encodeURIComponent(study)}&limit=1`, signal);
  if (jobs.length && ["queued", "running"].includes(jobs[0].state)) await watch(jobs[0]);
}

function pictures(study, signal, tell, set = null) {
  const place = element("div", { class: "picture" });
  const buttons = Object.entries(PICTURES).map(([name, title]) => element("button", {
    type: "button", "aria-pressed": "false", onclick: (event) => shown(name, event.target),
  }, title));
  async function shown(name, button) {
    for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
    try {
      const query = set === null || ["sensitivity", "heatmap"].includes(name) ? "" : `?parameter_set=${set}`;
      const picture = await ask(`${at(study)}/pictures/${name}${query}`, signal);
      place.replaceChildren();
      await draw(place, picture.figure);
    } catch (error) { if (!signal.aborted) place.replaceChildren(element("p", { class: "soft" }, error.message)); }
  }
  queueMicrotask(() => shown("pnl", buttons[0]));
  return element("div", {}, element("div", { class: "row" }, buttons), place);
}

export async function setView(main, signal, tell, study, set) {
  main.append(element("p", {}, element("a", { href: link(study) }, `← ${study}`)), element("h1", {}, `Set ${set}`));
  const about = await ask(at(study), signal);
  const url = `${at(study)}/simulations?parameter_set=${set}`;
  const { rows, next } = await ask(`${url}&limit=200`, signal);
  if (rows.length) main.append(facts(Object.fromEntries(about.parameters.map((name) => [name, rows[0][name]]))));
  const metrics = ["net_pnl", "max_drawdown", "sharpe", "trades"].filter((name) => about.metrics.includes(name));
  const table = new Table({
    columns: [{ name: "simulation" }, { name: "seed" }, { name: "path" }, { name: "status", text: true },
      ...(metrics.length ? metrics : about.metrics.slice(0, 4)).map((name) => ({ name, title: TITLES[name] }))],
    label: "simulations", sort: metrics.length ? { name: metrics[0], down: true } : null,
    open: (row) => { location.hash = link(study, "simulation", row.simulation); },
  });
  const note = element("p", { class: "soft" }, "Opening one runs it again from its seed.");
  main.append(pictures(study, signal, tell, set), element("h2", {}, "Simulations"), note, table.element);
  table.show(rows);
  if (!next) return;
  // Nobody waits for thousands of rows to see the first.
  const all = await askRows(url, 10000, signal);
  table.show(all.rows);
  if (!all.complete) note.append(" The first 10,000 are listed.");
}

export async function simulationView(main, signal, tell, study, simulation) {
  main.append(element("p", {}, element("a", { href: link(study) }, `← ${study}`)),
    element("h1", {}, `Simulation ${simulation}`));
  const waiting = element("p", { class: "soft" }, "It is run again from its seed …");
  main.append(waiting);
  const found = await ask(`${at(study)}/simulations/${simulation}`, signal);
  waiting.remove();
  const bars = found.bars.filter((bar) => bar.bar >= 0);
  const first = bars.filter((bar) => bar.symbol === bars[0]?.symbol);
  const x = first.map((bar) => bar.timestamp ?? bar.bar);
  const price = element("div", { class: "picture" });
  const equity = element("div", { class: "picture" });
  const shown = ["net_pnl", "total_return", "sharpe", "max_drawdown", "trades", "win_rate"];
  main.append(
    facts({ seed: found.seed, path: found.path, status: found.status, ...found.parameters,
      ...Object.fromEntries(shown.filter((name) => name in found.metrics).map((name) => [name, found.metrics[name]])) }),
    element("h2", {}, `Prices and trades of ${first[0]?.symbol ?? ""}`), price,
    element("h2", {}, "Equity"), equity, element("h2", {}, "Trades"));
  const table = new Table({
    columns: ["symbol", "units", "entry_bar", "entry_price", "exit_bar", "exit_price", "pnl", "commission"]
      .map((name) => ({ name, text: name === "symbol" })),
    label: "trades",
  });
  main.append(table.element);
  table.show(found.trades);
  const own = found.trades.filter((trade) => trade.symbol === first[0]?.symbol);
  const marks = (bar, value, name, symbol, color) => ({ x: own.map((t) => x[t[bar]]), y: own.map((t) => t[value]),
    mode: "markers", name, marker: { symbol, size: 10, color } });
  await draw(price, { data: [
    ...lineWithBand(x, first.map((b) => b.close), first.map((b) => b.low), first.map((b) => b.high), "close, low to high"),
    marks("entry_bar", "entry_price", "entry", "triangle-up", "#3a7bd0"),
    marks("exit_bar", "exit_price", "exit", "triangle-down", "#d98a1f"),
  ], layout: { legend: { orientation: "h", y: 1.08 }, margin: { t: 30, r: 20, b: 40, l: 60 } } });
  await draw(equity, { data: [{ x, y: found.equity, mode: "lines", line: { color: "#3a7bd0" }, name: "equity" }],
    layout: { margin: { t: 20, r: 20, b: 40, l: 70 } } }, 300);
}
