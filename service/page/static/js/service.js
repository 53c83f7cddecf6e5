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

// --- images

// Value-coded images, read into bytes: a palette then changes without a request, and every pixel
// can be read. Code v is (v / 2 - 32) dBZ, or v percent.

export const NOT_TRACEABLE = 254;
export const NOT_OBSERVED = 255;
const AT_A_TIME = 4;
const TRIES = 3;

export const dbzOf = (code) => code / 2 - 32;
export const rateOf = (dbz, zr) => (10 ** (dbz / 10) / zr.a) ** (1 / zr.b);
export const dbzOfRate = (rate, zr) => 10 * Math.log10(zr.a * rate ** zr.b);

// The images of one time line; those that a newer one still lists are not asked for again.
export class Images {
  constructor(changed) {
    this.changed = changed;
    this.loaded = new Map();
    this.failed = new Map();
    this.queue = [];
    this.pending = new Map(); // of those that are being read
  }

  get(address) {
    return this.loaded.get(address);
  }

  // Load these, the first ones first, and forget all others.
  load(addresses, listed) {
    for (const known of [this.loaded, this.failed]) {
      for (const address of [...known.keys()]) if (!listed.has(address)) known.delete(address);
    }
    const missing = (one) => !this.loaded.has(one) && (this.failed.get(one) || 0) < TRIES;
    this.queue = addresses.filter(missing);
    for (let free = AT_A_TIME - this.pending.size; free > 0; free -= 1) this.next();
  }

  async next() {
    const address = this.queue.find((one) => !this.pending.has(one));
    if (!address) return;
    this.queue.splice(this.queue.indexOf(address), 1);
    await this.read(address);
    this.next();
    this.changed(address);
  }

  // One that is about to be shown, before all others; whether it had to be waited for.
  async first(address) {
    if (!address || this.loaded.has(address) || this.failed.has(address)) return false;
    await (this.pending.get(address) ?? this.read(address));
    return true;
  }

  read(address) {
    const reading = this.keep(address).finally(() => this.pending.delete(address));
    this.pending.set(address, reading);
    return reading;
  }

  async keep(address) {
    const image = await codes(address).catch(() => null);
    if (image) this.loaded.set(address, image);
    else this.failed.set(address, (this.failed.get(address) || 0) + 1);
  }
}

// Height, width and codes of an image; its grey values are taken as they are.
async function codes(address) {
  const answer = await ask(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(await answer.blob(), options);
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
  const values = new Uint8Array(pixels.length);
  for (let at = 0; at < pixels.length; at += 1) values[at] = pixels[at] & 255;
  return { width, height, values };
}

// The code at a place, by rows of Web Mercator; undefined outside of the image.
export function codeAt(image, bounds, { lat, lng }) {
  const height = (latitude) => Math.asinh(Math.tan((latitude * Math.PI) / 180));
  const north = height(bounds.north);
  const east = lng < bounds.west ? lng + 360 : lng;
  const row = Math.floor(((north - height(lat)) / (north - height(bounds.south))) * image.height);
  const column = Math.floor(((east - bounds.west) / (bounds.east - bounds.west)) * image.width);
  if (row < 0 || column < 0 || row >= image.height || column >= image.width) return undefined;
  return image.values[row * image.width + column];
}
