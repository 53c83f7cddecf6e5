// Colours of codes, and the legend that explains them.

import { dbzOf, rateOf, NOT_OBSERVED, NOT_TRACEABLE } from "./service.js";
import { element, number, rate, t } from "./texts.js";

export const NAMES = ["echocast", "nws", "homeyer", "grey"];
const HIGHEST_DBZ = 65;
const OUTCOMES = [[1, "both"], [2, "miss"], [3, "false_alarm"]]; // of a forecast, by their codes
const TICKS = { dBZ: [10, 20, 30, 40, 50, 60], "%": [0, 25, 50, 75, 100] };
let tables = null;

export async function loadPalettes() {
  tables = await (await fetch(new URL("../palettes.json", import.meta.url))).json();
}

// 256 colours as one 32-bit number each (alpha, blue, green, red); 0 is transparent.
export function coloursOf(palette, unit) {
  const hex = unit === "dBZ" ? tables.dBZ[palette] : tables[unit];
  const colours = new Uint32Array(256);
  for (let code = 0; code < Math.min(hex.length / 6, NOT_TRACEABLE); code += 1) {
    const rgb = parseInt(hex.slice(6 * code, 6 * code + 6), 16);
    const swapped = ((rgb & 255) << 16) | (rgb & 0xff00) | (rgb >> 16);
    colours[code] = ((opacity(code, unit) << 24) | swapped) >>> 0;
  }
  return colours;
}

// Weak rain and small probabilities fade, so that the land stays legible under them.
function opacity(code, unit) {
  if (unit === "outcome") return code ? 216 : 0;
  const [from, full] = unit === "%" ? [2, 30] : [3, 15];
  const value = unit === "%" ? code : dbzOf(code);
  if (value < from) return 0;
  return Math.round(255 * (0.35 + 0.55 * Math.min(1, (value - from) / (full - from))));
}

// One scale is always there; the other and the hatchings are, where there is room or on demand.
export function drawLegend(palette, layer, zr) {
  if (layer.unit === "outcome") return drawOutcomes(coloursOf(palette, layer.unit), layer);
  const percent = layer.unit === "%";
  const [low, high] = percent ? [0, 100] : [0, HIGHEST_DBZ];
  const share = (value) => `${(100 * (value - low)) / (high - low)}%`;
  const bar = element("canvas", undefined, { width: 260, height: 1 });
  paint(bar, coloursOf(palette, layer.unit), low, high, percent);
  const ticks = TICKS[layer.unit].filter((value) => value <= high);
  const own = scale(ticks.map((value) => [share(value), number(value)]), layer.unit);
  const rates = scale(ticks.map((value) => [share(value), rate(rateOf(value, zr))]), "mm/h");
  const node = document.getElementById("legend-scale");
  node.setAttribute("role", "img");
  node.replaceChildren(bar, percent ? own : rates);
  document.getElementById("legend-more").replaceChildren(...(percent ? [] : [own]), keys());
  node.setAttribute("aria-label", percent ? t("legend_percent") : t("legend_dbz", {
    low, high, rate_low: rate(rateOf(low, zr)), rate_high: rate(rateOf(high, zr)),
  }));
  return undefined;
}

// What became of a forecast has no scale, but three colours and their words.
function drawOutcomes(colours, layer) {
  const node = document.getElementById("legend-scale");
  const keyed = element("div", undefined, { class: "outcomes" });
  keyed.append(...OUTCOMES.map(([code, name]) => key(t(name), () => colours[code])));
  const words = { rate: rate(layer.threshold_mm_h), minutes: number(layer.lead_minutes) };
  node.removeAttribute("role");
  node.removeAttribute("aria-label");
  node.replaceChildren(element("p", t("difference_legend", words)), keyed);
  document.getElementById("legend-more").replaceChildren(keys());
}

function paint(canvas, colours, low, high, percent) {
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(canvas.width, 1);
  const words = new Uint32Array(pixels.data.buffer);
  for (let x = 0; x < canvas.width; x += 1) {
    const value = low + ((high - low) * x) / (canvas.width - 1);
    words[x] = colours[Math.round(percent ? value : 2 * (value + 32))];
  }
  context.putImageData(pixels, 0, 0);
}

function scale(ticks, unit) {
  const node = element("div", undefined, { class: "scale" });
  for (const [left, text] of ticks) {
    const tick = element("span", text);
    tick.style.left = left;
    node.append(tick);
  }
  node.append(element("b", unit));
  return node;
}

function keys() {
  const node = element("div", undefined, { class: "keys" });
  const dark = isDark();
  for (const [code, name] of [[NOT_OBSERVED, "not_observed"], [NOT_TRACEABLE, "not_traceable"]]) {
    node.append(key(t(name), (x, y) => hatch(code, x, y, dark)));
  }
  return node;
}

// A swatch, coloured pixel by pixel, and its words.
function key(words, colour) {
  const swatch = element("canvas", undefined, { width: 22, height: 12 });
  const context = swatch.getContext("2d");
  const pixels = context.createImageData(22, 12);
  const values = new Uint32Array(pixels.data.buffer);
  for (let at = 0; at < values.length; at += 1) values[at] = colour(at % 22, Math.floor(at / 22));
  context.putImageData(pixels, 0, 0);
  const node = element("span");
  node.append(swatch, element("span", words));
  return node;
}

export const isDark = () => getComputedStyle(document.documentElement).colorScheme.trim() === "dark";

// Lines that rise where nobody looked; dots where rain can't be traced to. Never the look of dry.
export function hatch(code, x, y, dark) {
  const ink = dark ? 0xc8c0b8 : 0x5a4a40;
  const line = code === NOT_OBSERVED ? (x + y) % 12 < 1.5 : x % 6 < 2 && (y + (x % 12 < 6 ? 0 : 3)) % 6 < 2;
  const alpha = line ? (code === NOT_OBSERVED ? 0x46 : 0x78) : 0x14;
  return ((alpha << 24) | ink) >>> 0;
}
