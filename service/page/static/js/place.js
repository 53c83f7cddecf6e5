// The rain at one place: a sentence, a chart of the hours around now, the same as a table.

import { coordinates } from "./address.js";
import { drawChart } from "./chart.js";
import { codeAt, dbzOf, json, NoAnswer, NOT_TRACEABLE, rateOf } from "./service.js";
import { clock, element, moment, number, rate, say, t, table } from "./texts.js";

const $ = (id) => document.getElementById(id);
const TYPING = 250; // ms, after which somebody who types has paused
const OFFERED = 8; // towns
const COUNTRY = /,\s*[A-Z]{2}\s*$/;
const INTENSITIES = [["rain_light", 2.5], ["rain_moderate", 10], ["rain_heavy", 50], ["rain_violent", Infinity]]; // below, mm/h
const LEAST_SCALE = 2; // mm/h: drizzle must not look like a cloudburst

export class PlacePanel {
  constructor(chosen) {
    this.towns = new Map(); // that were offered, by what stands in the list
    $("place-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const place = await this.find($("place-input").value);
      $("place-problem").textContent = place ? "" : t("coordinates_wrong");
      if (place) chosen(place);
    });
    $("place-input").addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.suggest($("place-input").value), TYPING);
    });
    $("locate").addEventListener("click", () => locate(chosen));
    $("locate").hidden = !isSecureContext; // browsers tell no position to others
  }

  // What somebody typed: a coordinate, or a town; null where it is neither.
  async find(text) {
    const place = coordinates(text);
    if (place) return place;
    const named = this.towns.get(text) || [...await this.suggest(text)][0];
    return named ? { lat: named.latitude, lng: named.longitude, name: named.name } : null;
  }

  // Towns whose name begins so, offered below the field; those of the map first.
  async suggest(text) {
    const name = text.replace(COUNTRY, "").trim();
    if (name.length < 2 || coordinates(text) || this.towns.has(text)) return [];
    const where = this.last?.[1].map?.bounds ?? {};
    const answer = await json(`/towns?${new URLSearchParams({ name, most: OFFERED, lang: document.documentElement.lang, ...where })}`).catch(() => null);
    const towns = answer?.towns ?? [];
    for (const one of towns.toReversed()) this.towns.set(`${one.name}, ${one.country}`, one);
    const labels = new Set(towns.map((one) => `${one.name}, ${one.country}`));
    $("towns").replaceChildren(...[...labels].map((label) => new Option(label, label)));
    return towns;
  }

  // What is known of a place: by the images that are there, and the newest forecast.
  async show(place, scene) {
    this.last = [place, scene];
    if (!place || !scene.map) return;
    document.body.classList.add("at");
    $("place-problem").textContent = "";
    $("place-title").textContent = [t("place"), place.name].filter(Boolean).join(": ");
    $("place-input").value = place.name || `${place.lat.toFixed(3)}, ${place.lng.toFixed(3)}`;
    const [point, rain] = await this.ask(place, scene);
    if (this.last[0] !== place) return; // another place was chosen meanwhile
    this.draw(observations(place, scene), point && pointSeries(point), rain, scene);
  }

  // The forecast there, and the sentence about it, which the service words.
  async ask(place, scene) {
    const { reference_time: reference, issued } = scene.map;
    const { lang } = document.documentElement;
    const where = `${scene.name} ${place.lat} ${place.lng}`;
    const key = [where, reference, issued, scene.newest?.at, scene.stale, lang].join(" ");
    if (this.asked !== key) {
      const stream = `/streams/${encodeURIComponent(scene.name)}`;
      const query = `lat=${place.lat.toFixed(5)}&lon=${place.lng.toFixed(5)}`;
      const zone = encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone);
      this.asked = key;
      this.answers = Promise.all([json(`${stream}/point?${query}`), json(`${stream}/rain?${query}&lang=${lang}&tz=${zone}`)]);
    }
    try {
      this.known = await this.answers;
      this.of = where;
      return this.known;
    } catch (error) {
      $("place-problem").textContent = error.message;
      if (!(error instanceof NoAnswer)) return [null, null];
      this.asked = ""; // so that it is asked for again
      return this.of === where ? this.known : [null, null];
    }
  }

  draw(past, series, rain, scene) {
    const newest = past[past.length - 1];
    const last = Math.max(...scene.map.frames.filter((one) => one.observed).map((one) => one.at));
    const ahead = series && series.filter((one) => one.time > last);
    say("place-sentence", rain ? worded(rain, scene) : t("no_forecast"));
    say("place-now", newest ? t("seen_at", { time: clock(newest.time), words: words(newest) }) : "");
    this.chart(past, ahead || []);
    $("place-table").lastElementChild.replaceChildren(asTable(past, ahead || []));
    $("place-table").hidden = !(past.length || ahead?.length);
  }

  chart(past, series) {
    const node = $("place-chart");
    node.hidden = !(past.length || series.length);
    if (node.hidden) return;
    const over = series.find((one) => one.over)?.over;
    const x = [...past, ...series].map((one) => one.time / 1000);
    const empty = (list) => list.map(() => null);
    const ahead = (value) => [...empty(past).slice(1), ...past.slice(-1).map((one) => one.rate), ...series.map(value)];
    showKey(series, over);
    const beyond = series.map((one, at) => one.beyond || series[at + 1]?.beyond ? one.rate : null);
    const lines = [(one) => one.beyond ? null : one.rate, (one) => one.moved, ...(hasBand(series) ? [lowest, highest] : [])];
    const data = [
      x,
      [...empty(past), ...series.map((one) => one.chance === null ? null : 100 * one.chance)],
      [...past.map((one) => one.rate), ...empty(series)],
      ...lines.map(ahead),
      [...empty(past), ...beyond],
    ];
    const top = Math.max(LEAST_SCALE, ...data.slice(2).flat().map((value) => 1.15 * (value || 0)));
    const percent = { scale: "%", side: 1, grid: { show: false }, label: "%", labelSize: 18, size: 36 };
    drawChart(node, {
      data,
      times: true,
      marks: past.length ? [past[past.length - 1].time / 1000] : [],
      scales: { x: { time: false, range: [x[0], x[x.length - 1] + 150] }, y: { range: [0, top] }, "%": { range: [0, 100] } },
      axes: [{ label: t("rate"), labelSize: 18, size: 40 }, percent],
      series: [
        { scale: "%", fill: "--chance", width: 0, points: { show: false }, paths: bars },
        { stroke: "--text", width: 2, points: { show: false } },
        { stroke: "--accent", width: 2, dash: [6, 4], points: { show: false } },
        { stroke: "--second", width: 1.5, dash: [2, 3], points: { show: false } },
        ...lines.slice(2).map(() => ({ width: 0, points: { show: false } })),
        { stroke: "--accent", width: 2, dash: [2, 5], points: { show: false } },
      ],
      bands: hasBand(series) ? [{ series: [6, 5], fill: "--band" }] : [],
    });
  }
}

