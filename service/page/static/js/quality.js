// How good the forecasts were here, and what is known of this one.

import { drawChart } from "./chart.js";
import { json, rateOf, Refusal } from "./service.js";
import { element, moment, number, rate, say, t, table } from "./texts.js";

const $ = (id) => document.getElementById(id);
const METHODS = [["model", "model_method", "--accent"], ["extrapolation", "extrapolation", "--second"], ["persistence", "persistence", "--third"]];
const WEEK = 7 * 86400000; // ms
const STATUSES = { current: "source_current", late: "source_late", empty: "source_empty", silent: "source_silent" };
const FINE = [0.85, 1.18]; // frequency bias that is none to speak of

// Scores change once a frame; they are asked for when the page shows another one.
export async function showQuality(scene) {
  const base = `/streams/${encodeURIComponent(scene.name)}`;
  const from = new Date(scene.newest.at - WEEK).toISOString();
  const paths = ["verification", `verification?from=${from}`, "drift"];
  const answers = await Promise.all(paths.map((path) => json(`${base}/${path}`).catch(refused)));
  if (answers.includes(undefined)) return; // no answer: what is shown stays
  const [day, week, drift] = answers;
  say("quality-drift", drift ? drifting(drift) : "");
  draw(day, week, scene.map.zr);
}

// What the control charts find, in words.
function drifting({ finding, samples }) {
  const { blocks, floor } = samples.find((one) => one.series === "skill");
  return t(`drift_${finding}`, { blocks: number(blocks), floor: number(floor) });
}

// null: there is none; undefined: nobody said.
const refused = (error) => (error instanceof Refusal ? null : undefined);

function draw(day, week, zr) {
  const scores = week || day;
  const threshold = scores && Object.keys(scores.samples).sort((a, b) => a - b)[0];
  const spans = threshold ? [["day", day], ["week", week]].map(([name, one]) => span(name, one, threshold)).filter(Boolean) : [];
  const shown = spans.length === 2 && spans[0].sample.pixels === spans[1].sample.pixels ? spans.slice(0, 1) : spans;
  say("quality-sentence", spans.length ? sentence(shown) : t("not_scored"));
  say("quality-words", spans.length ? [biased(shown), t("quality_csi")].join(" ").trim() : "");
  say("quality-sample", shown.map(size).join(" "));
  $("quality-bars").replaceChildren(...(spans.length ? [bars(shown, t("bars_caption", { rate: rate(rateOf(Number(threshold), zr)) }))] : []));
  leads(spans.length ? spans[0].scores : null, threshold);
}

// What is known of a day or a week; null where nothing is.
function span(name, scores, threshold) {
  const pooled = (method) => scores?.methods[method]?.[threshold]?.pooled;
  if (pooled("model")?.csi == null) return null;
  return { name, scores, pooled, sample: scores.samples[threshold] };
}

const enough = (spans) => spans.filter((one) => one.sample.enough);

// The last day, or why not; then the last week, where that is more.
function sentence(spans) {
  const judged = enough(spans);
  if (!judged.length) return t("quality_few");
  const verdicts = judged.map((one, at) => verdict(one, at && kind(judged[0]) === kind(one)));
  return (judged[0].name === "day" ? verdicts : [t("quality_few_day"), ...verdicts]).join(" ");
}

// Ours beside extrapolation, in whole percent: what differs by less is said to be the same.
function verdict(span, again) {
  const [model, extrapolation] = compared(span);
  const words = { span: t(`in_${span.name}`), percent: percent(model), extrapolation: percent(extrapolation ?? 0) };
  return t(again && extrapolation !== null ? "quality_too" : kind(span), words);
}

function kind(span) {
  const [model, extrapolation] = compared(span).map((csi) => Math.round(100 * csi));
  if (compared(span)[1] === null) return "quality_alone";
  return model > extrapolation + 1 ? "quality_better" : model < extrapolation - 1 ? "quality_worse" : "quality_same";
}

const compared = ({ pooled }) => ["model", "extrapolation"].map((method) => pooled(method)?.csi ?? null);

const size = ({ name, sample }) => t("sample", {
  span: t(name), pixels: number(sample.pixels), blocks: number(sample.blocks), storms: number(sample.storms),
});

const percent = (share) => number(100 * share);

// The rain area of the first span that says something.
function biased(spans) {
  const bias = enough(spans)[0]?.pooled("model").bias ?? null;
  if (bias === null) return "";
  if (bias < FINE[0]) return t("bias_low", { percent: percent(bias) });
  return bias > FINE[1] ? t("bias_high", { factor: number(bias, 1) }) : t("bias_fine");
}

// One row a method: a bar for the first span, and the shares of all.
function bars(spans, caption) {
  const [{ pooled }] = spans;
  const node = table(caption, [t("method"), "CSI", ...spans.map(({ name }) => t(name))], []);
  node.className = "bars";
  node.caption.className = "";
  for (const [name, label, colour] of METHODS.filter(([method]) => pooled(method)?.csi != null)) {
    const row = element("tr");
    const cell = element("td", undefined, { "aria-hidden": "true" });
    const bar = element("i");
    bar.style.width = `${100 * pooled(name).csi}%`;
    bar.style.background = `var(${colour})`;
    cell.append(bar);
    const shares = spans.map((one) => one.pooled(name)?.csi).map((csi) => element("td", csi == null ? "–" : `${percent(csi)} %`));
    row.append(element("th", t(label), { scope: "row" }), cell, ...shares);
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
  const plot = async () => details.open && drawChart(place.firstElementChild, {
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

// How the source of the images does; empty where they are sent otherwise.
export function sourceSentence(source) {
  if (!source) return "";
  const { title, trouble, status, clock_ahead_seconds: ahead } = source;
  const time = moment(new Date(status === "silent" ? source.reported : source.newest_image));
  const words = [t(STATUSES[status], { title, time, trouble: trouble || t("source_shows_none") })];
  const minutes = Math.trunc(ahead / 60);
  if (minutes) words.push(t(minutes > 0 ? "clock_ahead" : "clock_behind", { minutes: number(Math.abs(minutes)) }));
  return words.join(" ");
}

// Model, times, notes, licence and source; what is not new stays as it is, so that it can be marked.
export function showFacts(map, source) {
  const facts = [
    [t("model"), map.model || "–"],
    [t("image_of"), map.reference_time ? moment(new Date(map.reference_time)) : "–"],
    [t("issued"), map.issued ? moment(new Date(map.issued)) : "–"],
    [t("licence"), [map.attribution, map.licence].filter(Boolean).join(", ") || t("not_stated")],
  ];
  const notes = Object.values(map.quality || {});
  if (notes.length) facts.push([t("quality_notes"), notes.join(" ")]);
  if (source) facts.push([t("source"), `${sourceSentence(source)} ${t("source_outline")}`]);
  const nodes = facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]);
  if ($("facts").textContent !== nodes.map((one) => one.textContent).join("")) $("facts").replaceChildren(...nodes);
}
