// A station's page: a map of the area, a button that copies the position, and numbers and times in
// the reader's format. The page is complete without them.
import { distance } from "./distance.js";

import { addBaseMap } from "./land.js";

showMap(document.getElementById("place"));
offerCopy(document.getElementById("copy"), document.getElementById("copied"));
localise();

// Show the station and the ones nearest to it.
function showMap(element) {
  const here = placeOf(element);
  element.hidden = false;
  const map = L.map(element, { scrollWheelZoom: false }).setView(here, 15);
  addBaseMap(map, element.dataset);
  const bounds = L.latLngBounds([here]);
  for (const item of document.querySelectorAll(".neighbours li")) {
    const { lat, lng } = placeOf(item);
    // Close to the station, even across the antimeridian.
    const place = L.latLng(lat, lng + 360 * Math.round((here.lng - lng) / 360));
    // And as far on the other side, so that the station stays in the middle.
    bounds.extend(place).extend([2 * here.lat - place.lat, 2 * here.lng - place.lng]);
    L.circleMarker(place, { radius: 6, className: "neighbour", interactive: false }).addTo(map);
  }
  L.circleMarker(here, { radius: 9, className: "here", interactive: false }).addTo(map);
  map.fitBounds(bounds, { maxZoom: 15, padding: [20, 20], animate: false });
}

function placeOf({ dataset }) {
  return L.latLng(Number(dataset.lat), Number(dataset.lng));
}

function offerCopy(button, status) {
  if (!navigator.clipboard) return; // the page came over plain HTTP
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.text);
      status.textContent = "Copied";
    } catch {
      status.textContent = "Your browser doesn’t allow it";
    }
  });
}

function localise() {
  for (const data of document.querySelectorAll("data")) {
    data.textContent = distance(Number(data.value));
  }
  for (const time of document.querySelectorAll("time")) {
    const options = { dateStyle: "long", timeStyle: "short" };
    time.textContent = new Date(time.dateTime).toLocaleString(undefined, options);
  }
}
