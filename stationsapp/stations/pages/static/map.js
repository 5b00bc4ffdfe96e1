"use strict";

const place = document.getElementById("map");
const status = document.getElementById("status");
const hint = document.getElementById("nearest-hint");
const list = document.getElementById("nearest");

const map = L.map(place, { worldCopyJump: true, minZoom: 2 }).setView([25, 10], 2);
import("./land.js").then(({ addBaseMap }) => addBaseMap(map, place.dataset));

const shown = L.layerGroup().addTo(map);
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
  return L.circleMarker([station.lat, station.lng], { bubblingMouseEvents: false, radius: 7, color: "#fff", weight: 2, fillColor: "#0b5fd0", fillOpacity: 1 })
    .on("click", () => openPopup(station));
}

// A popup of the map's own: a marker's would go with the marker when the map moves.
function openPopup(station) {
  L.popup().setLatLng([station.lat, station.lng]).setContent(description(station)).openOn(map);
}

function clusterMarker(cluster) {
  const size = 26 + 6 * Math.floor(Math.log10(cluster.count));
  const html = cluster.count.toLocaleString(undefined, { notation: "compact" });
  const icon = L.divIcon({ html, className: "cluster", iconSize: [size, size] });
  const [west, south, east, north] = cluster.bounds;
  return L.marker([cluster.lat, cluster.lng], { icon, title: `${cluster.count.toLocaleString()} stations` })
    .on("click", () => map.fitBounds([[south, west], [north, east]], { padding: [30, 30], maxZoom: map.getZoom() + 4 }));
}

// The part of the world in view: west > east where it crosses the antimeridian.
function viewBox() {
  const bounds = map.getBounds();
  const south = Math.max(bounds.getSouth(), -90);
  const north = Math.min(bounds.getNorth(), 90);
  if (bounds.getEast() - bounds.getWest() >= 360) return [-180, south, 180, north];
  return [L.Util.wrapNum(bounds.getWest(), [-180, 180], true), south, L.Util.wrapNum(bounds.getEast(), [-180, 180], true), north];
}

let views = 0;

async function showStations() {
  const view = ++views;
  const query = new URLSearchParams({ bbox: viewBox().join(","), zoom: map.getZoom() });
  try {
    const { clusters } = await getJSON(`${place.dataset.clustersUrl}?${query}`);
    if (view !== views) return; // the map has moved on
    // Each is drawn in the copy of the world that is in view.
    const middle = map.getCenter().lng;
    for (const cluster of clusters) {
      const shift = 360 * Math.round((middle - cluster.lng) / 360);
      cluster.lng += shift;
      if (cluster.bounds) { cluster.bounds[0] += shift; cluster.bounds[2] += shift; }
      if (cluster.station) cluster.station.lng += shift;
    }
    shown.clearLayers();
    for (const cluster of clusters) {
      shown.addLayer(cluster.station ? marker(cluster.station) : clusterMarker(cluster));
    }
    const count = clusters.reduce((sum, cluster) => sum + cluster.count, 0);
    status.textContent = `${count.toLocaleString()} station${count === 1 ? "" : "s"} in view`;
  } catch (error) {
    status.textContent = `The stations could not be loaded: ${error.message}`;
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
    openPopup(station);
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
map.on("moveend", showStations);
showStations();
