// Whether anybody forecasts: how many workers there are, and how much waits for them.

import { json, Refusal } from "./service.js";
import { number, say, t } from "./texts.js";

const TROUBLES = { "no-worker": "no_worker", "engine-unreachable": "no_queue", "disk-full": "disk_full", stopping: "stopping" };
const node = () => document.getElementById("workers");

// Nothing is said where nobody answers: that stands above everything then.
export async function showWorkers() {
  const answer = await json("/readyz").catch((error) => error);
  const refused = answer instanceof Refusal;
  node().classList.toggle("trouble", refused);
  say("workers", refused ? trouble(answer) : answer instanceof Error ? "" : words(answer));
}

const trouble = ({ kind, message }) => t(TROUBLES[kind] ?? "not_ready", { reason: message });

function words({ workers, queued }) {
  const there = t(workers.length === 1 ? "one_worker" : "workers", { count: number(workers.length) });
  const waits = t(queued === 0 ? "nothing_waits" : queued === 1 ? "one_waits" : "some_wait", { count: number(queued) });
  return `${there}, ${waits}`;
}
