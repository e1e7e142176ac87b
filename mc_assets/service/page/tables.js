// Elements, numbers as people read them, and tables that sort and filter.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

export function number(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString("en-US");
  return size >= 1 ? value.toFixed(2) : value.toPrecision(3).replace(/\.?0+(e|$)/, "$1");
}

// A moment, UTC, to the second.
export function when(text) { return text ? text.replace("T", " ").slice(0, 19) : "–"; }

// A name of the service as people write it.
export function title(name) { return name.replaceAll("_", " "); }

export function word(state) { return element("span", { class: `word ${state}` }, state); }

export function facts(entries) {
  return element("dl", { class: "cards" }, Object.entries(entries).map(([name, value]) =>
    element("div", {}, element("dt", {}, title(name)), element("dd", {}, number(value)))));
}

// "fast=5 sharpe>0.2 word": every condition has to hold.
export function condition(text) {
  const parts = text.trim().split(/\s+/).filter(Boolean).map((part) => {
    const found = /^([\w.]+)(<=|>=|=|<|>)(.+)$/.exec(part);
    if (!found) return (values) => Object.values(values).some((value) =>
      String(value).toLowerCase().includes(part.toLowerCase()));
    const [, name, sign, given] = found;
    return (values) => {
      const own = values[name];
      if (own === undefined || own === null) return false;
      const plain = Number(given);
      const wanted = Number.isNaN(plain) ? given : plain;
      if (sign === "=") return own === wanted || String(own) === given;
      if (sign === "<") return own < wanted;
      if (sign === ">") return own > wanted;
      return sign === "<=" ? own <= wanted : own >= wanted;
    };
  });
  return (values) => parts.every((part) => part(values));
}

// columns: [{name, title, text, cell(row), value(row)}]; `open(row)` makes rows open something.
export class Table {
  constructor({ columns, label, open = null, sort = null, most = 200 }) {
    Object.assign(this, { columns, open, sort, most, rows: [], filter: "" });
    this.body = element("tbody");
    this.head = element("tr");
    this.count = element("p", { class: "soft" });
    const table = element("table", { "aria-label": label }, element("thead", {}, this.head), this.body);
    const counted = columns.findLast((column) => !column.text);
    const example = [`${columns[0].name}=…`, counted && counted !== columns[0] ? `${counted.name}>0` : ""].join(" ");
    this.search = element("input", {
      type: "search", placeholder: `Filter: ${example.trim()}`, "aria-label": `Filter ${label}`,
      oninput: () => { this.filter = this.search.value; this.draw(); },
    });
    this.element = element("div", {},
      element("div", { class: "row" }, this.search, this.count),
      element("div", { class: "scroll" }, table));
  }

  show(rows) { this.rows = rows; this.draw(); }

  values(row) {
    return Object.fromEntries(this.columns.map((column) => [column.name, this.value(column, row)]));
  }

  value(column, row) { return column.value ? column.value(row) : row[column.name]; }

  sortBy(name) {
    const down = this.sort && this.sort.name === name ? !this.sort.down : true;
    this.sort = { name, down };
    this.draw();
    this.head.querySelector(`[data-name="${CSS.escape(name)}"] button`)?.focus();
  }

  draw() {
    const holds = condition(this.filter);
    const kept = this.rows.filter((row) => holds(this.values(row)));
    if (this.sort) {
      const column = this.columns.find((one) => one.name === this.sort.name);
      const sign = this.sort.down ? -1 : 1;
      kept.sort((a, b) => {
        const [x, y] = [this.value(column, a), this.value(column, b)];
        if (x === y) return 0;
        if (x === null || x === undefined) return 1;
        if (y === null || y === undefined) return -1;
        return (x < y ? -1 : 1) * sign;
      });
    }
    this.head.replaceChildren(...this.columns.map((column) => {
      const own = this.sort && this.sort.name === column.name;
      const order = own ? (this.sort.down ? "descending" : "ascending") : null;
      return element("th", {
        scope: "col", class: column.text ? "text" : null, "aria-sort": order, "data-name": column.name,
      }, element("button", { type: "button", onclick: () => this.sortBy(column.name) }, column.title ?? title(column.name)));
    }));
    const focused = this.body.contains(document.activeElement)
      ? [...this.body.children].indexOf(document.activeElement) : -1;
    const shown = kept.slice(0, this.most);
    this.body.replaceChildren(...shown.map((row) => this.line(row, shown)));
    if (focused >= 0) this.body.children[focused]?.focus();
    this.count.textContent = kept.length > this.most
      ? `${number(this.most)} of ${number(kept.length)} rows` : `${number(kept.length)} ${kept.length === 1 ? "row" : "rows"}`;
  }

  line(row, shown) {
    const made = element("tr", this.open ? { tabindex: "0" } : {}, this.columns.map((column) => {
      const cell = column.cell ? column.cell(row, shown) : number(this.value(column, row));
      const kind = [column.text ? "text" : "", column.long ? "long" : "", column.wrap ? "wrap" : ""].join(" ").trim();
      return element("td", { class: kind || null }, cell);
    }));
    if (this.open) {
      made.addEventListener("click", (event) => {
        if (!event.target.closest("a, button")) this.open(row);
      });
      made.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && event.target === made) this.open(row);
        const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
        if (step && made[step]) { event.preventDefault(); made[step].focus(); }
      });
    }
    return made;
  }
}

// An estimate with its interval, and where it lies among all that are shown.
export function estimateCell(own, everyone) {
  if (!own) return "–";
  const interval = own.ci_low === null || own.ci_high === null
    ? own.method || "" : `${number(own.ci_low)} to ${number(own.ci_high)}`;
  const cell = [number(own.estimate), element("span", { class: "interval" }, interval)];
  if (everyone) cell.push(bar(own, everyone));
  return cell;
}

function bar(own, everyone) {
  const ends = everyone.flatMap((one) => [one.ci_low, one.ci_high, one.estimate])
    .filter((value) => value !== null && value !== undefined);
  const low = Math.min(...ends, 0);
  const high = Math.max(...ends, 0);
  const at = (value) => `${(100 * (value - low)) / (high - low || 1)}%`;
  const made = element("span", { class: "bar", "aria-hidden": "true" });
  const part = (name, left, width) => {
    const piece = document.createElement(name);
    piece.style.left = left;
    if (width) piece.style.width = width;
    made.append(piece);
  };
  part("s", at(0));
  if (own.ci_low !== null && own.ci_high !== null)
    part("i", at(own.ci_low), `${(100 * (own.ci_high - own.ci_low)) / (high - low || 1)}%`);
  if (own.estimate !== null) part("b", at(own.estimate));
  return made;
}
