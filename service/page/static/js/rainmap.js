// The map: land and borders as vectors, the rain of one moment between them, one chosen place.

/* global L, topojson */

import { hatch, isDark } from "./palette.js";
import { NOT_OBSERVED, NOT_TRACEABLE } from "./service.js";
import { element, t } from "./texts.js";

const TURN = 360; // degrees; longitudes jump by that at the date line
const LETTER = 7; // pixels, of a town's name
const PIN = 14; // pixels, from the middle of the mark of a place to what stands beside it
const OVER_THE_MAP = "#legend, .leaflet-control-zoom, .leaflet-control-attribution, .leaflet-control-scale";
const MOST_PIXELS = 3e6; // that are drawn for one moment
const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;

// A canvas over the view, which is coloured pixel by pixel: what is shown changes in one step,
// without a request and without flicker, and hatching is as fine at every zoom.
const Rain = L.Renderer.extend({
  _initContainer() {
    this._container = L.DomUtil.create("canvas", "rain");
    this._context = this._container.getContext("2d");
  },
  _destroyContainer() {
    L.DomUtil.remove(this._container);
    delete this._container;
  },
  _update() {
    if (this._map._animatingZoom && this._bounds) return;
    L.Renderer.prototype._update.call(this);
    const size = this._bounds.getSize();
    const dense = size.x * size.y * devicePixelRatio ** 2 < MOST_PIXELS;
    this._ratio = dense ? devicePixelRatio : 1;
    L.DomUtil.setPosition(this._container, this._bounds.min);
    this._container.style.width = `${size.x}px`;
    this._container.style.height = `${size.y}px`;
    this._container.width = Math.round(size.x * this._ratio);
    this._container.height = Math.round(size.y * this._ratio);
    this._pixels = this._context.createImageData(this._container.width, this._container.height);
    this._words = new Uint32Array(this._pixels.data.buffer);
    this.draw();
  },
  show(image, bounds, colours) {
    Object.assign(this, { _image: image, _box: bounds, _colours: colours });
    if (this._words) this.draw();
  },
  draw() {
    if (this._box) this._fill();
  },
  _fill() {
    const { width, height } = this._container;
    const columns = this._along("x", width, this._image ? this._image.width : 0);
    const rows = this._along("y", height, this._image ? this._image.height : 0);
    const [values, wide, words, colours] = [this._image?.values, this._image?.width, this._words, this._colours];
    const dark = isDark();
    const origin = this._map.getPixelOrigin().add(this._bounds.min).multiplyBy(this._ratio).floor();
    const tiles = [NOT_TRACEABLE, NOT_OBSERVED].map((code) => hatching(code, dark, this._ratio));
    for (let y = 0, at = 0; y < height; y += 1) {
      const row = rows[y] * wide;
      const line = (((origin.y + y) % TILE) + TILE) % TILE * TILE;
      for (let x = 0; x < width; x += 1, at += 1) {
        const inside = rows[y] >= 0 && columns[x] >= 0;
        const code = inside ? values[row + columns[x]] : NOT_OBSERVED;
        words[at] = code < NOT_TRACEABLE
          ? colours[code]
          : tiles[code - NOT_TRACEABLE][line + ((((origin.x + x) % TILE) + TILE) % TILE)];
      }
    }
    this._context.putImageData(this._pixels, 0, 0);
  },
  // Which row or column of the image each pixel of the canvas shows; -1: none.
  _along(axis, count, size) {
    const zoom = this._map.getZoom();
    const start = this._map.project([this._box.north, this._box.west], zoom)[axis];
    const end = this._map.project([this._box.south, this._box.east], zoom)[axis];
    const first = this._map.getPixelOrigin()[axis] + this._bounds.min[axis];
    const indices = new Int32Array(count);
    for (let at = 0; at < count; at += 1) {
      const index = Math.floor(((first + (at + 0.5) / this._ratio - start) / (end - start)) * size);
      indices[at] = index >= 0 && index < size ? index : -1;
    }
    return indices;
  },
});

const TILE = 72; // a multiple of the periods of both hatchings, at one and two pixels a point

function hatching(code, dark, ratio) {
  const tile = new Uint32Array(TILE * TILE);
  const step = ratio >= 2 ? 2 : 1;
  for (let at = 0; at < tile.length; at += 1) {
    tile[at] = hatch(code, Math.floor((at % TILE) / step), Math.floor(at / TILE / step), dark);
  }
  return tile;
}

