// The map page: the stations in view, as buttons, and a status line. What isn't needed at first is
// loaded later: find.js, nearest.js, popup.js.
import { filters, getJSON, inCopy, map, place, POSITION, readAddress, state, takeStep, writeAddress } from "./address.js";
import { addBaseMap } from "./land.js";

const form = document.getElementById("find");
const nearby = document.getElementById("nearby");
const status = document.getElementById("status");
const action = document.getElementById("action");
const nearMe = document.getElementById("near-me");
const asList = document.getElementById("as-list");

async function showAddress() {
  state.station = "";
  map.closePopup();
  const view = readAddress();
  fillForm();
  if (view) map.setView(view.centre, view.zoom, { reset: true });
  else if (everywhere.length && !Object.keys(filters()).length) fit(everywhere, { animate: false });
  else await showAll({ animate: false });
  if (state.near || nearby.querySelector("li")) (await import("./nearest.js")).showNear();
  if (state.station) (await import("./popup.js")).openById(state.station);
}

function fillForm() {
  form.q.value = state.q;
  form.source.value = state.source;
  if (form.source.selectedIndex < 0) form.source.add(new Option(state.source, state.source, true, true));
}

// The status line, and a button beside it

function say(text, label = "", act = null) {
  status.textContent = text;
  action.hidden = !label;
  action.textContent = label;
  action.onclick = act;
}

function sayCount(count) {
  if (count) say(`${count.toLocaleString()} ${count === 1 ? "station" : "stations"} in view`);
  else say("No stations here.", "Show all", () => { takeStep(); showAll(); });
}

// The stations in view

let asking; // aborts the pending request
let askAgain = showStations;
const everywhere = JSON.parse(place.dataset.bounds); // boxes with all stations

async function ask(query, again, show) {
  asking?.abort();
  asking = new AbortController();
  askAgain = again;
  const { signal } = asking;
  say("Loading …");
  try {
    const { clusters } = await getJSON(place.dataset.clustersUrl, { ...query, ...filters() }, signal);
    if (!signal.aborted) show(clusters);
  } catch (error) {
    if (!signal.aborted) say(`The stations could not be loaded: ${error.message}.`, "Try again", again);
  }
}

function showStations() {
  asList.href = `${place.dataset.pagesUrl}?${new URLSearchParams({ bbox: viewBox(), ...filters() })}`;
  ask({ bbox: viewBox(), zoom: map.getZoom() }, showStations, (clusters) => {
    draw(clusters);
    sayCount(clusters.reduce((sum, { count }) => sum + count, 0));
  });
}

// Fit the view to all stations that match the filters.
async function showAll(options) {
  await ask({ bbox: [-180, -90, 180, 90], zoom: 0 }, () => showAll(options), (clusters) => {
    if (clusters.length) {
      fit(clusters.map(({ bounds, lat, lng }) => bounds ?? [lng, lat, lng, lat]), options);
    } else if (Object.keys(filters()).length) {
      draw([]);
      say("No stations match your search.", "Clear the search", () => applyFilters({ q: "", source: "" }));
    } else {
      say("There are no stations yet.");
    }
  });
}

async function applyFilters(values) {
  takeStep();
  const fitted = values.q && values.q !== state.q;
  Object.assign(state, values);
  fillForm();
  if (state.near) (await import("./nearest.js")).showNear();
  if (fitted) await showAll();
  else showStations();
  writeAddress();
}

// The part of the world in view: west > east where it crosses the antimeridian.
function viewBox() {
  const bounds = map.getBounds();
  const south = Math.max(bounds.getSouth(), -90);
  const north = Math.min(bounds.getNorth(), 90);
  if (bounds.getEast() - bounds.getWest() >= 360) return [-180, south, 180, north];
  const [west, east] = [bounds.getWest(), bounds.getEast()].map((lng) => L.Util.wrapNum(lng, [-180, 180], true));
  return [west, south, east, north];
}

function fit(boxes, options) {
  map.fitBounds(extent(boxes), { paddingTopLeft: [56, 40], paddingBottomRight: [24, 40], maxZoom: 15, ...options });
}

// The smallest box around boxes: it begins after the widest gap, wherever in the world that is.
function extent(boxes) {
  boxes.sort((a, b) => a[0] - b[0]);
  let end = Math.max(...boxes.map((box) => box[2])) - 360;
  let gap = -1, west;
  for (const [left, , right] of boxes) {
    if (left - end > gap) [gap, west] = [left - end, left];
    end = Math.max(end, right);
  }
  const south = Math.min(...boxes.map((box) => box[1]));
  const north = Math.max(...boxes.map((box) => box[3]));
  return [[south, west], [north, west + 360 - gap]];
}

