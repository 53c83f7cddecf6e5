// What is shown stands in the address behind "#", so that it can be sent to somebody. No cookies.

const NAMES = { stream: "s", time: "t", place: "at", layer: "l", palette: "p", view: "v", language: "lang", theme: "theme" };

export function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  const state = {};
  for (const [name, short] of Object.entries(NAMES)) {
    if (given.get(short)) state[name] = given.get(short);
  }
  state.place = coordinates(state.place);
  state.view = view(state.view);
  return state;
}

export function write(state) {
  const shown = { ...state, place: state.place && pair(state.place), view: state.view && state.view.join("/") };
  const parts = Object.entries(NAMES).filter(([name]) => shown[name]).map(
    ([name, short]) => `${short}=${encodeURIComponent(shown[name]).replace(/%2C|%2F|%3A/g, decodeURIComponent)}`,
  );
  history.replaceState(null, "", parts.length ? `#${parts.join("&")}` : location.pathname + location.search);
}

const pair = ({ lat, lng }) => `${lat.toFixed(4)},${lng.toFixed(4)}`;

// "47.05, 8.31" as a place; null where it is none.
export function coordinates(text) {
  const match = /^\s*(-?\d+(?:\.\d+)?)\s*[,;\s]\s*(-?\d+(?:\.\d+)?)\s*$/.exec(text || "");
  if (!match) return null;
  const [lat, lng] = [Number(match[1]), Number(match[2])];
  return Math.abs(lat) <= 90 && lng >= -180 && lng <= 360 ? { lat, lng } : null;
}

// Zoom, latitude, longitude.
function view(text) {
  const numbers = (text || "").split("/").map(Number);
  return numbers.length === 3 && numbers.every(Number.isFinite) ? numbers : null;
}
