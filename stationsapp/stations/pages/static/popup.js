// Popups of one station, or of all stations at one place. They take the focus, and return it.
import { filters, getJSON, inCopy, map, place, state, writeAddress } from "./address.js";

const MOST = 100; // stations listed
let before; // what had the focus

// Names and properties come from feeds, so they are inserted as text, never as HTML.
function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const page = ({ id }) => `${place.dataset.pagesUrl}/${id}`;
const link = (station) => element("a", station.name, { href: page(station), dir: "auto" });

// The city and country, or the position.
export function whereabouts({ properties, lat, lng }) {
  const known = [properties.city, properties.country].filter((value) => typeof value === "string" && value);
  return known.join(", ") || `${lat}, ${lng}`;
}

export function openStation(station) {
  const box = element("div");
  box.append(element("h2"), element("p", whereabouts(station), { dir: "auto" }));
  box.firstChild.append(link(station));
  if ("signedIn" in place.dataset) box.append(element("a", "Edit", { href: `${page(station)}/edit` }));
  open(station, box, station.name);
  state.station = String(station.id);
  writeAddress();
}

export async function openById(id) {
  try {
    openStation(await getJSON(`${place.dataset.stationsUrl}/${encodeURIComponent(id)}`));
  } catch {
    state.station = ""; // deleted, or never there
    writeAddress();
  }
}

export async function openPlace({ lat, lng, bounds, count }) {
  const box = element("div");
  const title = `${count.toLocaleString()} stations`;
  box.append(element("h2", title), element("p", "Loading …"));
  const popup = open({ lat, lng }, box, title);
  try {
    const { stations } = await getJSON(place.dataset.stationsUrl, { bbox: bounds, limit: MOST, ...filters() });
    const list = element("ul");
    list.append(...stations.map((station) => {
      const item = element("li");
      item.append(link(station));
      return item;
    }));
    box.lastChild.replaceWith(list);
    if (stations.length < count) {
      const query = new URLSearchParams({ bbox: bounds, ...filters() });
      box.append(element("a", "Show all", { href: `${place.dataset.pagesUrl}?${query}` }));
    }
  } catch (error) {
    box.lastChild.textContent = `The stations could not be loaded: ${error.message}.`;
  }
  if (!popup.isOpen()) return;
  popup.update();
  focusIn(popup);
}

function focusIn(popup) {
  const dialog = popup.getElement();
  (dialog.querySelector("a[href]:not([href='#close'])") ?? dialog).focus({ preventScroll: true });
}

function open({ lat, lng }, box, label) {
  map.closePopup();
  before = document.activeElement;
  const { x, y } = map.getSize();
  const popup = L.popup({
    maxWidth: Math.min(300, x - 130),
    maxHeight: Math.max(120, y * 0.6),
    autoPanPaddingTopLeft: [60, 10], // beside the zoom buttons
  });
  popup.setLatLng([lat, inCopy(lng)]).setContent(box).openOn(map);
  const dialog = popup.getElement();
  dialog.role = "dialog";
  dialog.ariaLabel = label;
  dialog.tabIndex = -1;
  focusIn(popup);
  return popup;
}

map.on("popupclose", ({ popup }) => {
  // Without an animation, it is gone by now, and nothing has the focus.
  const focused = document.activeElement;
  if (focused === document.body || popup.getElement().contains(focused)) {
    if (before.isConnected && before !== document.body) before.focus();
    else map.fire("focuslost", { latlng: popup.getLatLng() });
  }
  if (!state.station) return;
  state.station = "";
  writeAddress();
});