export class RainMap {
  constructor(node, events) {
    this.known = []; // towns in view
    this.map = L.map(node, {
      zoomControl: false, attributionControl: false, zoomAnimation: !quiet, fadeAnimation: !quiet,
      inertia: !quiet, minZoom: 2, maxZoom: 12, zoomSnap: 0.5, worldCopyJump: false,
    });
    L.control.zoom({ position: "topleft" }).addTo(this.map);
    L.control.scale({ imperial: false, position: "bottomright" }).addTo(this.map);
    this.credit = L.control.attribution({ prefix: false, position: "bottomright" }).addTo(this.map);
    for (const [name, order] of [["land", 210], ["rain", 350], ["lines", 400], ["towns", 450]]) {
      this.map.createPane(name).style.zIndex = order;
    }
    this.rain = new Rain({ pane: "rain", padding: 0.15 });
    this.map.on("click", (event) => events.chosen(event.latlng));
    this.map.on("mousemove", (event) => events.hovered(event.latlng));
    this.map.on("mouseout", () => events.hovered(null));
    this.map.on("moveend", () => this.ready && events.moved(this.view()));
    const sizes = new ResizeObserver(() => this.resized()); // the legend, say, comes after the towns
    for (const one of [node, ...document.querySelectorAll(OVER_THE_MAP)]) sizes.observe(one);
    node.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target === node) events.chosen(this.map.getCenter());
    });
  }

  view() {
    const { lat, lng } = this.map.getCenter();
    return [Number(this.map.getZoom().toFixed(1)), lat.toFixed(3), lng.toFixed(3)];
  }

  // Where the stream is; the view stays where the address says one.
  fit(bounds, view) {
    const box = [[bounds.south, bounds.west], [bounds.north, bounds.east]];
    this.map.invalidateSize({ pan: false }); // what lies beside it may have come just now
    if (view) this.map.setView([view[1], view[2]], view[0]);
    else this.map.fitBounds(box, { animate: false });
    if (!this.map.hasLayer(this.rain)) this.rain.addTo(this.map);
    this.ready = true;
  }

  async drawLand(attribution) {
    const answer = await fetch(new URL("../vendor/world.json", import.meta.url));
    const world = await answer.json();
    const { land, countries } = world.objects;
    this.world = [
      this.vector(unwrapped(topojson.feature(world, land)), "land", { stroke: false, fill: true, fillOpacity: 1 }),
      this.vector(cut(topojson.mesh(world, land)), "lines", { fill: false, weight: 1.4 }),
      this.vector(topojson.mesh(world, countries, (a, b) => a !== b), "lines", { fill: false, weight: 1.2, dashArray: "4 3" }),
    ];
    this.credit.addAttribution(attribution);
    this.recolour();
  }

  vector(shape, pane, style) {
    this.renderers ||= {};
    this.renderers[pane] ||= L.canvas({ pane, padding: 0.3 });
    const options = { pane, renderer: this.renderers[pane], interactive: false, style: { ...style, smoothFactor: 1.2 } };
    return L.geoJSON(shape, options).addTo(this.map);
  }

  // The part of the earth that is in view, in degrees.
  box() {
    const bounds = this.map.getBounds();
    const sides = { south: bounds.getSouth(), west: bounds.getWest(), north: bounds.getNorth(), east: bounds.getEast() };
    return Object.entries(sides).map(([name, value]) => `${name}=${value.toFixed(2)}`).join("&");
  }

  // The map has another size, or what stands over it.
  resized() {
    this.map.invalidateSize({ pan: false });
    this.names();
  }

  // Names of towns, the first ones first, as many as are whole and touch nothing.
  names(towns = this.known) {
    this.known = towns;
    if (!this.ready) return;
    this.towns ||= L.layerGroup().addTo(this.map);
    this.towns.clearLayers();
    const [view, taken] = [L.bounds([0, 0], this.map.getSize()), this.covered()];
    const pin = this.place && this.map.latLngToContainerPoint(this.place);
    const there = ({ latitude, longitude }) => this.map.latLngToContainerPoint([latitude, longitude]);
    const own = pin && towns.find((one) => pin.distanceTo(there(one)) < PIN);
    for (const one of new Set([own, ...towns].filter(Boolean))) {
      const { name, latitude, longitude } = one;
      const [at, marked] = [there(one), one === own]; // the mark stands for the dot of its town
      const corner = marked ? pin.add([PIN, -9]) : at.subtract([4, 9]);
      const box = L.bounds(corner, corner.add([LETTER * name.length + (marked ? 4 : 16), 18]));
      if (!view.contains(box) || taken.some((one) => one.intersects(box))) continue;
      taken.push(box);
      const icon = L.divIcon({
        className: marked ? "town marked" : "town", html: element("span", name), iconSize: null,
        iconAnchor: marked ? at.subtract(corner).subtract([3, 3]) : [2, 6],
      });
      L.marker([latitude, longitude], { icon, interactive: false, keyboard: false, pane: "towns" }).addTo(this.towns);
    }
  }

  // What no name may touch: all that stands over the map, and the mark of the place.
  covered() {
    const { left, top } = this.map.getContainer().getBoundingClientRect();
    const boxes = [...document.querySelectorAll(OVER_THE_MAP)].map((node) => node.getBoundingClientRect());
    const pin = this.place && this.map.latLngToContainerPoint(this.place);
    return [
      ...boxes.map((box) => L.bounds([box.left - left, box.top - top], [box.right - left, box.bottom - top])),
      ...(pin ? [L.bounds(pin.subtract([PIN - 2, PIN - 2]), pin.add([PIN - 2, PIN - 2]))] : []),
    ];
  }

  // Where the source of the images looks; nothing: it has none, or does not say so.
  outline(corners) {
    if (JSON.stringify(corners) === JSON.stringify(this.corners)) return;
    this.corners = corners;
    this.area?.remove();
    this.area = corners?.length && this.vector({ type: "Polygon", coordinates: [[...corners, corners[0]]] }, "lines", { fill: false, weight: 2 });
    this.recolour();
  }

  // Colours of the theme: canvases do not read style sheets.
  recolour() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    if (this.world) {
      this.world[0].setStyle({ fillColor: colour("--land") });
      this.world[1].setStyle({ color: colour("--coast"), opacity: 0.9 });
      this.world[2].setStyle({ color: colour("--border"), opacity: 0.8 });
    }
    if (this.area) this.area.setStyle({ color: colour("--accent"), opacity: 0.9 });
    if (this.ready) this.rain.draw();
  }

  baseMap(url, attribution) {
    L.tileLayer(url, { attribution: "", maxZoom: 18 }).addTo(this.map);
    if (attribution) this.credit.addAttribution(text(attribution));
  }

  mark(place) {
    this.place = place;
    this.names();
    if (this.pin) this.pin.remove();
    this.pins ||= L.svg({ pane: "markerPane" });
    const style = { radius: 8, weight: 3, color: "#fff", fillColor: "#c2185b", fillOpacity: 1, interactive: false };
    this.pin = place && L.circleMarker(place, { ...style, pane: "markerPane", renderer: this.pins }).addTo(this.map);
    if (place && this.ready && !this.map.getBounds().contains(place)) this.map.panTo(place);
  }

  label() {
    this.map.getContainer().setAttribute("aria-label", t("map"));
    this.map.getContainer().setAttribute("role", "application");
  }
}

