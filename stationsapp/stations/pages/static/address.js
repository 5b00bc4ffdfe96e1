// The map, and the page's URL, which the modules of the map page share.
//
// The URL always describes the view, and opening it restores the view:
//
//   /?q=nord&source=sample&near=48.88000,2.35000&station=7#11/48.88/2.35
//
// The filters; the point whose nearest stations are listed; the station whose popup is open; and
// zoom, latitude, longitude.

export const place = document.getElementById("map");
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
export const map = L.map(place, { worldCopyJump: true, maxZoom: 19, zoomAnimation: !still, fadeAnimation: !still, inertia: !still });
if (still) map.panBy = (offset) => L.Map.prototype.panBy.call(map, offset, { animate: false });

export async function getJSON(url, query = {}, signal = undefined) {
  const headers = { Accept: "application/json" };
  const response = await fetch(`${url}?${new URLSearchParams(query)}`, { headers, signal });
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.detail ?? `the server answered ${response.status}`);
}

export const state = { q: "", source: "", near: "", station: "" };
export const POSITION = /^#(\d{1,2})\/(-?\d{1,2}(?:\.\d+)?)\/(-?\d{1,3}(?:\.\d+)?)$/;
const POINT = /^-?\d{1,2}(\.\d+)?,-?\d{1,3}(\.\d+)?$/;
let isStep = false;

// The filters, as a query to the API.
export function filters() {
  return Object.fromEntries(Object.entries({ q: state.q, source: state.source }).filter(([, value]) => value));
}

// Make the Back button undo the next change of the URL.
export function takeStep() {
  isStep = true;
}

export function writeAddress() {
  const query = new URLSearchParams(Object.entries(state).filter(([, value]) => value));
  const { lat, lng } = map.getCenter().wrap();
  const digits = Math.ceil(map.getZoom() * 0.3); // less than a pixel
  const position = [map.getZoom(), lat.toFixed(digits), lng.toFixed(digits)].join("/");
  const address = `${location.pathname}${query.size ? `?${query}` : ""}#${position}`;
  const isNew = address !== location.pathname + location.search + location.hash;
  if (isNew) history[isStep ? "pushState" : "replaceState"](null, "", address);
  isStep = false;
}

export function readAddress() {
  const query = new URLSearchParams(location.search);
  for (const name in state) state[name] = query.get(name) ?? "";
  if (!POINT.test(state.near)) state.near = "";
  const [, zoom, lat, lng] = location.hash.match(POSITION)?.map(Number) ?? [];
  return zoom === undefined ? null : { centre: [lat, lng], zoom };
}

// The longitude in the copy of the world that is in view.
export function inCopy(lng, middle = map.getCenter().lng) {
  return lng + 360 * Math.round((middle - lng) / 360);
}