// The products of a forecast between which the rain may lie: the default one, and the mean.
const hasBand = (series) => series.some((one) => one.mean !== null);
const between = (choose) => (one) => one.rate === null || one.mean === null ? null : choose(one.rate, one.mean);
const [lowest, highest] = [between(Math.min), between(Math.max)];

// What the lines and bars of the chart are.
function showKey(series, over) {
  const known = [["seen", t("observed")], ...(series.length ? [["ahead", t("forecast")], ["moved", t("moved_along")]] : [])];
  if (series.some((one) => one.beyond)) known.splice(2, 0, ["beyond", t("extrapolated")]);
  if (hasBand(series)) known.push(["band", t("band")]);
  if (over) known.push(["chance", t("probability", { rate: rate(over) })]);
  $("place-key").replaceChildren(...known.map(([kind, text]) => element("span", text, { class: kind })));
}

const bars = (...given) => window.uPlot.paths.bars({ size: [0.8, 14] })(...given);

// Times, rates (null: unknown) and probabilities of the next hour at a place.
function pointSeries(point) {
  const chances = Object.entries(point.exceedance_probability).sort(([a], [b]) => a - b)[0];
  const over = chances && rateOf(Number(chances[0]), point.zr); // mm/h that the chance is about
  const mixed = point.lead_sources.includes("network");
  return point.valid_times.map((time, at) => ({
    over,
    time: new Date(time),
    lead: point.lead_minutes[at],
    beyond: mixed && point.lead_sources[at] !== "network", // after the leads of the network
    rate: point.radar_coverage[at] ? point.rain_rate_mm_h[at] : null,
    dbz: point.radar_coverage[at] ? point.reflectivity_dbz[at] : null,
    mean: point.radar_coverage[at] ? point.expected_rain_rate_mm_h[at] ?? null : null,
    moved: point.radar_coverage[at] ? rateOrNull(point.extrapolation_dbz[at], point.zr) : null,
    chance: point.radar_coverage[at] && chances ? chances[1][at] : null,
  }));
}