// Markers are buttons. Unchanged ones stay, and keep the focus.

const Button = L.Icon.extend({
  createIcon() {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = this.options.text;
    button.title = button.ariaLabel = this.options.label;
    this._setIconStyles(button, "icon");
    return button;
  },
  createShadow: () => null,
});
const drawn = new Map();

function draw(clusters) {
  const focused = [...drawn.values()].find((marker) => marker.getElement() === document.activeElement);
  const middle = map.getCenter().lng;
  const wanted = new Map(clusters.map((cluster) => [JSON.stringify([cluster, inCopy(cluster.lng, middle)]), cluster]));
  for (const [key, cluster] of wanted) {
    if (!drawn.has(key)) drawn.set(key, marker(cluster, inCopy(cluster.lng, middle)).addTo(map));
  }
  for (const [key, marker] of drawn) {
    if (wanted.has(key)) continue;
    marker.remove();
    drawn.delete(key);
  }
  if (focused && !focused.getElement()) focusNear(focused.getLatLng());
}

// Focus the marker nearest to a position, or the map if there is none.
function focusNear(position) {
  const point = map.latLngToLayerPoint(position);
  const distance = (marker) => map.latLngToLayerPoint(marker.getLatLng()).distanceTo(point);
  const [nearest] = [...drawn.values()].sort((one, other) => distance(one) - distance(other));
  (nearest?.getElement() ?? place).focus();
}

function marker({ count, lat, lng: _, station, bounds }, lng) {
  if (station) {
    const icon = new Button({ className: "station", text: "", label: station.name });
    return L.marker([lat, lng], { icon, keyboard: false }).on("click", async () => {
      const { openStation } = await import("./popup.js");
      takeStep();
      openStation(station);
    });
  }
  const [west, south, east, north] = bounds;
  const isOnePlace = west === east && south === north;
  const text = count.toLocaleString(undefined, { notation: "compact" });
  const label = `${count.toLocaleString()} stations${isOnePlace ? " at one place" : ""}`;
  const icon = new Button({ className: `cluster digits-${String(count).length}`, text, label });
  return L.marker([lat, lng], { icon, keyboard: false }).on("click", async () => {
    if (isOnePlace || map.getZoom() === map.getMaxZoom()) {
      (await import("./popup.js")).openPlace({ lat, lng, bounds, count });
      return;
    }
    const fit = map.getBoundsZoom([[south, west], [north, east]], false, L.point(60, 60));
    takeStep();
    map.setView([(south + north) / 2, inCopy((west + east) / 2)], Math.max(map.getZoom() + 1, Math.min(fit, map.getZoom() + 4)));
  });
}

// Events

async function nearestTo({ lat, lng }) {
  nearby.open = true;
  const { showNearest } = await import("./nearest.js");
  takeStep();
  await showNearest(lat, lng);
}

place.addEventListener("keydown", (event) => {
  if (event.target === place && event.key === "Enter") nearestTo(map.getCenter().wrap());
});
// Leaflet focuses the map when it is clicked: that isn't what the ring and the cross are for.
place.addEventListener("pointerdown", () => place.classList.add("pointed"));
document.addEventListener("keydown", (event) => {
  place.classList.remove("pointed");
  if (event.key === "Escape" && !event.defaultPrevented) map.closePopup();
});
nearMe.hidden = false;
nearMe.addEventListener("click", async () => (await import("./nearest.js")).nearMe());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  applyFilters({ q: form.q.value.trim(), source: form.source.value });
});
form.source.addEventListener("change", () => form.requestSubmit());

nearby.open = !matchMedia("(max-width: 45rem)").matches;
const minZoom = () => map.setMinZoom(Math.floor(Math.log2(Math.max(256, Math.min(place.clientWidth, place.clientHeight)) / 256)));
minZoom();
map.setView([25, 10], map.getMinZoom());
addBaseMap(map, place.dataset);
map.on("moveend", () => {
  showStations();
  writeAddress();
});
map.on("click", (event) => nearestTo(event.latlng.wrap()));
map.on("focuslost", ({ latlng }) => focusNear(latlng)); // by a popup
map.on("resize", minZoom);
new ResizeObserver(() => map.invalidateSize()).observe(place);
addEventListener("online", () => askAgain());
addEventListener("popstate", () => (POSITION.test(location.hash) ? showAddress() : writeAddress()));

// Something may have been typed or chosen while this module was loading.
const [typed, chosen] = [form.q.value, form.source.value];
showAddress();
if (chosen) applyFilters({ source: chosen });
if (typed) form.q.value = typed;
if (form.contains(document.activeElement)) import("./find.js");
else form.addEventListener("focusin", () => import("./find.js"), { once: true });
