// The base map of every map: tiles, and below them the land and the borders of countries, so that
// there is a map even without tiles.
//
//   import { addBaseMap } from "./land.js";
//   addBaseMap(map, element.dataset); // a Leaflet map, data-tiles-url and data-attribution
//
// CSS gives the colours: `fill` and `stroke` of `.leaflet-land-pane`. tools/land.py makes the files.

const FINE_FROM = 4; // zoom
const MARGIN = 1 / 64; // of a tile: what is drawn goes on beyond its edge
const FRAME = 8; // milliseconds to draw in before the browser's turn
const REMEMBERED = 2000; // tiles

// Add the land and the tiles to a map.
export function addBaseMap(map, { tilesUrl, attribution }) {
  map.attributionControl.setPrefix(false); // no flag
  addLand(map);
  // OpenStreetMap's servers refuse requests without a Referer.
  const referrerPolicy = "strict-origin-when-cross-origin";
  L.tileLayer(tilesUrl, { attribution, maxZoom: 19, referrerPolicy }).addTo(map);
}

// Add only the land: the coarse file first, and the fine one when you zoom in.
export function addLand(map) {
  const pane = map.createPane("land");
  pane.style.zIndex = 150;
  const layer = L.gridLayer({ pane: "land", updateWhenIdle: false });
  const tiles = new Map(); // what is on the map: canvas -> its coordinates and callback
  const waiting = new Set(); // the canvases to draw
  let shapesIn = () => ({ rings: [], lines: [] });
  const asked = new Set(); // the files
  let shown;

  async function load(file) {
    asked.add(file);
    try {
      const response = await fetch(new URL(`./land-${file}.json`, import.meta.url));
      const shapes = decode(await response.json());
      if (shown === "fine") return; // it came first
      shown = file;
      shapesIn = cutter(shapes);
      redraw();
    } catch {
      asked.delete(file); // offline: the next tile asks again
    }
  }

  function draw() {
    const { fill, stroke } = getComputedStyle(pane);
    const end = performance.now() + FRAME;
    for (const canvas of waiting) {
      waiting.delete(canvas);
      const tile = tiles.get(canvas);
      const { z, x, y } = tile.coords;
      drawTile(canvas, tile.coords, shapesIn(z, x, y), fill, stroke);
      tile.done?.(null, canvas);
      delete tile.done; // it fades the tile in, once
      if (performance.now() > end) break;
    }
    if (waiting.size) requestAnimationFrame(draw);
  }

  function drawSoon(canvas) {
    if (!waiting.size) requestAnimationFrame(draw);
    waiting.add(canvas);
  }

  function redraw() {
    for (const canvas of tiles.keys()) drawSoon(canvas);
  }

  layer.createTile = (coords, done) => {
    const file = coords.z >= FINE_FROM ? "fine" : "coarse";
    if (!asked.has(file) && !asked.has("fine")) load(file);
    const canvas = document.createElement("canvas");
    tiles.set(canvas, { coords, done });
    drawSoon(canvas);
    return canvas;
  };
  layer.on("tileunload", ({ tile }) => {
    tiles.delete(tile);
    waiting.delete(tile);
  });
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
    matchMedia(query).addEventListener("change", redraw);
  }
  return layer.addTo(map);
}

function drawTile(canvas, { z, x, y }, { rings, lines }, fill, stroke) {
  const ratio = Math.min(devicePixelRatio, 2);
  const size = Math.ceil(256 * ratio);
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  const trace = (shapes) => {
    context.beginPath();
    for (const { points } of shapes) {
      for (let i = 0; i < points.length; i += 2) {
        const left = (points[i] * 2 ** z - x) * size, top = (points[i + 1] * 2 ** z - y) * size;
        if (i === 0) context.moveTo(left, top);
        else context.lineTo(left, top);
      }
    }
  };
  trace(rings);
  context.fillStyle = fill;
  context.fill("evenodd");
  trace(lines);
  context.strokeStyle = stroke;
  context.lineWidth = ratio;
  context.stroke();
}

