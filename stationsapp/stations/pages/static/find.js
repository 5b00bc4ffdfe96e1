// The search box suggests stations: a combobox with a listbox, as the ARIA Authoring Practices
// describe it (editable, the list is a help and nothing is chosen by itself).
import { filters, getJSON, map, place, state } from "./address.js";
import { go } from "./nearest.js";
import { whereabouts } from "./popup.js";

const PAUSE = 200; // milliseconds after the last key, before the server is asked
const form = document.getElementById("find");
const input = form.q;
const listbox = document.getElementById("suggestions");
const status = document.getElementById("suggestions-status");
let stations = [];
let active = -1; // the index of the suggestion that the arrow keys have reached
let timer;
let asking;

input.addEventListener("input", suggestSoon);
input.addEventListener("blur", stop);
form.addEventListener("submit", stop);

function suggestSoon() {
  stop();
  if (input.value.trim()) timer = setTimeout(suggest, PAUSE);
}

// Close the list, and cancel the request.
function stop() {
  clearTimeout(timer);
  asking?.abort();
  show([]);
  status.textContent = "";
}

async function suggest() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const { lat, lng } = map.getCenter().wrap();
  const query = { ...filters(), q: input.value.trim(), lat, lng, limit: 8 };
  try {
    const found = await getJSON(place.dataset.nearestUrl, query, signal);
    show(found.stations);
    status.classList.toggle("hidden", stations.length > 0); // the count is only for screen readers
    status.textContent = count(stations.length);
  } catch (error) {
    if (signal.aborted) return;
    status.classList.remove("hidden");
    status.textContent = `No suggestions: ${error.message}.`;
  }
}

function count(number) {
  if (!number) return "No station has these words in its name.";
  return number === 1 ? "1 suggestion" : `${number} suggestions, the nearest first`;
}

function show(found) {
  stations = found;
  listbox.replaceChildren(...stations.map(option));
  listbox.hidden = !stations.length;
  input.ariaExpanded = String(!listbox.hidden);
  activate(-1);
}

function option(station, number) {
  const name = document.createElement("bdi");
  name.textContent = station.name;
  const where = document.createElement("span");
  where.textContent = whereabouts(station);
  where.dir = "auto";
  const made = document.createElement("li");
  made.id = `suggestion-${number}`;
  made.role = "option";
  made.append(name, " ", where);
  made.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays
  made.addEventListener("click", () => choose(station));
  return made;
}

function activate(number) {
  active = number;
  [...listbox.children].forEach((made, i) => (made.ariaSelected = String(i === active)));
  if (active < 0) input.removeAttribute("aria-activedescendant");
  else input.setAttribute("aria-activedescendant", listbox.children[active].id);
  listbox.children[active]?.scrollIntoView({ block: "nearest" });
}

function choose(station) {
  stop();
  input.value = station.name;
  go(station);
}

// From the field, the arrow keys lead to the first or last suggestion, and back.
const KEYS = {
  ArrowDown: () => (stations.length ? activate(active + 2 > stations.length ? -1 : active + 1) : suggest()),
  ArrowUp: () => (stations.length ? activate(active < 0 ? stations.length - 1 : active - 1) : suggest()),
  Enter: () => choose(stations[active]),
  Escape: () => (listbox.hidden ? (input.value = "") : stop()),
};

input.addEventListener("keydown", (event) => {
  if (!(event.key in KEYS) || event.isComposing) return;
  if (event.key === "Enter" && active < 0) return; // sends the form
  if (event.key.startsWith("Arrow") && !input.value.trim()) return;
  event.preventDefault();
  KEYS[event.key]();
});

// Something may have been typed while this module was loading
if (document.activeElement === input && input.value !== state.q) suggestSoon();
