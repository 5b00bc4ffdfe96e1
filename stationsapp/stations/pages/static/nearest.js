// The list of the ten stations nearest to a point, and a line to the one under the pointer.
import { filters, getJSON, inCopy, map, place, state, takeStep, writeAddress } from "./address.js";
import { distance } from "./distance.js";
import { openStation } from "./popup.js";

const nearby = document.getElementById("nearby");
const hint = document.getElementById("nearest-hint");
const list = document.getElementById("nearest");
const addHere = document.getElementById("add-here"); // for who is signed in
const point = L.circleMarker([0, 0], { className: "point", radius: 7, interactive: false });
const line = L.polyline([], { className: "line", interactive: false });
const INVITATION = hint.textContent;
let asking;

// List the stations nearest to the point in the URL, if there is one.
export function showNear() {
  if (state.near) {
    showNearest(...state.near.split(",").map(Number));
    return;
  }
  asking?.abort();
  for (const layer of [point, line]) layer.remove();
  list.replaceChildren();
  if (addHere) addHere.hidden = true;
  hint.textContent = INVITATION;
}

export async function showNearest(lat, lng) {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  state.near = `${lat.toFixed(5)},${lng.toFixed(5)}`;
  writeAddress();
  point.setLatLng([lat, inCopy(lng)]).addTo(map);
  offerToAdd(lat, lng);
  line.remove();
  hint.textContent = "Searching …";
  try {
    const { stations } = await getJSON(place.dataset.nearestUrl, { lat, lng, ...filters() }, signal);
    list.replaceChildren(...stations.map((station) => entry(station, { lat, lng })));
    hint.textContent = stations.length ? `From ${lat.toFixed(4)}, ${lng.toFixed(4)}` : "No stations found.";
  } catch (error) {
    if (!signal.aborted) hint.textContent = `The nearest stations could not be loaded: ${error.message}. Click the map again.`;
  }
}

function offerToAdd(lat, lng) {
  if (!addHere) return;
  addHere.hidden = false;
  addHere.firstChild.search = new URLSearchParams({ lat: lat.toFixed(6), lng: lng.toFixed(6) });
}

function entry(station, from) {
  const name = document.createElement("bdi");
  name.textContent = station.name;
  const far = document.createElement("span");
  far.textContent = distance(station.distance);
  const button = document.createElement("button");
  button.type = "button";
  button.append(name, far);
  button.addEventListener("click", () => go(station));
  for (const event of ["mouseenter", "focus"]) button.addEventListener(event, () => drawLine(from, station));
  for (const event of ["mouseleave", "blur"]) button.addEventListener(event, () => line.remove());
  const item = document.createElement("li");
  item.append(button);
  return item;
}

function drawLine(from, station) {
  const lng = inCopy(from.lng);
  line.setLatLngs([[from.lat, lng], [station.lat, inCopy(station.lng, lng)]]).addTo(map);
}

// Go to a station and open its popup. On a phone, close the list to make room for it.
export function go(station) {
  takeStep();
  if (matchMedia("(max-width: 45rem)").matches) nearby.open = false;
  map.setView([station.lat, inCopy(station.lng)], Math.max(map.getZoom(), 14), { animate: false });
  openStation(station);
}

export function nearMe() {
  nearby.open = true;
  hint.textContent = "Asking your browser for your location …";
  const found = ({ coords }) => {
    takeStep();
    map.setView([coords.latitude, coords.longitude], 13, { animate: false });
    showNearest(coords.latitude, coords.longitude);
  };
  const failed = (error) => {
    hint.textContent = error?.code === 1
      ? "Your browser doesn't share your location. Click the map where you want to look."
      : "Your browser can't determine your location. Click the map where you want to look.";
  };
  if (navigator.geolocation) navigator.geolocation.getCurrentPosition(found, failed, { timeout: 10_000, maximumAge: 60_000 });
  else failed();
}
