// Draws the map: all points on a canvas, to be moved, zoomed and opened.

const place = document.getElementById("map");
const card = document.getElementById("card");
const REACH = 14;
const MAX_ZOOM = 200;

const canvas = document.createElement("canvas");
canvas.tabIndex = 0;
canvas.setAttribute("role", "application");
canvas.setAttribute(
  "aria-label",
  "Map of the papers. Arrow keys go to the next paper, Enter opens it, plus and minus zoom, zero shows all.",
);
const brush = canvas.getContext("2d");
place.append(canvas);
addButtons();

let points = { n: 0 };
let found = new Set();
let view = { zoom: 1, x: 0, y: 0 };
/** Where the papers are: the middle, and how far they reach. */
let extent = { x: 0, y: 0, width: 64000, height: 64000 };
/** {@link units}, as of now. */
let scale = [1, 1];
let chosen = -1;
let shownGroup = null;
let due = false;

async function load() {
  const [bytes, hits] = await Promise.all([
    fetchOk(place.dataset.points).then((answer) => answer.arrayBuffer()),
    place.dataset.found ? fetchOk(place.dataset.found).then((answer) => answer.json()) : { rows: [] },
  ]);
  const n = new DataView(bytes).getUint32(0, true);
  points = {
    n,
    rows: new Uint32Array(bytes, 4, n),
    xs: new Int16Array(bytes, 4 + 4 * n, n),
    ys: new Int16Array(bytes, 4 + 6 * n, n),
    groups: new Uint8Array(bytes, 4 + 8 * n, n),
  };
  found = new Set(hits.rows);
  extent = extentOf(points);
  showAll();
  canvas.dataset.points = n;
  draw();
}

async function fetchOk(address, options) {
  const answer = await fetch(address, options);
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer;
}

// ---- Places: on the map from -32,000 to 32,000, on the screen in CSS pixels.

const MARGIN = 0.92;
/** The axes may be stretched to fill the screen, but not beyond this. */
const MAX_STRETCH = 2;

function extentOf({ n, xs, ys }) {
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < n; i += 1) {
    [left, right] = [Math.min(left, xs[i]), Math.max(right, xs[i])];
    [bottom, top] = [Math.min(bottom, ys[i]), Math.max(top, ys[i])];
  }
  if (n === 0) return extent;
  return { x: (left + right) / 2, y: (bottom + top) / 2, width: right - left + 1, height: top - bottom + 1 };
}

/** Pixels for each step along the axes. */
function units() {
  const [x, y] = [(canvas.clientWidth * MARGIN) / extent.width, (canvas.clientHeight * MARGIN) / extent.height];
  const least = Math.min(x, y) * MAX_STRETCH;
  return [Math.min(x, least) * view.zoom, Math.min(y, least) * view.zoom];
}

function onScreen(i) {
  return [
    canvas.clientWidth / 2 + (points.xs[i] - view.x) * scale[0],
    canvas.clientHeight / 2 - (points.ys[i] - view.y) * scale[1],
  ];
}

function nearest(x, y, accept = () => true) {
  let [best, least] = [-1, Infinity];
  for (let i = 0; i < points.n; i += 1) {
    if (!isShown(i)) continue;
    const [px, py] = onScreen(i);
    // A hit of the search is easier to reach than what lies around it.
    const distance = Math.hypot(px - x, py - y) - (found.has(points.rows[i]) ? 4 : 0);
    if (distance < least && accept(px, py, i)) [best, least] = [i, distance];
  }
  return { i: best, distance: least };
}

function isShown(i) {
  return shownGroup === null || points.groups[i] === shownGroup;
}

// ---- Drawing.

function draw() {
  scale = units();
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    paint();
  });
}

function paint() {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  brush.scale(ratio, ratio);
  const style = getComputedStyle(place);
  const colours = Array.from({ length: 10 }, (_, group) => style.getPropertyValue(`--group-${group}`));
  const size = Math.max(1.5, Math.min(9, (120 / Math.sqrt(points.n + 1)) * Math.sqrt(view.zoom)));
  const dim = found.size > 0;
  for (let group = 0; group < colours.length; group += 1) {
    brush.fillStyle = colours[group];
    brush.globalAlpha = dim ? 0.18 : 0.75;
    for (let i = 0; i < points.n; i += 1) {
      if (points.groups[i] !== group || !isShown(i) || found.has(points.rows[i])) continue;
      const [x, y] = onScreen(i);
      if (x > -size && y > -size && x < width + size && y < height + size) {
        // Squares are faster; where papers are few enough to be seen one by one, dots are nicer.
        if (size < 4) brush.fillRect(x - size / 2, y - size / 2, size, size);
        else dot(i, size / 2, colours[group]);
      }
    }
  }
  brush.globalAlpha = 1;
  for (let i = 0; dim && i < points.n; i += 1) {
    if (found.has(points.rows[i]) && isShown(i)) dot(i, Math.max(3.5, size * 0.8), colours[points.groups[i]]);
  }
  if (chosen >= 0) {
    dot(chosen, Math.max(5, size), colours[points.groups[chosen]]);
    brush.strokeStyle = style.getPropertyValue("--ink");
    brush.lineWidth = 2;
    brush.stroke();
  }
}

