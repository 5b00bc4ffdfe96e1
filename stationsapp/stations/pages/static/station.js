// A station's page: a map of the surroundings, a button that copies the position, and numbers and
// times as the reader writes them. The page says all without it.
import { distance } from "./distance.js";

import { addBaseMap } from "./land.js";

showMap(document.getElementById("place"));
offerCopy(document.getElementById("copy"), document.getElementById("copied"));
localise();

function showMap(element) {
  const { lat, lng } = element.dataset;
  element.hidden = false;
  const map = L.map(element, { scrollWheelZoom: false }).setView([lat, lng], 15);
  addBaseMap(map, element.dataset);
  L.circleMarker([lat, lng], { radius: 9, className: "here", interactive: false }).addTo(map);
}

function offerCopy(button, status) {
  if (!navigator.clipboard) return; // the page came over plain HTTP
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.text);
      status.textContent = "Copied";
    } catch {
      status.textContent = "The browser doesn’t allow it";
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
