"use strict";

const place = document.getElementById("map");
const status = document.getElementById("status");
const hint = document.getElementById("nearest-hint");
const list = document.getElementById("nearest");

const map = L.map(place, { worldCopyJump: true, minZoom: 2 }).setView([25, 10], 2);
L.tileLayer(place.dataset.tilesUrl, { attribution: place.dataset.attribution, maxZoom: 19 }).addTo(map);

const clusters = L.markerClusterGroup({
  chunkedLoading: true,
  maxClusterRadius: 60,
  showCoverageOnHover: false,
  iconCreateFunction(cluster) {
    const count = cluster.getChildCount();
    const size = 26 + 6 * Math.ceil(Math.log10(count));
    return L.divIcon({ html: count.toLocaleString(), className: "cluster", iconSize: [size, size] });
  },
}).addTo(map);
const clicked = L.circleMarker([0, 0], { radius: 7, color: "#c62828", fillOpacity: 0.4, interactive: false });

async function getJSON(url) {
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return response.json();
}

// Names come from feeds: they go in as text, never as HTML.
function description(station) {
  const name = document.createElement("b");
  name.textContent = station.name;
  const where = document.createElement("span");
  const { city, country } = station.properties;
  where.textContent = [city, country].filter(Boolean).join(", ") || `${station.lat}, ${station.lng}`;
  const box = document.createElement("div");
  box.append(name, where);
  return box;
}

function marker(station) {
  return L.circleMarker([station.lat, station.lng], { radius: 7, color: "#fff", weight: 2, fillColor: "#0b5fd0", fillOpacity: 1 })
    .bindPopup(() => description(station));
}

async function showStations() {
  let count = 0;
  let url = place.dataset.stationsUrl;
  while (url) {
    const page = await getJSON(url);
    clusters.addLayers(page.stations.map(marker));
    count += page.stations.length;
    url = page.next;
    status.textContent = url ? `${count.toLocaleString()} stations …` : `${count.toLocaleString()} stations`;
  }
}

function distanceText(metres) {
  if (metres < 1000) return `${Math.round(metres)} m`;
  const digits = metres < 100000 ? 1 : 0;
  return `${(metres / 1000).toLocaleString(undefined, { maximumFractionDigits: digits })} km`;
}

function entry(station) {
  const button = document.createElement("button");
  button.type = "button";
  const distance = document.createElement("span");
  distance.textContent = distanceText(station.distance);
  button.append(station.name, distance);
  button.addEventListener("click", () => {
    map.setView([station.lat, station.lng], Math.max(map.getZoom(), 14));
    L.popup().setLatLng([station.lat, station.lng]).setContent(description(station)).openOn(map);
  });
  const item = document.createElement("li");
  item.append(button);
  return item;
}

let clicks = 0;

async function showNearest(position) {
  const click = ++clicks;
  const { lat, lng } = position.wrap();
  clicked.setLatLng(position).addTo(map);
  hint.textContent = "Searching …";
  try {
    const { stations } = await getJSON(`${place.dataset.nearestUrl}?${new URLSearchParams({ lat, lng })}`);
    if (click !== clicks) return; // a later click is on its way
    list.replaceChildren(...stations.map(entry));
    hint.textContent = stations.length ? `From ${lat.toFixed(4)}, ${lng.toFixed(4)}` : "There are no stations yet.";
  } catch (error) {
    hint.textContent = `The nearest stations could not be loaded: ${error.message}`;
  }
}

map.on("click", (event) => showNearest(event.latlng));
showStations().catch((error) => { status.textContent = `The stations could not be loaded: ${error.message}`; });
