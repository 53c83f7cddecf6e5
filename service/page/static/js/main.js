// The page: what is shown, and who is told when it changes.

import * as address from "./address.js";
import { openFile } from "./file.js";
import { coloursOf, drawLegend, loadPalettes, NAMES } from "./palette.js";
import { PlacePanel, reading } from "./place.js";
import { showFacts, showQuality, sourceSentence } from "./quality.js";
import { RainMap } from "./rainmap.js";
import { openRules } from "./rules.js";
import { codeAt, Images, json, NoAnswer, Refusal } from "./service.js";
import { openStreams } from "./streams.js";
import { ago, currentLocale, element, LANGUAGES, loadTexts, moment, number, preferred, rate, say, t } from "./texts.js";
import { Timeline } from "./timeline.js";
import { showWorkers } from "./workers.js";

const $ = (id) => document.getElementById(id);
const ASK_AGAIN = 20000; // ms: the time line has an ETag, most answers are 304
const TOWNS = 60; // in view, of which are named those that have room
const MOVING = 250; // ms, after which a view stays
const TRY_AGAIN = 5000; // ms, where there was no answer

class Page {
  constructor() {
    this.state = address.read();
    this.images = new Images((one) => this.arrived(one));
    this.map = new RainMap($("map"), {
      chosen: (place) => this.choose(place), hovered: (place) => this.hover(place),
      moved: (view) => this.moved(view),
    });
    this.timeline = new Timeline((frame, newest) => this.frameChanged(frame, newest));
    this.place = new PlacePanel((place) => this.choose(place));
    this.controls();
  }

  async start() {
    if (new URLSearchParams(location.search).has("embed")) document.body.classList.add("embed");
    this.theme(this.state.theme);
    await Promise.all([loadTexts(this.state.language), loadPalettes()]);
    this.words();
    const { baseMap, baseMapAttribution } = document.body.dataset;
    if (baseMap) this.map.baseMap(baseMap, baseMapAttribution);
    await this.refresh();
    this.map.drawLand(t("attribution_land"));
    if (this.map.ready) this.names();
  }

  // Ask what there is, and show it; where there is no answer, say that this is old, and try again.
  async refresh() {
    try {
      showWorkers();
      await this.streams();
      await this.line();
    } catch (error) {
      if (!(error instanceof NoAnswer) && !(error instanceof Refusal)) throw error;
      this.lose(error.message);
    } finally {
      clearTimeout(this.next);
      this.next = setTimeout(() => this.refresh(), this.lost ? TRY_AGAIN : ASK_AGAIN);
    }
  }

  moved(view) {
    this.keep({ view });
    clearTimeout(this.still);
    this.still = setTimeout(() => this.names(), MOVING);
  }

  // Towns in view; without an answer those that are there stay, until there is one.
  async names() {
    const sought = () => `${this.map.box()}&lang=${document.documentElement.lang}`;
    const query = sought();
    const answer = await json(`/towns?${query}&most=${TOWNS}`).catch(() => null);
    if (query !== sought()) return; // it has moved on meanwhile, and asked again
    if (answer) this.map.names(answer.towns);
    else this.still = setTimeout(() => this.names(), TRY_AGAIN);
  }

  lose(reason) {
    this.lost = reason;
    if (!this.scene) this.old(reason);
    else if (this.age()) this.place.show(this.state.place, this.scene);
  }

  // The service answers (again): what failed meanwhile is asked for once more.
  answered() {
    if (this.lost) this.images.failed.clear();
    this.lost = "";
    this.old("");
  }

  async streams() {
    const { streams } = await json("/streams");
    const names = streams.map((one) => one.name);
    $("stream-field").hidden = names.length < 2;
    if ([...$("stream").options].map((one) => one.value).join() !== names.join()) {
      $("stream").replaceChildren(...names.map((name) => new Option(name, name)));
    }
    this.name = names.includes(this.state.stream) ? this.state.stream : names[0];
    const chosen = streams.find((one) => one.name === this.name);
    this.hasImages = Boolean(chosen?.newest_frame);
    this.source = chosen?.fetching;
    this.map.outline(this.source?.outline);
    $("stream").value = this.name ?? "";
    if (this.name) return;
    this.answered();
    this.empty(t("no_streams"));
  }

