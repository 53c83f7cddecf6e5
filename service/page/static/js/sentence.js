// One sentence about the rain at a place, from the forecast there. It never says "dry" where radar
// does not see, and says from which image it speaks.

import { rateOf } from "./frames.js";
import { clock, number, rate, t } from "./texts.js";

const RAIN_MM_H = 0.1; // from which it rains
const BRIDGED = 10; // minutes without rain that do not end it

// Times, rates (null: unknown) and probabilities of the next hour at a place.
export function pointSeries(point) {
  const chances = Object.entries(point.exceedance_probability).sort(([a], [b]) => a - b)[0];
  const over = chances && rateOf(Number(chances[0]), point.zr); // mm/h that the chance is about
  return point.valid_times.map((time, at) => ({
    over,
    time: new Date(time),
    lead: point.lead_minutes[at],
    rate: point.radar_coverage[at] ? point.rain_rate_mm_h[at] : null,
    dbz: point.radar_coverage[at] ? point.reflectivity_dbz[at] : null,
    extrapolation: point.radar_coverage[at] ? point.extrapolation_dbz[at] : null,
    chance: point.radar_coverage[at] && chances ? chances[1][at] : null,
  }));
}

export function sentence(series, raining) {
  const known = series.filter((one) => one.rate !== null);
  const last = series[series.length - 1];
  if (!known.length) return t("w_unknown");
  const wet = spell(known);
  if (!wet.length) return t(known.length < series.length ? "w_dry_partly" : "w_dry", { end: clock(last.time) });
  const peak = wet.reduce((best, one) => (one.rate > best.rate ? one : best));
  const parts = [raining && wet[0] === series[0] ? t("w_now") : t("w_from", { start: clock(wet[0].time) })];
  if (wet.some((one) => one.rate < RAIN_MM_H)) parts.push(t("w_intermittent"));
  parts.push(t("w_peak", { rate: rate(peak.rate), time: clock(peak.time) }));
  const chance = Math.max(...wet.map((one) => one.chance ?? -1));
  if (chance >= 0) parts.push(`, ${t("chance", { percent: number(Math.round(chance * 20) * 5), rate: rate(wet[0].over) })}`);
  return `${parts.join("")}${ending(series, wet)}.`;
}

// From the first wet time to the last that is not behind a longer break.
function spell(known) {
  const first = known.findIndex((one) => one.rate >= RAIN_MM_H);
  if (first < 0) return [];
  let last = first;
  for (let at = first + 1; at < known.length; at += 1) {
    const gap = (known[at].time - known[last].time) / 60000;
    if (known[at].rate >= RAIN_MM_H && gap <= BRIDGED + step(known)) last = at;
  }
  return known.slice(first, last + 1);
}

const step = (known) => (known.length > 1 ? (known[1].time - known[0].time) / 60000 : 0);

// What comes after the spell: rain again, dryness of more than a short break, or what is not known.
function ending(series, wet) {
  const last = wet[wet.length - 1];
  const rest = series.slice(series.indexOf(last) + 1);
  const again = rest.filter((one) => one.rate !== null && one.rate >= RAIN_MM_H);
  if (again.length) {
    const highest = Math.max(...again.map((one) => one.rate));
    return t("w_returns", { start: clock(again[0].time), rate: rate(highest) });
  }
  if (!rest.length) return t("w_stays", { end: clock(last.time) });
  const unknown = rest.findIndex((one) => one.rate === null);
  const dry = unknown < 0 ? rest : rest.slice(0, unknown);
  const minutes = dry.length ? (dry[dry.length - 1].time - last.time) / 60000 : 0;
  if (minutes <= BRIDGED) return t("w_again_unsure", { end: clock((dry[dry.length - 1] || last).time) });
  return t("w_again", { end: clock(dry[0].time) });
}
