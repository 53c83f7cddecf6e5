// A forecast from the viewer's own file: sent with progress, waited for, shown, downloaded.

import { body, enterKey, hasKey, json, keyHeaders, Refusal, ask } from "./service.js";
import { element, number, t, table } from "./texts.js";

const $ = (id) => document.getElementById(id);
const ASK_EVERY = 700; // ms
const FORMATS = [["netcdf", "NetCDF", "nc"], ["json", "JSON", "json"], ["npz", "NumPy", "npz"], ["webp", "WebP", "webp"]];

export function openFile() {
  const input = $("file");
  input.onchange = () => input.files.length && submit([...input.files]);
  const drop = $("drop");
  drop.ondragover = (event) => {
    event.preventDefault();
    drop.classList.add("over");
  };
  drop.ondragleave = () => drop.classList.remove("over");
  drop.ondrop = (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) submit([...event.dataTransfer.files]);
  };
  $("file-dialog").showModal();
}

async function submit(files) {
  $("file-problem").textContent = "";
  $("file-result").replaceChildren();
  try {
    step(t("send"), 0);
    const accepted = await upload(files);
    const job = await finished(accepted);
    step("", null);
    if (job.status === "succeeded") await result(job);
    else $("file-problem").textContent = job.error?.message || t(job.status);
  } catch (error) {
    step("", null);
    $("file-problem").textContent = t("file_problem", { reason: error.message });
  }
  $("file").value = "";
}

function step(text, share) {
  $("file-step").textContent = text;
  $("file-progress").hidden = share === null;
  if (share === undefined) $("file-progress").removeAttribute("value");
  else if (share !== null) $("file-progress").value = share;
}

// By XMLHttpRequest, which tells how much has been sent.
async function upload(files) {
  const { status, response } = await new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/nowcast${reference()}`);
    request.responseType = "json";
    for (const [name, value] of Object.entries(keyHeaders())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && step(t("send"), event.loaded / event.total);
    request.onload = () => done(request);
    request.onerror = () => failed(new Error(t("no_answer")));
    request.send(form(files));
  });
  if (status === 401) {
    await enterKey(hasKey() ? response?.detail : "");
    return upload(files);
  }
  if (status >= 400) throw new Refusal(status, response || {});
  return response;
}

// The time that is typed is UTC, as those in files are.
function reference() {
  const typed = $("file-reference").value;
  return typed && `?reference_time=${encodeURIComponent(typed)}Z`;
}

function form(files) {
  const content = new FormData();
  for (const file of files) content.append("files", file, file.name);
  return content;
}

async function finished(job) {
  let state = job;
  while (["accepted", "queued", "running"].includes(state.status)) {
    step(t("progress", { status: t(state.status) }), undefined);
    await new Promise((done) => setTimeout(done, ASK_EVERY));
    state = await json(job.links.self);
  }
  return state;
}

async function result(job) {
  const picture = element("img", undefined, { alt: t("forecast"), class: "picture" });
  picture.src = URL.createObjectURL(await content(`${job.links.forecast}?format=png`));
  const links = element("p");
  for (const [format, label, ending] of FORMATS) links.append(downloadButton(job, format, label, ending));
  $("file-result").replaceChildren(element("p", t("succeeded")), picture, links, ...scores(job.verification));
}

async function content(path) {
  const answer = await ask(path);
  if (!answer.ok) await body(answer);
  return answer.blob();
}

function downloadButton(job, format, label, ending) {
  const button = element("button", `${t("download")}: ${label}`, { type: "button" });
  button.onclick = async () => {
    const link = element("a", "", { download: `forecast-${job.id.slice(0, 8)}.${ending}` });
    link.href = URL.createObjectURL(await content(`${job.links.forecast}?format=${format}`));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };
  return button;
}

function scores(verification) {
  if (!verification?.sample?.frames) return [];
  const thresholds = Object.keys(verification.methods.model);
  const cell = ({ pooled }) => pooled.csi === null ? "–" : `CSI ${number(100 * pooled.csi)} %, bias ${pooled.bias === null ? "–" : number(pooled.bias, 2)}`;
  const names = { model: "model_method", extrapolation: "extrapolation", persistence: "persistence" };
  const rows = Object.entries(verification.methods).map(([name, of]) => [t(names[name] || name), ...thresholds.map((one) => cell(of[one]))]);
  return [element("h3", t("scores")), table(t("scores"), [t("method"), ...thresholds.map((one) => `≥ ${one} dBZ`)], rows)];
}