  async line() {
    if (!this.name) return;
    const name = this.name;
    try {
      const map = await json(`/streams/${encodeURIComponent(name)}/map`);
      this.answered();
      // What plays has moved on meanwhile, to a moment whose image may not be there either.
      while (this.scene?.name === name && await this.images.first(this.coming(map)));
      if (name === this.name) this.fill(name, map);
    } catch (error) {
      if (error.kind !== "no-map") throw error;
      this.answered();
      this.empty([t(this.hasImages ? "no_map" : "no_images", { name }), sourceSentence(this.source)].join(" "));
    }
  }

  // The image that will be shown of other frames; until it is there, what is shown stays.
  coming({ frames }) {
    const stays = frames.find((frame) => Date.parse(frame.time) === this.timeline.stays);
    const { images } = stays ?? frames.findLast((frame) => frame.observed);
    return images[$("layer").value] ?? images.rain;
  }

  fill(name, map) {
    const other = this.scene?.name !== name;
    const changed = other || JSON.stringify(map) !== this.text;
    this.text = JSON.stringify(map);
    for (const frame of map.frames) frame.at = Date.parse(frame.time);
    const newest = map.frames.findLast((frame) => frame.observed);
    this.scene = { name, map, newest, stale: this.scene?.stale, images: this.images };
    const turned = this.age();
    $("empty").hidden = true;
    showFacts(map, this.source);
    if (!changed && !turned) return undefined;
    $("timebar").hidden = !map.frames.length;
    if (other) this.map.fit(map.bounds, this.state.view);
    this.layers();
    this.timeline.fill(map.frames, other && this.state.time);
    this.load();
    showQuality(this.scene);
    if (other && this.state.place) this.map.mark(this.state.place);
    return this.place.show(this.state.place, this.scene);
  }

  // Near the moment that is shown first; what is shown of forecasts, and all observed rain.
  load() {
    const { frames } = this.scene.map;
    const near = frames.map((frame, at) => [Math.abs(at - this.timeline.index), this.image(frame)]);
    const chosen = near.sort(([a], [b]) => a - b).map(([, one]) => one).filter(Boolean);
    const observed = frames.filter((frame) => frame.observed).map((frame) => frame.images.rain);
    const listed = new Set(frames.flatMap((frame) => Object.values(frame.images)));
    this.images.load([...new Set([...chosen, ...observed])], listed);
    this.timeline.loaded((frame) => this.images.get(this.image(frame)));
  }

  // The address of a frame's image: observed times have rain alone.
  image(frame) {
    return frame.images[this.layer(frame).name];
  }

  layer(frame) {
    const { layers } = this.scene.map;
    const chosen = layers.find((one) => one.name === $("layer").value);
    return chosen && frame?.images[chosen.name] ? chosen : layers.find((one) => one.name === "rain");
  }

  arrived(one) {
    if (!this.scene) return;
    this.timeline.loaded((frame) => this.images.get(this.image(frame)));
    if (this.image(this.timeline.frame) === one) this.draw();
    const observed = this.scene.map.frames.filter((frame) => frame.observed);
    if (observed.every((frame) => this.images.get(frame.images.rain))) this.placeOnce();
  }

  placeOnce() {
    clearTimeout(this.later);
    this.later = setTimeout(() => this.place.show(this.state.place, this.scene), 50);
  }

  frameChanged(frame, newest) {
    this.keep({ time: newest || this.timeline.playing ? undefined : frame.time });
    this.draw();
  }

  draw() {
    const { frame } = this.timeline;
    const layer = this.layer(frame);
    const palette = $("palette").value;
    this.map.rain.show(this.images.get(this.image(frame)), this.scene.map.bounds, coloursOf(palette, layer.unit));
    const legend = `${palette} ${layer.unit} ${currentLocale()} ${document.documentElement.dataset.theme}`;
    if (legend !== this.legend) drawLegend(palette, layer, this.scene.map.zr);
    this.legend = legend;
    this.hover(this.hovered);
  }

  hover(place) {
    this.hovered = place;
    const frame = this.scene && this.timeline.frame;
    const image = place && frame && this.images.get(this.image(frame));
    $("readout").textContent = image
      ? reading(codeAt(image, this.scene.map.bounds, place), this.layer(frame), this.scene.map.zr) : "";
  }

  choose({ lat, lng, name }) {
    const place = { lat, lng: ((((lng + 180) % 360) + 360) % 360) - 180, name };
    this.keep({ place });
    this.map.mark(place);
    $("map").blur(); // arrows move in time again
    if (this.scene) this.place.show(place, this.scene);
  }