const rateOrNull = (dbz, zr) => dbz === null ? null : rateOf(dbz, zr);

// What the images of observed times say there; null: not observed.
export function observations(place, { map, images }) {
  const past = [];
  for (const frame of map.frames.filter((one) => one.observed)) {
    const image = images.get(frame.images.rain);
    const code = image && codeAt(image, map.bounds, place);
    if (code === undefined) continue;
    const known = code < NOT_TRACEABLE;
    const value = known && code > 0 ? rateOf(dbzOf(code), map.zr) : 0;
    past.push({ time: new Date(frame.at), rate: known ? value : null, dbz: known && code > 0 ? dbzOf(code) : null });
  }
  return past;
}

// What was answered before the service fell silent is about the image of then.
function worded({ sentence, stale, observed }, scene) {
  if (stale || !scene.stale || !observed) return sentence;
  return t("seen_from", { time: moment(new Date(observed)), sentence });
}

function words(one) {
  if (one.rate === null) return t("not_observed");
  if (one.rate < 0.1) return t("dry_at");
  return `${rate(one.rate)} mm/h, ${intensity(one.rate)}`;
}

// As meteorologists call it.
function intensity(value) {
  const [name] = INTENSITIES.find(([, below]) => value < below);
  return t(name);
}

function kind(one) {
  if (one.lead === undefined) return t("observed");
  return t(one.beyond ? "extrapolated" : "forecast");
}

function asTable(past, series) {
  const over = series.find((one) => one.over)?.over;
  const chance = (one) => one.chance === undefined || one.chance === null ? "–" : `${number(100 * one.chance)} %`;
  const unknown = (one) => one.rate === null && one.lead !== undefined ? t("not_traceable") : words(one);
  const mean = (one) => one.mean === undefined || one.mean === null ? "–" : `${rate(one.mean)} mm/h`;
  const means = hasBand(series) ? [mean] : [];
  const rows = [...past, ...series].map((one) => [
    clock(one.time), kind(one), unknown(one), ...means.map((of) => of(one)), chance(one),
  ]);
  const heads = [t("time"), "", t("rate_short"), ...means.map(() => t("expected")), over ? t("probability", { rate: rate(over) }) : "%"];
  return table(t("place"), heads, rows);
}

// Only when asked: the position stays in this tab.
function locate(chosen) {
  const failed = (reason) => { $("place-problem").textContent = t("locate_failed", { reason }); };
  if (!navigator.geolocation) return failed("–");
  return navigator.geolocation.getCurrentPosition(
    ({ coords }) => chosen({ lat: coords.latitude, lng: coords.longitude }),
    (error) => failed(error.message),
  );
}

// What a pixel under the pointer says.
export function reading(code, layer, zr) {
  if (code === undefined) return t("outside");
  if (code === 255) return t("not_observed");
  if (code === 254) return t("not_traceable");
  if (layer.unit === "%") return `${number(code)} %`;
  if (layer.unit === "outcome") return t(["correct_negative", "hit", "miss", "false_alarm"][code]);
  const dbz = dbzOf(code);
  return code === 0 ? t("dry_at") : `${number(dbz, 1)} dBZ · ${rate(rateOf(dbz, zr))} mm/h · ${intensity(rateOf(dbz, zr))}`;
}
