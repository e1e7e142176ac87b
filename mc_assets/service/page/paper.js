// Paper against simulation: what fills cost in each session, beside what its study assumes.

import { askRows } from "/page/ask.js";
import { draw, lineWithBand } from "/page/pictures.js";
import { Table, element, estimateCell, word } from "/page/tables.js";

const TITLES = { slippage_bps: "slippage, basis points", commission_rate: "commission, share",
  limit_fill_rate: "fill rate of limits", net_pnl_difference: "net P&L, difference" };
const FAR = 3;
const FEWEST = 5;

// A session is called STUDY-SET; sixteen digits of a set would fill a phone.
function sessionName(row) {
  const at = row.session.lastIndexOf("-");
  return [row.session.slice(0, at), `set ${row.session.slice(at + 1, at + 9)}`];
}

function sessionCell(row) {
  const [study, set] = sessionName(row);
  return [study, element("span", { class: "interval", title: row.session }, set)];
}

function verdict(row) {
  if (!row.n || (row.drift === null && row.n < FEWEST)) return "too few fills";
  if (row.drift === null) return "–";
  return Math.abs(row.drift) > FAR ? "drifted" : "as assumed";
}

export async function paperView(main, signal) {
  main.append(element("h1", {}, "Paper against simulation"), element("p", { class: "soft" },
    "What fills on paper cost, with 95 % intervals, beside what the study assumes."));
  const { rows } = await askRows("/v1/paper", 100000, signal);
  if (!rows.length) {
    main.append(element("p", { class: "soft" }, "Nothing was traded yet: ", element("code", {}, "mc paper STUDY"), " begins."));
    return;
  }
  const key = (row) => `${row.session}: ${TITLES[row.statistic] ?? row.statistic}`;
  const newest = new Map();
  for (const row of rows) if (!newest.has(key(row)) || newest.get(key(row)).bar <= row.bar) newest.set(key(row), row);
  const title = element("h2", {});
  const place = element("div", { class: "picture" });
  const table = new Table({
    columns: [{ name: "session", text: true, cell: sessionCell },
      { name: "statistic", text: true, value: (row) => TITLES[row.statistic] ?? row.statistic },
      { name: "estimate", cell: (row) => estimateCell(row, null) }, { name: "assumed" }, { name: "n" },
      { name: "drift", title: "standard errors off" },
      { name: "verdict", text: true, value: verdict,
        cell: (row) => (verdict(row) === "drifted" ? word("drifted") : verdict(row)) }],
    label: "paper sessions", open: show,
  });
  main.append(table.element, title, place);

  async function show(row) {
    const line = rows.filter((one) => key(one) === key(row) && one.estimate !== null);
    title.textContent = `${sessionName(row).join(", ")}: ${TITLES[row.statistic] ?? row.statistic} after each bar`;
    const x = line.map((one) => one.bar);
    await draw(place, { data: [
      ...lineWithBand(x, line.map((one) => one.estimate), line.map((one) => one.ci_low ?? one.estimate),
        line.map((one) => one.ci_high ?? one.estimate), "measured"),
      { x, y: line.map((one) => one.assumed), mode: "lines", line: { dash: "dot", color: "#d98a1f" }, name: "assumed" },
    ], layout: { margin: { t: 20, r: 20, b: 40, l: 60 }, legend: { orientation: "h", y: 1.08 },
      xaxis: { title: { text: "bar of the session" } } } }, 320);
  }
  table.show([...newest.values()]);
  const told = [...newest.values()].filter((row) => row.estimate !== null);
  await show(told.find((row) => verdict(row) === "drifted") ?? told[0] ?? rows[0]);
}