// Read our TopoJSON, where a ring or a border is one arc.
function decode({ transform, arcs, objects }) {
  const [step] = transform.scale;
  const shapes = arcs.map((arc) => {
    const points = [];
    let lng = 0, lat = 0;
    for (const [east, north] of arc) {
      lng += east;
      lat += north;
      const sine = Math.sin((lat * step * Math.PI) / 180);
      points.push((lng * step) / 360 + 0.5, 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI));
    }
    return shape(points);
  });
  const place = ([number]) => shapes[number];
  return { rings: objects.land.arcs.flat().map(place), lines: objects.borders.arcs.map(place) };
}

// A shape's points, x and y in turn, from 0 to 1 on the Mercator map; and the box around them.
function shape(points) {
  let west = Infinity, east = -Infinity, north = Infinity, south = -Infinity;
  for (let i = 0; i < points.length; i += 2) {
    west = Math.min(west, points[i]);
    east = Math.max(east, points[i]);
    north = Math.min(north, points[i + 1]);
    south = Math.max(south, points[i + 1]);
  }
  return { points, west, east, north, south };
}

// Return a function that gives the shapes in a tile, cut from those in the tile around it.
function cutter(whole) {
  const known = new Map();
  return function shapesIn(z, x, y) {
    if (z === 0) return whole;
    const key = `${z}/${x}/${y}`;
    if (!known.has(key)) {
      const { rings, lines } = shapesIn(z - 1, x >> 1, y >> 1);
      const box = {
        west: (x - MARGIN) / 2 ** z,
        east: (x + 1 + MARGIN) / 2 ** z,
        north: (y - MARGIN) / 2 ** z,
        south: (y + 1 + MARGIN) / 2 ** z,
      };
      if (known.size >= REMEMBERED) known.clear();
      known.set(key, { rings: cut(rings, cutRing, box), lines: cut(lines, cutLine, box) });
    }
    return known.get(key);
  };
}

function cut(shapes, cutOne, box) {
  return shapes.flatMap((whole) => {
    const { points, west, east, north, south } = whole;
    if (west > box.east || east < box.west || north > box.south || south < box.north) return [];
    const inside = west >= box.west && east <= box.east && north >= box.north && south <= box.south;
    return inside ? whole : cutOne(points, box).map(shape);
  });
}

function cutRing(points, { west, east, north, south }) {
  for (const [axis, limit, sign] of [[0, west, 1], [0, east, -1], [1, north, 1], [1, south, -1]]) {
    points = cutOff(points, axis, limit, sign);
  }
  return points.length ? [points] : [];
}

// Cut off the part of a ring that lies beyond a limit (Sutherland and Hodgman's algorithm).
function cutOff(points, axis, limit, sign) {
  const kept = [];
  let [x, y] = points.slice(-2);
  let inside = sign * ((axis ? y : x) - limit);
  for (let i = 0; i < points.length; i += 2) {
    const [nextX, nextY] = [points[i], points[i + 1]];
    const next = sign * (points[i + axis] - limit);
    if (inside < 0 !== next < 0) {
      const part = inside / (inside - next);
      kept.push(x + part * (nextX - x), y + part * (nextY - y));
    }
    if (next >= 0) kept.push(nextX, nextY);
    [x, y, inside] = [nextX, nextY, next];
  }
  return kept;
}

// Return the parts of a line that may lie in a box.
function cutLine(points, { west, east, north, south }) {
  const parts = [];
  let part;
  for (let i = 2; i < points.length; i += 2) {
    const [x1, y1, x2, y2] = [points[i - 2], points[i - 1], points[i], points[i + 1]];
    const beside = Math.max(x1, x2) < west || Math.min(x1, x2) > east;
    if (beside || Math.max(y1, y2) < north || Math.min(y1, y2) > south) {
      part = undefined;
    } else {
      if (!part) parts.push((part = [x1, y1]));
      part.push(x2, y2);
    }
  }
  return parts;
}