  keep(changes) {
    Object.assign(this.state, changes);
    address.write(this.state);
  }

  // --- what surrounds the map

  controls() {
    $("stream").addEventListener("change", () => {
      this.keep({ stream: $("stream").value, view: undefined, time: undefined });
      this.refresh();
    });
    $("layer").addEventListener("change", () => {
      this.keep({ layer: $("layer").value });
      this.load();
      this.draw();
    });
    $("palette").addEventListener("change", () => {
      this.keep({ palette: $("palette").value });
      if (this.scene) this.draw();
    });
    $("language").addEventListener("change", async () => {
      this.keep({ language: $("language").value });
      await loadTexts(this.state.language);
      this.words();
      this.names();
      this.again();
      showWorkers();
    });
    $("menu").addEventListener("click", () => $("menu").setAttribute("aria-expanded", $("menu").getAttribute("aria-expanded") !== "true"));
    $("theme").addEventListener("click", () => this.theme(this.dark() ? "light" : "dark"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.theme(this.state.theme));
    addEventListener("hashchange", () => location.reload());
    for (const event of ["online", "offline"]) addEventListener(event, () => this.refresh());
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
    $("legend").open = innerWidth > 864 && innerHeight > 600;
    addEventListener("resize", () => this.scene && this.timeline.draw());
    $("open-file").addEventListener("click", () => openFile());
    $("open-rules").addEventListener("click", () => openRules(this.name, this.state.place));
    $("open-streams").addEventListener("click", () => openStreams(() => this.refresh()));
  }

  dark() {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    return (this.state.theme || system) === "dark";
  }

  theme(chosen) {
    if (chosen) this.keep({ theme: chosen });
    document.documentElement.dataset.theme = this.dark() ? "dark" : "light";
    $("theme").textContent = t(this.dark() ? "light" : "dark");
    this.map.recolour();
    if (this.scene) this.again();
  }

  // Everything once more, in other words or colours.
  again() {
    if (!this.scene) return;
    this.text = "";
    this.fill(this.name, this.scene.map);
    this.draw();
  }

  words() {
    const names = Object.entries(LANGUAGES).map(([name, text]) => new Option(text, name));
    $("language").replaceChildren(...names);
    $("language").value = preferred(this.state.language);
    const chosen = NAMES.includes(this.state.palette) ? this.state.palette : NAMES[0];
    $("palette").replaceChildren(...NAMES.map((name) => new Option(t(`palette_${name}`), name)));
    $("palette").value = chosen;
    $("theme").textContent = t(this.dark() ? "light" : "dark");
    this.map.label();
    this.timeline.label();
  }

  layers() {
    const { layers } = this.scene.map;
    const options = layers.map((one) => new Option(layerName(one), one.name));
    $("layer").replaceChildren(...options);
    const known = layers.some((one) => one.name === this.state.layer);
    $("layer").value = known ? this.state.layer : "rain";
  }

  // Say how old what is shown is; whether that has become another matter than before.
  age() {
    const { newest, map, stale } = this.scene;
    const late = Date.now() - newest.at > 60000 * map.late_after_minutes;
    this.scene.stale = late || Boolean(this.lost);
    const words = { time: moment(new Date(newest.at)), age: ago(new Date(newest.at)) };
    this.old(this.lost ? t("lost", { reason: this.lost, ...words }) : late ? t("stale", words) : "");
    this.status(this.scene.stale ? "" : t("newest_image", words));
    return stale !== this.scene.stale;
  }

  // What is shown must not be read as now: a sentence above everything, and a frame around the map.
  old(text) {
    document.body.classList.toggle("old", Boolean(text));
    $("old").hidden = !text;
    say("old", text);
  }

  status(text) {
    say("status", text);
  }

  empty(text) {
    $("empty").hidden = false;
    $("empty").textContent = text;
    this.status("");
    if (!this.map.ready) this.map.map.setView([30, 10], 2);
    if (this.scene && this.scene.name !== this.name) {
      this.scene = undefined;
      this.map.rain.show(undefined, undefined, undefined);
      $("timebar").hidden = true;
    }
  }
}

function layerName({ name, unit, threshold_mm_h: threshold }) {
  if (unit === "%") return t("probability", { rate: rate(threshold) });
  return t(name);
}

new Page().start();
