// Words, numbers and times in the viewer's language and time zone.

export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français" };
let texts = {};
let language = "en";
let locale = "en"; // with the viewer's country, which decides how times are written

export function preferred(chosen) {
  const known = (name) => name && name.slice(0, 2) in LANGUAGES;
  return ([chosen, ...navigator.languages].find(known) || "en").slice(0, 2);
}

export async function loadTexts(chosen) {
  const wanted = preferred(chosen);
  const answer = await fetch(new URL(`../texts/${wanted}.json`, import.meta.url)).catch(() => null);
  if (!answer?.ok) return; // nobody answers: the words that are there stay
  texts = await answer.json();
  language = wanted;
  locale = navigator.languages.find((one) => one.startsWith(language)) || language;
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", t(node.dataset.label));
  }
}

export function currentLocale() {
  return locale;
}

export function t(key, values = {}) {
  const text = texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

export function number(value, digits = 0) {
  const options = { maximumFractionDigits: digits, minimumFractionDigits: 0 };
  return new Intl.NumberFormat(locale, options).format(value);
}

// A rain rate in mm/h with as many digits as it deserves.
export function rate(value) {
  return number(value, value < 1 ? 2 : value < 10 ? 1 : 0);
}

export function clock(date) {
  return new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" }).format(date);
}

// With the day where it is not today's.
export function moment(date) {
  const today = date.toDateString() === new Date().toDateString();
  const day = { weekday: "short", day: "numeric", month: "short" };
  if (date.getFullYear() !== new Date().getFullYear()) day.year = "numeric";
  const time = clock(date);
  return today ? time : `${new Intl.DateTimeFormat(locale, day).format(date)}, ${time}`;
}

// "3 minutes ago"
export function ago(date) {
  const minutes = Math.round((date - Date.now()) / 60000);
  const form = new Intl.RelativeTimeFormat(language, { numeric: minutes ? "always" : "auto" });
  const size = Math.abs(minutes);
  if (size < 90) return form.format(minutes, "minute");
  if (size < 48 * 60) return form.format(Math.round(minutes / 60), "hour");
  return form.format(Math.round(minutes / 1440), "day");
}

// A sentence on the page: a number stays in one line with its unit.
export function say(id, text) {
  const words = text.replaceAll("mm/h", "mm/\u2060h").replace(/(\d) (?=%|(?:mm\/|min|dBZ))/g, "$1\u00a0");
  const node = document.getElementById(id);
  if (node.textContent !== words) node.textContent = words;
}

export function element(tag, text, attributes = {}) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

// Rows of texts as a table; the first column heads its row.
export function table(caption, head, rows) {
  const node = element("table");
  node.append(element("caption", caption, { class: "hidden" }));
  const top = element("tr");
  top.append(...head.map((text) => element("th", text, { scope: "col" })));
  node.append(element("thead"), element("tbody"));
  node.tHead.append(top);
  for (const [first, ...rest] of rows) {
    const row = element("tr");
    row.append(element("th", first, { scope: "row" }), ...rest.map((text) => element("td", text)));
    node.tBodies[0].append(row);
  }
  return node;
}
