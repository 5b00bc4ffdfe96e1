// The map of the form. You place the pin with a click, and move it by dragging, with the arrow keys,
// or by typing.
import { addBaseMap } from "./land.js";

const DIGITS = 6; // a decimetre
const CLOSE = 16; // zoom
const STEPS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const STEP = 10; // pixels; with Shift, 1

const box = document.getElementById("where");
const moved = document.getElementById("moved");
const [latitude, longitude] = ["lat", "lng"].map((id) => document.getElementById(id));
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

box.parentElement.hidden = false;
const map = L.map(box, { worldCopyJump: true, zoomAnimation: !still, fadeAnimation: !still, inertia: !still });
addBaseMap(map, box.dataset);

const icon = L.divIcon({ className: "pin", iconSize: [44, 44], iconAnchor: [22, 44] });
const pin = L.marker([0, 0], { icon, draggable: true, autoPan: true });
pin.on("drag", () => write(pin.getLatLng()));
pin.on("dragend", say);
pin.on("add", () => {
  const element = pin.getElement();
  element.setAttribute("aria-label", "The station: move it with the arrow keys");
  element.addEventListener("keydown", move);
});

// The typed position as [latitude, longitude], or null if it isn't valid. Allows decimal commas.
function typed() {
  const texts = [latitude, longitude].map((input) => input.value.trim().replace(/^([^.,]*),([^.,]*)$/, "$1.$2"));
  const [lat, lng] = texts.map(Number);
  return texts.every(Boolean) && Math.abs(lat) <= 90 && Math.abs(lng) <= 180 ? [lat, lng] : null;
}

function write(position) {
  const { lat, lng } = position.wrap();
  latitude.value = Number(Math.max(-90, Math.min(90, lat)).toFixed(DIGITS));
  longitude.value = Number(lng.toFixed(DIGITS));
}

function say() {
  moved.textContent = `Now at ${latitude.value}, ${longitude.value}`;
}

function put(position) {
  pin.setLatLng(position).addTo(map);
  write(position);
  say();
}

function move(event) {
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation(); // the map would move
  const pixels = L.point(step).multiplyBy(event.shiftKey ? 1 : STEP);
  put(map.containerPointToLatLng(map.latLngToContainerPoint(pin.getLatLng()).add(pixels)));
  if (!map.getBounds().contains(pin.getLatLng())) map.panTo(pin.getLatLng(), { animate: !still });
}

function show() {
  const position = typed();
  if (!position) return pin.remove();
  pin.setLatLng(position).addTo(map);
  if (!map.getBounds().contains(position)) map.panTo(position, { animate: !still });
}

const start = typed();
map.setView(start ?? [25, 10], start ? CLOSE : 1);
if (start) pin.setLatLng(start).addTo(map);
map.on("click", (event) => put(event.latlng));
for (const input of [latitude, longitude]) input.addEventListener("input", show);
box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target !== box) return;
  event.preventDefault(); // the form isn't sent
  put(map.getCenter());
});
