// Streams: declare, pause, resume and delete them, as far as the key allows.

import { json, send } from "./service.js";
import { ago, element, t } from "./texts.js";

const $ = (id) => document.getElementById(id);

export async function openStreams(changed) {
  $("declare").onsubmit = (event) => {
    event.preventDefault();
    const given = new FormData(event.target);
    const declaration = { step_minutes: Number(given.get("step")), units: given.get("units") };
    act(() => send("PUT", path(given.get("name")), declaration), changed);
  };
  $("streams-problem").textContent = "";
  $("streams-dialog").showModal();
  await act(() => null, changed);
}

const path = (name) => `/streams/${encodeURIComponent(name)}`;

// Do something, show the streams as they then are, and a refusal as it is.
async function act(action, changed) {
  try {
    $("streams-problem").textContent = "";
    await action();
    const { streams } = await json("/streams");
    $("streams-list").replaceChildren(...streams.map((one) => card(one, changed)));
    changed();
  } catch (error) {
    $("streams-problem").textContent = error.message;
  }
}

function card(stream, changed) {
  const node = element("div", undefined, { class: "card" });
  const newest = stream.newest_frame ? ago(new Date(stream.newest_frame)) : t("no_images", { name: stream.name });
  node.append(element("strong", stream.name), element("span", [newest, stream.paused && t("paused")].filter(Boolean).join(" · ")));
  node.append(
    button(t(stream.paused ? "resume_stream" : "pause_stream"), stream, () => send("PATCH", path(stream.name), { paused: !stream.paused }), changed),
    button(t("delete"), stream, () => confirm(t("confirm_delete", { name: stream.name })) && send("DELETE", path(stream.name)), changed),
  );
  return node;
}

function button(text, stream, action, changed) {
  const node = element("button", text, { type: "button", "aria-label": `${text}: ${stream.name}` });
  node.onclick = () => act(action, changed);
  return node;
}
