// Asking the service: with the key of this tab, and following jobs by their events.

const KEY = "mc-lab key";

export function takeKeyFromLink() {
  const found = /^#key=([\w-]+)/.exec(location.hash);
  if (found) {
    sessionStorage.setItem(KEY, found[1]);
    history.replaceState(null, "", location.pathname + "#/studies");
  }
}

export function setKey(key) { sessionStorage.setItem(KEY, key.trim()); }
export function hasKey() { return Boolean(sessionStorage.getItem(KEY)); }

function headers(more = {}) { return { "X-API-Key": sessionStorage.getItem(KEY) || "", ...more }; }

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || `the service answered ${status}`);
    this.status = status;
  }
}

let pending = 0;

// Shows that something is on its way: a line below the header, once it has taken a moment.
export async function busyWhile(promise) {
  const main = document.getElementById("main");
  pending += 1;
  main.setAttribute("aria-busy", "true");
  try { return await promise; } finally {
    pending -= 1;
    if (!pending) main.removeAttribute("aria-busy");
  }
}

async function answered(asked) {
  const response = await asked;
  const text = await response.text();
  let content = {};
  try { content = text ? JSON.parse(text) : {}; } catch { content = { detail: text }; }
  if (!response.ok) throw new Refused(response.status, content);
  return content;
}

export async function ask(url, signal) {
  return busyWhile(answered(fetch(url, { headers: headers(), signal })));
}

export async function send(method, url, body) {
  const json = body === undefined ? {} : { "Content-Type": "application/json" };
  return busyWhile(answered(fetch(url, {
    method, headers: headers(json), body: body === undefined ? undefined : JSON.stringify(body),
  })));
}

// Every page of a table, up to a number of rows.
export async function askRows(url, most = 50000, signal = undefined) {
  const rows = [];
  let cursor = null;
  let about = {};
  do {
    const join = url.includes("?") ? "&" : "?";
    const page = await ask(
      `${url}${join}limit=10000${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`, signal);
    rows.push(...page.rows);
    about = page.about;
    cursor = page.next;
  } while (cursor && rows.length < most);
  return { rows, about, complete: !cursor };
}

// Calls `told` with each state of a job until it has ended; goes on after a broken connection.
export async function follow(job, told, signal) {
  let last = null;
  while (!signal.aborted) {
    try {
      const more = last ? { "Last-Event-ID": last } : {};
      const response = await fetch(`/v1/jobs/${job}/events`, { headers: headers(more), signal });
      if (!response.ok || response.status === 204) return;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        rest += value;
        const events = rest.split("\n\n");
        rest = events.pop();
        for (const event of events) {
          const fields = Object.fromEntries(
            event.split("\n").map((line) => line.split(/: (.*)/s)).filter((pair) => pair.length > 1));
          if (!fields.data) continue;
          last = fields.id;
          told(JSON.parse(fields.data));
          if (fields.event === "end") return;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
