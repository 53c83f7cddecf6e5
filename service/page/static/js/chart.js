// Charts by uPlot, which is loaded when the first one is drawn.

import { clock, currentLocale } from "./texts.js";

/* global uPlot */

const plots = new Set();
let loading = null;

function library() {
  loading ||= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = new URL("../vendor/uplot.js", import.meta.url);
    script.onload = done;
    script.onerror = failed;
    document.head.append(script);
  });
  return loading;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// A chart that fills the width of a node. Series and axes as uPlot takes them; x in seconds or plain.
export async function drawChart(node, { data, series, scales, axes, bands = [], times = false, marks = [], height = 170 }) {
  await library();
  const font = "12px system-ui, DejaVu Sans, sans-serif";
  const line = { font, labelFont: font, stroke: colour("--text-soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const x = times ? { ...line, values: (_, ticks) => ticks.map((at) => clock(new Date(at * 1000))) } : line;
  const form = new Intl.NumberFormat(currentLocale(), { maximumFractionDigits: 2 });
  const shown = axes.map((axis) => ({ ...line, size: 44, values: (_, ticks) => ticks.map((v) => form.format(v)), ...axis }));
  const options = {
    width: node.clientWidth || 320, height, legend: { show: false }, cursor: { show: false },
    scales: { x: { time: false }, ...scales },
    axes: [{ ...x, space: 60, size: 28 }, ...shown],
    series: [{}, ...series.map((one) => ({ ...one, stroke: one.stroke && colour(one.stroke), fill: one.fill && colour(one.fill) }))],
    bands: bands.map((one) => ({ ...one, fill: colour(one.fill) })),
    hooks: { draw: [(plot) => marks.forEach((at) => mark(plot, at))] },
  };
  if (times) options.axes[0].incrs = [300, 600, 900, 1200, 1800, 3600];
  for (const plot of plots) if (!plot.root.isConnected || plot.root.parentNode === node) end(plot);
  node.replaceChildren();
  plots.add(new uPlot(options, data, node));
}

// A chart that is drawn anew, or whose node is gone: it listens to the window until it is ended.
function end(plot) {
  plot.destroy();
  plots.delete(plot);
}

function mark(plot, at) {
  const x = plot.valToPos(at, "x", true);
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour("--accent");
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}
