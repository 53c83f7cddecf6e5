// Requests to this service. Where it wants an API key the page asks for one, and keeps it here.

import { t } from "./texts.js";

const PATIENCE = 15000; // ms, for JSON: a service that hangs does not answer
let key = "";
let asking = null;

export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || String(status));
    this.status = status;
    this.kind = (problem.type || "").split(":").pop();
  }
}

export class NoAnswer extends Error {
  constructor() {
    super(t("no_answer"));
  }
}

const unanswered = () => {
  throw new NoAnswer();
};

export const keyHeaders = () => (key ? { Authorization: `Bearer ${key}` } : {});
export const hasKey = () => key !== "";

export async function ask(path, options = {}) {
  const used = key;
  const { patience, ...given } = options;
  const limits = patience ? { signal: AbortSignal.timeout(patience) } : {};
  const headers = { ...options.headers, ...keyHeaders() };
  const answer = await fetch(path, { ...given, ...limits, headers }).catch(unanswered);
  if (answer.status !== 401) return answer;
  if (used === key) await enterKey(used ? await detail(answer) : "");
  return ask(path, options);
}

export async function json(path, options) {
  return body(await ask(path, { patience: PATIENCE, ...options }));
}

export function send(method, path, content) {
  const headers = { "Content-Type": "application/json" };
  return json(path, { method, headers, body: content && JSON.stringify(content) });
}

export async function body(answer) {
  if (answer.status === 204) return null;
  const content = await answer.json().catch(() => null);
  if (content === null && (answer.ok || answer.status >= 500)) throw new NoAnswer();
  if (!answer.ok) throw new Refusal(answer.status, content ?? {});
  return content;
}

const detail = (answer) => answer.json().then((one) => one.detail, () => "");

// One dialog for all requests that wait for a key.
export function enterKey(reason) {
  asking ||= new Promise((done) => {
    const dialog = document.getElementById("key-dialog");
    const form = document.getElementById("key-form");
    const input = document.getElementById("key-input");
    document.getElementById("key-problem").textContent = reason ? t("key_wrong", { reason }) : "";
    form.onsubmit = (event) => {
      event.preventDefault();
      key = input.value.trim();
      input.value = "";
      asking = null;
      dialog.close();
      done();
    };
    dialog.oncancel = (event) => event.preventDefault();
    dialog.showModal();
  });
  return asking;
}