// Lines without the parts that lead from one edge of the world to the other.
export function cut(lines) {
  const coordinates = lines.coordinates.flatMap((line) => {
    const ends = line.flatMap(([x], at) => (at && jumps(line[at - 1][0], x) ? [at] : []));
    return [0, ...ends].map((begin, part) => line.slice(begin, ends[part])).filter((one) => one.length > 1);
  });
  return { ...lines, coordinates };
}

// Land in one piece beyond the edge of the world, and once more at the other edge, where it goes on.
export function unwrapped(land) {
  const polygons = land.features.flatMap(({ geometry }) =>
    (geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates).flatMap(pieces));
  return { type: "MultiPolygon", coordinates: polygons };
}

function pieces([outer, ...holes]) {
  const edge = inOnePiece(outer);
  const [west, east] = edge.reduce(([low, high], [x]) => [Math.min(low, x), Math.max(high, x)], [Infinity, -Infinity]);
  const polygon = [edge, ...holes.map((hole) => moved(hole, hole[0][0] < west ? TURN : hole[0][0] > east ? -TURN : 0))];
  const other = east > 180 ? -TURN : west < -180 ? TURN : 0;
  return other ? [polygon, polygon.map((ring) => moved(ring, other))] : [polygon];
}

// A ring around a pole does not close; it stays as it is.
function inOnePiece(ring) {
  let turn = 0;
  const points = ring.map(([x, y], at) => {
    if (at && jumps(ring[at - 1][0], x)) turn += x < ring[at - 1][0] ? TURN : -TURN;
    return [x + turn, y];
  });
  return turn ? ring : points;
}

const jumps = (before, after) => Math.abs(after - before) > 180;
const moved = (ring, degrees) => ring.map(([x, y]) => [x + degrees, y]);

// As text: what an operator writes is no HTML.
const text = (words) => words.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
