// Drawing with the Plotly that lies beside this page, in the colours of the reader.

import { busyWhile } from "/page/ask.js";

let loading = null;

function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/page/plotly.js";
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("the drawing library did not load"));
    document.head.append(script);
  });
  return loading;
}

function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

export async function draw(place, figure, height = 430) {
  const Plotly = await busyWhile(plotly());
  if (!place.isConnected) return;
  // What is drawn takes no room of its own: 8 px around it and its line are the frame's.
  place.style.minHeight = `${height + 18}px`;
  const narrow = innerWidth < 640;
  const layout = {
    ...figure.layout, height, autosize: true, width: undefined,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { ...(figure.layout || {}).font, color: colour("--text") },
    hoverlabel: { bgcolor: colour("--panel"), font: { color: colour("--text") } },
  };
  if (narrow) {
    layout.margin = { ...layout.margin, l: 48, r: 8 };
    // The choice of a set has the room above the picture.
    if (layout.updatemenus) layout.legend = { ...layout.legend, orientation: "h", x: 0, xanchor: "left", y: -0.2, yanchor: "top" };
  }
  layout.xaxis ??= {};
  layout.yaxis ??= {};
  for (const axis of Object.keys(layout).filter((key) => /^[xy]axis/.test(key)))
    layout[axis] = { ...layout[axis], gridcolor: colour("--line"), zerolinecolor: colour("--line"), automargin: true };
  await Plotly.react(place, figure.data, layout, { responsive: true, displaylogo: false, displayModeBar: false });
}

export function lineWithBand(x, middle, low, high, name) {
  const blue = "#3a7bd0";
  return [
    { x, y: high, mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false },
    { x, y: low, mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: "rgba(58,123,208,0.2)", hoverinfo: "skip", showlegend: false },
    { x, y: middle, mode: x.length > 60 ? "lines" : "lines+markers", line: { color: blue }, marker: { size: x.length > 1 ? 4 : 10 }, name },
  ];
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  dispatchEvent(new HashChangeEvent("hashchange"));
});
