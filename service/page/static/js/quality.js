// How good the forecasts were here, and what is known of this one.

import { rateOf } from "./frames.js";
import { json, Refusal } from "./service.js";
import { element, moment, number, rate, t, table } from "./texts.js";

const $ = (id) => document.getElementById(id);
const METHODS = [["model", "model_method", "--accent"], ["extrapolation", "extrapolation", "--second"], ["persistence", "persistence", "--third"]];
const FINE = [0.85, 1.18]; // frequency bias that is none to speak of

// Scores change once a frame; they are asked for when the page shows another one.
export async function showQuality(scene) {
  const base = `/streams/${encodeURIComponent(scene.name)}`;
  const answers = ["verification", "drift"].map((path) => json(`${base}/${path}`).catch(refused));
  const [scores, drift] = await Promise.all(answers);
  if (scores === undefined || drift === undefined) return; // no answer: what is shown stays
  $("quality-drift").textContent = drift ? drift.summary : "";
  $("quality-drift").lang = "en"; // the service's own words
  draw(scores, scene.map.zr);
}

// null: there is none; undefined: nobody said.
const refused = (error) => (error instanceof Refusal ? null : undefined);

function draw(scores, zr) {
  const threshold = scores && Object.keys(scores.samples).sort((a, b) => a - b)[0];
  const pooled = (method) => scores?.methods[method]?.[threshold]?.pooled;
  const model = threshold && pooled("model");
  const sample = threshold && scores.samples[threshold];
  const known = model && model.csi !== null;
  $("quality-sentence").textContent = !known ? t("not_scored") : sample.enough ? judgement(model, pooled("extrapolation")) : t("quality_few");
  $("quality-sample").textContent = known ? t("sample", {
    pixels: number(sample.pixels), blocks: number(sample.blocks), storms: number(sample.storms),
  }) : "";
  $("quality-bars").replaceChildren(...(known ? [bars(pooled, t("bars_caption", { rate: rate(rateOf(Number(threshold), zr)) }))] : []));
  leads(known ? scores : null, threshold);
}

function judgement(model, extrapolation) {
  const comparison = extrapolation?.csi == null ? t("quality_alone") : t("quality_better", { extrapolation: percent(extrapolation.csi) });
  return `${t("quality_csi", { percent: percent(model.csi), comparison })} ${biased(model.bias)}`;
}

const percent = (share) => number(100 * share);

function biased(bias) {
  if (bias === null) return "";
  if (bias < FINE[0]) return t("bias_low", { percent: percent(bias) });
  return bias > FINE[1] ? t("bias_high", { factor: number(bias, 1) }) : t("bias_fine");
}

function bars(pooled, caption) {
  const rows = METHODS.filter(([name]) => pooled(name)?.csi != null);
  const node = element("table", undefined, { class: "bars" });
  node.append(element("caption", caption), element("tbody"));
  for (const [name, label, colour] of rows) {
    const row = element("tr");
    const cell = element("td", undefined, { "aria-hidden": "true" });
    const bar = element("i");
    bar.style.width = `${100 * pooled(name).csi}%`;
    bar.style.background = `var(${colour})`;
    cell.append(bar);
    row.append(element("th", t(label), { scope: "row" }), cell, element("td", `${percent(pooled(name).csi)} %`));
    node.tBodies[0].append(row);
  }
  return node;
}

function leads(scores, threshold) {
  const details = $("quality-leads");
  const place = details.lastElementChild;
  details.hidden = !scores;
  if (!scores) return;
  const chosen = METHODS.filter(([name]) => scores.methods[name]?.[threshold]?.leads.some((one) => one.csi !== null));
  const of = ([name]) => scores.methods[name][threshold].leads;
  const minutes = of(chosen[0]).map((one) => one.lead_minutes);
  const plot = async () => details.open && (await import("./later/chart.js")).drawChart(place.firstElementChild, {
    data: [minutes, ...chosen.map((one) => of(one).map((lead) => lead.csi))],
    scales: { y: { range: [0, 1] } },
    axes: [{ label: "CSI", labelSize: 18, size: 40 }],
    series: chosen.map(([, , stroke]) => ({ stroke, width: 2, points: { show: false } })),
    height: 140,
  });
  const share = (one) => one.csi === null ? "–" : `${percent(one.csi)} %`;
  const rows = minutes.map((lead, at) => [number(lead), ...chosen.map((one) => share(of(one)[at]))]);
  const chart = element("div", undefined, { "aria-hidden": "true" });
  place.replaceChildren(chart, table(t("by_lead"), [t("lead_column"), ...chosen.map(([, label]) => t(label))], rows));
  details.ontoggle = plot;
  plot();
}

// Model, times, notes and licence.
export function showFacts({ map }) {
  const facts = [
    [t("model"), map.model || "–"],
    [t("image_of"), map.reference_time ? moment(new Date(map.reference_time)) : "–"],
    [t("issued"), map.issued ? moment(new Date(map.issued)) : "–"],
    [t("licence"), [map.attribution, map.licence].filter(Boolean).join(", ") || t("not_stated")],
  ];
  const notes = Object.values(map.quality || {});
  if (notes.length) facts.push([t("quality_notes"), notes.join(" ")]);
  $("facts").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
}
