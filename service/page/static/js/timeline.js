// The time line: which moment is shown, and playing.

import { clock, element, moment, t } from "./texts.js";

const $ = (id) => document.getElementById(id);
const LAST_STAYS = 3; // steps

export class Timeline {
  constructor(changed) {
    this.changed = changed;
    this.frames = [];
    this.index = 0;
    $("moment").addEventListener("input", () => this.chosen(Number($("moment").value)));
    $("play").addEventListener("click", () => this.play(!this.playing));
    $("newest").addEventListener("click", () => this.chosen(this.border));
    document.addEventListener("keydown", (event) => this.key(event));
  }

  // The last frame that was observed: what comes after it is forecast.
  get border() {
    return Math.max(0, this.frames.findLastIndex((frame) => frame.observed));
  }

  // The moment that is shown also when there are other frames; NaN: the newest image's.
  get stays() {
    const follows = !this.frame || (this.index === this.border && !this.playing);
    return follows ? NaN : this.frame.at;
  }

  get frame() {
    return this.frames[this.index];
  }

  // Other frames; the moment stays, unless it was the newest image's.
  fill(frames, time) {
    const at = time ? Date.parse(time) : this.stays;
    this.frames = frames;
    const same = frames.findIndex((frame) => frame.at === at);
    this.index = same >= 0 ? same : this.border;
    $("moment").max = frames.length - 1;
    this.draw();
    if (frames.length) this.show();
  }

  draw() {
    const cells = this.frames.map((frame) => element("i", undefined, {
      class: frame.observed ? "observed" : "forecast",
    }));
    if (cells.length) cells[this.border].classList.add("border");
    $("cells").replaceChildren(...cells);
    $("ticks").replaceChildren(...this.ticks());
  }

  // Times below the line, as many as are legible, and "now" at the border.
  ticks() {
    const last = this.frames.length - 1;
    const room = Math.max(1, Math.floor($("line").clientWidth / 76));
    const every = [1, 2, 3, 6, 12, 24].find((step) => last / step <= room) || 48;
    const chosen = this.frames.map((_, at) => at).filter((at) => (at - this.border) % every === 0);
    return chosen.map((at) => {
      const tick = element("span", clock(new Date(this.frames[at].at)), at === this.border ? { class: "border" } : {});
      tick.style.left = `clamp(.8rem, ${last ? (100 * at) / last : 0}%, 100% - .8rem)`;
      return tick;
    });
  }

  // How many images are there: dim cells are still loading.
  loaded(is) {
    this.isLoaded = is;
    [...$("cells").children].forEach((cell, at) => cell.classList.toggle("waits", !is(this.frames[at])));
  }

  show() {
    const { frame } = this;
    const kind = frame.observed ? t("observed") : t("forecast_lead", { minutes: frame.lead_minutes });
    $("moment").value = this.index;
    $("moment").setAttribute("aria-valuetext", `${moment(new Date(frame.at))}, ${kind}`);
    $("clock-time").textContent = moment(new Date(frame.at));
    $("clock-kind").textContent = kind;
    $("timebar").classList.toggle("ahead", !frame.observed);
    $("newest").disabled = this.index === this.border;
    this.changed(frame, this.index === this.border);
  }

  chosen(index) {
    this.index = Math.min(this.frames.length - 1, Math.max(0, index));
    if (this.frame) this.show();
  }

  play(playing) {
    this.playing = playing && this.frames.length > 1;
    clearTimeout(this.timer);
    $("play").setAttribute("aria-pressed", String(this.playing));
    this.label();
    if (this.playing) this.later();
  }

  label() {
    $("play").setAttribute("aria-label", this.playing ? t("pause") : t("play"));
    $("play").title = $("play").getAttribute("aria-label");
  }

  later() {
    const last = this.index === this.frames.length - 1;
    this.timer = setTimeout(() => {
      this.chosen(this.next());
      this.later();
    }, Number($("speed").value) * (last ? LAST_STAYS : 1));
  }

  // The moment to play next: one whose image is not there yet would look as if nobody had observed.
  next() {
    const { length } = this.frames;
    for (let step = 1; step < length; step += 1) {
      const index = (this.index + step) % length;
      if (this.isLoaded(this.frames[index])) return index;
    }
    return this.index;
  }

  // Space plays, arrows step; where a field or the map has the focus, the keys are theirs.
  key(event) {
    const busy = event.target.closest("input, select, textarea, button, summary, a, dialog, #map");
    if (event.altKey || event.ctrlKey || event.metaKey || !this.frames.length) return;
    if (event.key === " " && (!busy || busy.id === "map" || busy.id === "moment")) {
      event.preventDefault();
      this.play(!this.playing);
    }
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step && !busy) {
      event.preventDefault();
      this.chosen(this.index + step);
    }
  }
}
