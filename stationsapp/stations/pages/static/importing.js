// The import pages also work without this module. It adds the drop zone, the progress, and the map of
// the changes.

const form = document.getElementById("upload");
const job = document.getElementById("job");
const changes = document.getElementById("changes");

if (form) sendWithProgress(form);
if (job) follow(job);
if (changes) drawChanges(changes);

// Upload the file, and show the progress.
function sendWithProgress(form) {
  const input = form.querySelector("[type=file]");
  const drop = form.querySelector(".drop");
  const status = document.getElementById("upload-status");
  const progress = document.getElementById("upload-progress");
  const largest = Number(form.dataset.largest);
  document.getElementById("drop-hint").hidden = false;

  for (const name of ["dragover", "drop", "dragleave"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
    });
  }
  drop.addEventListener("drop", ({ dataTransfer }) => {
    if (!dataTransfer.files.length) return;
    input.files = dataTransfer.files;
    check();
  });
  input.addEventListener("change", check);
  check(); // a file may have been chosen while this module was loading

  // Show which file is chosen. Refuse a file at once if it is too large for the server.
  function check() {
    const file = input.files[0];
    const tooLarge = file?.size > largest;
    if (!file) say("");
    else if (tooLarge) say(`${file.name} has ${size(file.size)}, but the limit is ${size(largest)}.`, true);
    else say(`${file.name}, ${size(file.size)}`);
    return file && !tooLarge;
  }

  function say(text, wrong = false) {
    status.textContent = text;
    status.classList.toggle("error", wrong);
    progress.hidden = true;
  }

  form.addEventListener("submit", (event) => {
    const [file] = input.files;
    if (!file) return; // the server reports it
    event.preventDefault();
    if (!check()) return;
    const request = new XMLHttpRequest(); // fetch() doesn't report upload progress
    request.upload.onprogress = ({ loaded, total }) => {
      progress.value = (100 * loaded) / total;
    };
    request.onload = () => {
      if (request.status < 300) location.assign(request.responseURL);
      else form.submit(); // shows the error page
    };
    request.onerror = () => {
      form.inert = false;
      say("The file could not be sent. Check your connection and try again.", true);
    };
    request.open("POST", form.action || location.href);
    request.send(new FormData(form));
    say(`Sending ${file.name} …`);
    progress.hidden = false;
    form.inert = true;
  });
}

function size(bytes) {
  const [unit, one] = bytes < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  return (bytes / one).toLocaleString(undefined, { style: "unit", unit, maximumFractionDigits: 1 });
}

// Fetch the page every second until the work is done.
async function follow(job) {
  const status = document.getElementById("job-status");
  for (let said = 0; ; ) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    let page;
    try {
      const response = await fetch(location.href);
      if (!response.ok) continue; // it is busy
      page = new DOMParser().parseFromString(await response.text(), "text/html");
    } catch {
      continue; // offline
    }
    const now = page.getElementById("job");
    if (!now) return location.reload();
    job.replaceChildren(...now.childNodes);
    if (Date.now() - said > 10_000) {
      said = Date.now();
      status.textContent = job.textContent.trim();
    }
  }
}

// Draw the stations that are added, moved or vanish.
async function drawChanges(place) {
  const { added, moved, vanished } = JSON.parse(document.getElementById("changes-data").textContent);
  const map = L.map(place, { minZoom: 1, worldCopyJump: true });
  const dot = (kind, name, ...at) => {
    const label = document.createElement("bdi");
    label.textContent = name; // from the feed: text, never HTML
    return L.circleMarker(at, { radius: 6, weight: 2, fillOpacity: 0.4, className: kind }).bindTooltip(label);
  };
  const layer = L.featureGroup([
    ...vanished.map((station) => dot("vanished", ...station)),
    ...moved.map(([, lat, lng, oldLat, oldLng]) =>
      L.polyline([[oldLat, oldLng], [lat, lng]], { weight: 2, fill: false, className: "moved" })),
    ...moved.map(([name, lat, lng]) => dot("moved", name, lat, lng)),
    ...added.map((station) => dot("added", ...station)),
  ]);
  map.fitBounds(layer.getBounds(), { padding: [20, 20], maxZoom: 14 });
  layer.addTo(map);
  const { addBaseMap } = await import("./land.js");
  addBaseMap(map, place.dataset);
}
