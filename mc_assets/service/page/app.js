// Which view is shown, the key of this tab, and the keyboard.

import { hasKey, setKey, takeKeyFromLink } from "/page/ask.js";
import { paperView } from "/page/paper.js";
import { setView, simulationView, studyView } from "/page/study.js";
import { element } from "/page/tables.js";
import { calibrationsView, compareView, jobsView, ledgerView, studiesView } from "/page/views.js";

const main = document.getElementById("main");
const told = document.getElementById("told");
const VIEWS = { studies: studiesView, jobs: jobsView, compare: compareView,
  calibrations: calibrationsView, ledger: ledgerView, paper: paperView };
let leaving = new AbortController();

function tell(text) {
  told.textContent = text;
  clearTimeout(tell.later);
  tell.later = setTimeout(() => { told.textContent = ""; }, 8000);
}

function askKey() {
  const dialog = document.getElementById("ask-key");
  if (!dialog.open) dialog.showModal();
}

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [view = "studies", ...rest] = location.hash.replace(/^#\//, "").split("/").filter(Boolean).map(decodeURIComponent);
  const place = element("div");
  main.replaceChildren(place);
  const shown = view === "study" ? "studies" : view;
  for (const one of document.querySelectorAll("nav a"))
    if (one.dataset.view === shown) {
      one.setAttribute("aria-current", "page");
      one.scrollIntoView({ inline: "center", block: "nearest" });  // a phone has no room for all
    }
    else one.removeAttribute("aria-current");
  document.title = `${rest[0] ?? view} · mc-lab`;
  if (!hasKey()) { askKey(); return; }
  const asked = view !== "study" ? VIEWS[view] ?? studiesView
    : rest[1] === "set" ? (...given) => setView(...given, rest[2])
      : rest[1] === "simulation" ? (...given) => simulationView(...given, rest[2]) : studyView;
  try {
    await asked(place, signal, tell, ...(view === "study" ? [rest[0]] : rest));
  } catch (error) {
    if (signal.aborted) return;
    if (error.status === 401) askKey();
    place.append(element("p", { class: "bad" }, error.message));
  }
}

document.getElementById("key").addEventListener("click", askKey);
document.getElementById("ask-key").addEventListener("close", () => {
  const text = document.getElementById("key-text");
  if (text.value.trim()) { setKey(text.value); text.value = ""; show(); }
});

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, dialog")) return;
  const view = Object.keys(VIEWS)[Number(event.key) - 1];
  if (view) location.hash = `#/${view}`;
  else if (event.key === "/") { event.preventDefault(); main.querySelector("input[type=search]")?.focus(); }
  else if (event.key === "?") document.getElementById("help").showModal();
  else if (event.key === "Backspace") history.back();
  else if (event.key === "ArrowDown" && !event.target.closest("tr")) {
    const first = main.querySelector("tbody tr[tabindex]");
    if (first) { event.preventDefault(); first.focus(); }
  }
});

addEventListener("hashchange", show);
takeKeyFromLink();
show();