function dot(i, radius, colour) {
  const [x, y] = onScreen(i);
  brush.fillStyle = colour;
  brush.beginPath();
  brush.arc(x, y, radius, 0, 2 * Math.PI);
  brush.fill();
}

// ---- The paper that is pointed at.

let cardRequest = new AbortController();

async function choose(i) {
  if (i === chosen) return;
  chosen = i;
  draw();
  cardRequest.abort();
  cardRequest = new AbortController();
  if (i < 0) return;
  try {
    const answer = await fetchOk(`/map/paper/${points.rows[i]}`, { signal: cardRequest.signal });
    const part = new DOMParser().parseFromString(await answer.text(), "text/html");
    card.replaceChildren(...part.body.childNodes);
    dispatchEvent(new CustomEvent("cognate:new", { detail: card }));
  } catch (error) {
    if (error.name !== "AbortError") card.textContent = `The paper could not be fetched: ${error.message}`;
  }
}

async function open(i) {
  if (i < 0) return;
  const answer = await fetchOk(`/map/paper/${points.rows[i]}`);
  const part = new DOMParser().parseFromString(await answer.text(), "text/html");
  location.assign(part.querySelector("article a").getAttribute("href"));
}

// ---- Moving.

function zoomAt(x, y, factor) {
  const zoom = Math.max(1, Math.min(MAX_ZOOM, view.zoom * factor));
  const [dx, dy] = [x - canvas.clientWidth / 2, y - canvas.clientHeight / 2];
  const before = units();
  view.zoom = zoom;
  const after = units();
  view.x += dx / before[0] - dx / after[0];
  view.y -= dy / before[1] - dy / after[1];
  draw();
}

function zoomMiddle(factor) {
  zoomAt(canvas.clientWidth / 2, canvas.clientHeight / 2, factor);
}

function showAll() {
  view = { zoom: 1, x: extent.x, y: extent.y };
  draw();
}

function addButtons() {
  const bar = document.createElement("div");
  bar.className = "zoom";
  for (const [text, name, act] of [
    ["+", "Zoom in", () => zoomMiddle(1.6)],
    ["−", "Zoom out", () => zoomMiddle(1 / 1.6)],
    ["All", "Show all papers", showAll],
  ]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.setAttribute("aria-label", name);
    button.addEventListener("click", act);
    bar.append(button);
  }
  place.append(bar);
}

const held = new Map();
let moved = 0;

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  held.set(event.pointerId, [event.offsetX, event.offsetY]);
  moved = 0;
});

canvas.addEventListener("pointermove", (event) => {
  const at = [event.offsetX, event.offsetY];
  const last = held.get(event.pointerId);
  if (!last) {
    const { i, distance } = nearest(...at);
    canvas.style.cursor = distance < REACH ? "pointer" : "";
    if (distance < REACH) choose(i);
    return;
  }
  const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
  if (other) {
    const spread = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
    zoomAt((at[0] + other[0]) / 2, (at[1] + other[1]) / 2, spread(at) / Math.max(1, spread(last)));
  } else {
    view.x -= (at[0] - last[0]) / scale[0];
    view.y += (at[1] - last[1]) / scale[1];
    draw();
  }
  moved += Math.hypot(at[0] - last[0], at[1] - last[1]);
  held.set(event.pointerId, at);
});

canvas.addEventListener("pointerup", (event) => {
  held.delete(event.pointerId);
  if (moved > 5) return;
  const { i, distance } = nearest(event.offsetX, event.offsetY);
  if (distance >= REACH) return;
  // A finger cannot point without touching: its first touch chooses, the next opens.
  if (event.pointerType === "mouse" || i === chosen) open(i);
  else choose(i);
});
canvas.addEventListener("pointercancel", (event) => held.delete(event.pointerId));

canvas.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    zoomAt(event.offsetX, event.offsetY, Math.exp(-event.deltaY / 400));
  },
  { passive: false },
);

canvas.addEventListener("keydown", (event) => {
  const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const direction = directions[event.key];
  if (direction) {
    const [x, y] = chosen < 0 ? [canvas.clientWidth / 2, canvas.clientHeight / 2] : onScreen(chosen);
    const isAhead = (px, py, i) => {
      const along = (px - x) * direction[0] + (py - y) * direction[1];
      const across = Math.abs((px - x) * direction[1]) + Math.abs((py - y) * direction[0]);
      return i !== chosen && along > 0 && across <= along;
    };
    const { i } = nearest(x, y, chosen < 0 ? undefined : isAhead);
    if (i >= 0) choose(i);
  } else if (event.key === "Enter") open(chosen);
  else if (event.key === "+" || event.key === "=") zoomMiddle(1.6);
  else if (event.key === "-") zoomMiddle(1 / 1.6);
  else if (event.key === "0") showAll();
  else return;
  event.preventDefault();
});

// ---- The legend: a group under the pointer or in focus is shown alone.

for (const link of document.querySelectorAll(".legend [data-group]")) {
  const show = (group) => () => {
    shownGroup = group;
    draw();
  };
  for (const name of ["pointerenter", "focus"]) link.addEventListener(name, show(Number(link.dataset.group)));
  for (const name of ["pointerleave", "blur"]) link.addEventListener(name, show(null));
}

new ResizeObserver(draw).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
load().catch((error) => {
  card.textContent = `The map could not be fetched: ${error.message}`;
});
