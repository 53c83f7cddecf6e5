// Rules of messages about the rain at a place: made, changed and deleted, as far as the key allows.

import { coordinates } from "./address.js";
import { json, send } from "./service.js";
import { element, number, rate, t } from "./texts.js";

const $ = (id) => document.getElementById(id);
const USUAL = { threshold_mm_h: 0.1, within_minutes: 30, probability: 0.5 };
const SHOWN = 3; // digits of a degree

// A form for the chosen place of a stream, below the rules that there are.
export async function openRules(stream, place) {
  const form = $("rule");
  form.onsubmit = (event) => {
    event.preventDefault();
    save(form, stream);
  };
  begin(form, place && { ...USUAL, latitude: place.lat, longitude: place.lng });
  $("rules-dialog").showModal();
  await act(() => null);
}

const path = (name) => `/rules/${encodeURIComponent(name)}`;

// Do something, show the rules as they then are, and a refusal as it is; whether it was done.
async function act(action) {
  try {
    $("rules-problem").textContent = "";
    await action();
    const { rules } = await json("/rules");
    $("rules-list").replaceChildren(...rules.map(card), ...(rules.length ? [] : [element("p", t("no_rules"))]));
    return true;
  } catch (error) {
    $("rules-problem").textContent = error.message;
    $("rules-problem").scrollIntoView({ block: "nearest" });
    return false;
  }
}

async function save(form, stream) {
  const { name, place } = form.elements;
  const where = coordinates(place.value);
  place.setCustomValidity(where ? "" : t("coordinates_wrong"));
  if (!form.reportValidity()) return;
  const changes = form.dataset.changes === name.value;
  if (!changes && known(name.value) && !confirm(t("confirm_replace", { name: name.value }))) return;
  const rule = declaration(form, form.dataset.stream || stream, where);
  if (await act(() => send("PUT", path(name.value), rule))) begin(form, { ...USUAL, latitude: where.lat, longitude: where.lng });
}

const known = (name) => [...$("rules-list").children].some((one) => one.dataset.name === name);

function declaration({ elements: given }, stream, { lat, lng }) {
  const [begins, ends] = [given.begin.value, given.end.value];
  return {
    stream, latitude: lat, longitude: lng,
    threshold_mm_h: Number(given.threshold.value), within_minutes: Number(given.within.value),
    probability: Number(given.probability.value) / 100,
    quiet_hours: begins && ends ? { begin: begins, end: ends } : null,
    time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone, language: document.documentElement.lang,
    send_to: given.addresses.value.split("\n").map((one) => one.trim()).filter(Boolean),
  };
}

// The form, empty but for what is known; of an older rule all but its secret addresses is.
function begin(form, of, name = "") {
  const { elements: given } = form;
  form.reset();
  form.dataset.changes = name;
  form.dataset.stream = of?.stream ?? "";
  $("rule-title").textContent = name ? t("rule_changes", { name }) : t("rule_new");
  given.name.value = name;
  given.name.readOnly = Boolean(name);
  if (!of) return;
  given.place.value = `${of.latitude.toFixed(SHOWN)}, ${of.longitude.toFixed(SHOWN)}`;
  given.threshold.value = of.threshold_mm_h;
  given.within.value = of.within_minutes;
  given.probability.value = Math.round(100 * of.probability);
  given.begin.value = of.quiet_hours?.begin ?? "";
  given.end.value = of.quiet_hours?.end ?? "";
}

function card({ name, declared, in_event: inEvent, undelivered }) {
  const node = element("div", undefined, { class: "card", "data-name": name });
  const quiet = declared.quiet_hours && t("rule_quiet", declared.quiet_hours);
  const states = [inEvent && t("rule_in_event"), undelivered && t("rule_undelivered", { count: number(undelivered) })];
  const words = [t("rule_words", {
    stream: declared.stream, place: `${declared.latitude.toFixed(SHOWN)}, ${declared.longitude.toFixed(SHOWN)}`,
    rate: rate(declared.threshold_mm_h), minutes: number(declared.within_minutes), percent: number(100 * declared.probability),
  }), quiet, declared.send_to.join(", "), ...states];
  node.append(
    element("strong", name), element("span", words.filter(Boolean).join(" · ")),
    button(t("change"), name, () => {
      begin($("rule"), declared, name);
      $("rule").elements.threshold.focus();
    }),
    button(t("delete"), name, () => confirm(t("confirm_delete_rule", { name })) && act(() => send("DELETE", path(name)))),
  );
  return node;
}

function button(text, name, action) {
  const node = element("button", text, { type: "button", "aria-label": `${text}: ${name}` });
  node.onclick = action;
  return node;
}
