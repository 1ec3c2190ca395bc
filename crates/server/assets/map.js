// Draws the map: all points on a canvas, to be moved, zoomed, opened and drawn around.

import { asTyped, fetchOk, newRequest, tell } from "./asking.js";

const place = document.getElementById("map");
const card = document.getElementById("card");
const picked = document.getElementById("picked");
const status = document.getElementById("status");
const field = document.getElementById("q");
const REACH = 14;
const MAX_ZOOM = 200;
/** Corners of what is drawn around, at most: the address has room for them. */
const MAX_CORNERS = 80;
/** Steps of a place for each step of a corner in an address. */
const STEP = 32;

const canvas = document.createElement("canvas");
canvas.tabIndex = 0;
canvas.setAttribute("role", "application");
canvas.setAttribute(
  "aria-label",
  "Map of the papers. Arrow keys go to the next paper, with shift they move the map; Enter opens a paper, plus and minus zoom, zero shows all, s picks what is in view, Escape lets go of it.",
);
const brush = canvas.getContext("2d");

let points = { n: 0 };
let found = new Set();
let view = { zoom: 1, x: 0, y: 0 };
/** Where the papers are: the middle, and how far they reach. */
let extent = { x: 0, y: 0, width: 64000, height: 64000 };
/** {@link units}, as of now. */
let scale = [1, 1];
let chosen = -1;
let shownGroup = null;
/** The part that is pointed at in the list of parts: a polygon. */
let shownPart = null;
/** What is drawn around: a polygon, and whether it is still being drawn. */
let lasso = [];
let isDrawing = false;
/** Whether the pointer draws around papers instead of moving the map. */
let draws = false;
/** The years that are shown; null for all. */
let years = null;
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
    years: new Int16Array(bytes, 4 + 8 * n, n),
    groups: new Uint8Array(bytes, 4 + 10 * n, n),
  };
  found = new Set(hits.rows);
  extent = extentOf(points);
  showAll();
  canvas.dataset.points = n;
  showYears();
  draw();
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

/** The place on the screen of one on the map. */
function placed(x, y) {
  return [canvas.clientWidth / 2 + (x - view.x) * scale[0], canvas.clientHeight / 2 - (y - view.y) * scale[1]];
}

const onScreen = (i) => placed(points.xs[i], points.ys[i]);

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
  if (years && (points.years[i] < years[0] || points.years[i] > years[1])) return false;
  return shownGroup === null || points.groups[i] === shownGroup;
}

/** Whether a place lies within a polygon, as the server tells it. */
function isWithin(polygon, x, y) {
  let within = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i, i += 1) {
    const [[ax, ay], [bx, by]] = [polygon[j], polygon[i]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
  }
  return within;
}

/** A polygon of an address: `-120.40_0.75_88.-3`. */
const polygonOf = (text) => text.split("_").map((corner) => corner.split(".").map((step) => Number(step) * STEP));

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

function trace(polygon) {
  brush.beginPath();
  polygon.forEach(([x, y], i) => {
    const at = placed(x, y);
    if (i) brush.lineTo(...at);
    else brush.moveTo(...at);
  });
}

/** The names of parts, the largest first; one that has no room is left out until there is. */
function paintNames(style) {
  const taken = [];
  brush.font = `600 ${canvas.clientWidth < 500 ? 11 : 13}px system-ui, sans-serif`;
  brush.textAlign = "center";
  brush.textBaseline = "middle";
  brush.lineJoin = "round";
  const bar = place.querySelector(".zoom");
  for (const { text, x, y } of names) {
    const at = placed(x, y);
    const [width, height] = [brush.measureText(text).width + 10, 20];
    // Beside the buttons, not under them.
    if (at[1] - height / 2 < bar.offsetTop + bar.offsetHeight) at[0] = Math.min(at[0], bar.offsetLeft - width / 2);
    const box = [at[0] - width / 2, at[1] - height / 2, at[0] + width / 2, at[1] + height / 2];
    if (box[0] < 0 || box[1] < 0 || box[2] > canvas.clientWidth || box[3] > canvas.clientHeight) continue;
    if (taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])) continue;
    taken.push(box);
    brush.globalAlpha = 0.9;
    brush.strokeStyle = style.getPropertyValue("--raised");
    brush.lineWidth = 4;
    brush.strokeText(text, ...at);
    brush.globalAlpha = 1;
    brush.fillStyle = style.getPropertyValue("--ink");
    brush.fillText(text, ...at);
  }
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
    if (!found.has(points.rows[i]) || !isShown(i)) continue;
    dot(i, Math.max(4, size * 0.8), colours[points.groups[i]]);
    // A ring tells it from what lies around, also where both have one colour.
    brush.strokeStyle = style.getPropertyValue("--ink");
    brush.lineWidth = 1.25;
    brush.stroke();
  }
  const around = shownPart ?? lasso;
  if (around.length > 1) {
    trace(around);
    if (!isDrawing) brush.closePath();
    brush.fillStyle = brush.strokeStyle = style.getPropertyValue("--accent");
    brush.lineWidth = 1.5;
    brush.stroke();
    brush.globalAlpha = 0.12;
    if (!isDrawing) brush.fill();
    brush.globalAlpha = 1;
  }
  paintNames(style);
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

async function fetchCard(i, options) {
  const answer = await fetchOk(`/map/paper/${points.rows[i]}`, options);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

async function choose(i) {
  if (i === chosen) return;
  chosen = i;
  draw();
  const signal = newRequest("card");
  if (i < 0) return;
  try {
    const part = await fetchCard(i, { signal });
    card.replaceChildren(...part.body.childNodes);
    dispatchEvent(new CustomEvent("cognate:new", { detail: card }));
  } catch (error) {
    if (error.name !== "AbortError") card.textContent = `The paper could not be fetched: ${error.message}`;
  }
}

async function open(i) {
  if (i < 0) return;
  const part = await fetchCard(i);
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

function bringIntoView(i) {
  const [x, y] = onScreen(i);
  if (x >= 0 && y >= 0 && x <= canvas.clientWidth && y <= canvas.clientHeight) return;
  [view.x, view.y] = [points.xs[i], points.ys[i]];
  draw();
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
    ["Draw", "Draw around papers", toggleDrawing],
  ]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.title = name;
    button.setAttribute("aria-label", name);
    button.addEventListener("click", () => act(button));
    if (act === toggleDrawing) button.setAttribute("aria-pressed", "false");
    bar.append(button);
  }
  place.append(bar);
}

// ---- Drawing around papers: what is within becomes a filter of the search.

function toggleDrawing(button) {
  draws = !draws;
  button.setAttribute("aria-pressed", draws);
  canvas.classList.toggle("draws", draws);
}

/** The place on the map of one on the screen. */
function onMap(x, y) {
  return [view.x + (x - canvas.clientWidth / 2) / scale[0], view.y - (y - canvas.clientHeight / 2) / scale[1]];
}

function letGo() {
  lasso = [];
  isDrawing = false;
  picked.replaceChildren();
  draw();
}

/** Offers the papers within a polygon of places. */
function pick(polygon) {
  const every = Math.max(1, Math.ceil(polygon.length / MAX_CORNERS));
  const corners = polygon.filter((_, i) => i % every === 0).map((corner) => corner.map((part) => Math.round(part / STEP)));
  const isSame = ([x, y], i) => i > 0 && x === corners[i - 1][0] && y === corners[i - 1][1];
  const text = corners.filter((corner, i) => !isSame(corner, i)).map((corner) => corner.join(".")).join("_");
  lasso = polygonOf(text);
  isDrawing = false;
  if (lasso.length < 3) {
    letGo();
    return;
  }
  let n = 0;
  for (let i = 0; i < points.n; i += 1) if (isWithin(lasso, points.xs[i], points.ys[i])) n += 1;
  const address = new URL(place.dataset.search, location.origin);
  address.searchParams.set("region", text);
  const told = document.createElement("span");
  const some = "sampled" in place.dataset ? " of those that are drawn" : "";
  told.textContent = n === 1 ? `1 paper in this part${some}` : `${n.toLocaleString("en")} papers in this part${some}`;
  const link = document.createElement("a");
  link.href = address.pathname + address.search;
  link.id = "among-picked";
  link.textContent = field.value.trim() ? `Search them for “${field.value.trim()}”` : "Search among them";
  const clear = document.createElement("button");
  clear.type = "button";
  clear.textContent = "Let go";
  clear.addEventListener("click", letGo);
  picked.replaceChildren(told, ...(n ? [link] : []), clear);
  draw();
}

/** What is in view, for who draws without a pointer. */
function pickView() {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  pick([onMap(0, 0), onMap(width, 0), onMap(width, height), onMap(0, height)]);
}

// ---- Years: the papers of some are shown.

function showYears() {
  const bar = document.getElementById("time");
  let [first, last] = [Infinity, -Infinity];
  for (const year of points.years) {
    if (year === 0) continue;
    [first, last] = [Math.min(first, year), Math.max(last, year)];
  }
  if (!(first < last)) return;
  const told = document.createElement("output");
  const sliders = [["From", first], ["To", last]].map(([name, value]) => {
    const label = document.createElement("label");
    const slider = Object.assign(document.createElement("input"), { type: "range", min: first, max: last, value, name: name.toLowerCase() });
    label.append(name, slider);
    return { label, slider };
  });
  const [from, to] = sliders.map(({ slider }) => slider);
  const apply = (moved) => {
    // The one that is moved takes the other along.
    if (Number(from.value) > Number(to.value)) (moved === from ? to : from).value = moved.value;
    const range = [Number(from.value), Number(to.value)];
    years = range[0] === first && range[1] === last ? null : range;
    let n = 0;
    for (let i = 0; i < points.n; i += 1) if (!years || (points.years[i] >= range[0] && points.years[i] <= range[1])) n += 1;
    const span = range[0] === range[1] ? `${range[0]}` : `${range[0]} to ${range[1]}`;
    told.textContent = `${span}: ${n.toLocaleString("en")} ${n === 1 ? "paper" : "papers"}`;
    draw();
  };
  for (const slider of [from, to]) slider.addEventListener("input", () => apply(slider));
  bar.replaceChildren(...sliders.map(({ label }) => label), told);
  bar.hidden = false;
  apply(to);
}

// ---- What is searched for is lit up while it is typed; Enter goes to the list.

async function find() {
  const signal = newRequest("found");
  const query = field.value.trim();
  const fields = new URLSearchParams(location.search);
  fields.delete("q");
  if (query) fields.set("q", query);
  const search = fields.size ? `?${fields}` : "";
  try {
    const answer = query ? await fetchOk(`/map/found${search}`, { signal }) : null;
    found = new Set(answer ? (await answer.json()).rows : []);
  } catch (error) {
    if (error.name !== "AbortError") tell(`The search failed: ${error.message}`);
    return;
  }
  history.replaceState(null, "", `/map${search}`);
  place.dataset.search = `/search${search}`;
  for (const link of document.querySelectorAll(".parts a")) {
    const address = new URL(link.href);
    if (query) address.searchParams.set("q", query);
    else address.searchParams.delete("q");
    link.href = address.pathname + address.search;
  }
  const list = Object.assign(document.createElement("a"), { href: `/search${search}`, textContent: "as a list" });
  const n = found.size;
  if (query) status.replaceChildren(`The ${n} best ${n === 1 ? "hit" : "hits"} · `, list);
  else status.textContent = "All papers";
  canvas.dataset.found = n;
  if (lasso.length) pick(lasso);
  draw();
}

const held = new Map();
let moved = 0;

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  held.set(event.pointerId, [event.offsetX, event.offsetY]);
  moved = 0;
  if (draws && held.size === 1) {
    lasso = [onMap(event.offsetX, event.offsetY)];
    isDrawing = true;
    picked.replaceChildren();
  }
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
  if (isDrawing) {
    lasso.push(onMap(...at));
    moved += Math.hypot(at[0] - last[0], at[1] - last[1]);
    held.set(event.pointerId, at);
    draw();
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
  if (isDrawing) {
    if (moved > 5) pick(lasso);
    else letGo();
    if (moved > 5) return;
  }
  if (moved > 5) return;
  const { i, distance } = nearest(event.offsetX, event.offsetY);
  if (distance >= REACH) return;
  // A finger cannot point without touching: its first touch chooses, the next opens.
  if (event.pointerType === "mouse" || i === chosen) open(i);
  else choose(i);
});
canvas.addEventListener("pointercancel", (event) => {
  held.delete(event.pointerId);
  if (isDrawing) letGo();
});

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
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (direction && event.shiftKey) {
    view.x += (direction[0] * canvas.clientWidth) / 4 / scale[0];
    view.y -= (direction[1] * canvas.clientHeight) / 4 / scale[1];
    draw();
  } else if (direction) {
    const [x, y] = chosen < 0 ? [canvas.clientWidth / 2, canvas.clientHeight / 2] : onScreen(chosen);
    const isAhead = (px, py, i) => {
      const along = (px - x) * direction[0] + (py - y) * direction[1];
      const across = Math.abs((px - x) * direction[1]) + Math.abs((py - y) * direction[0]);
      return i !== chosen && along > 0 && across <= along;
    };
    const { i } = nearest(x, y, chosen < 0 ? undefined : isAhead);
    if (i >= 0) {
      choose(i);
      bringIntoView(i);
    }
  } else if (event.key === "Enter") open(chosen);
  else if (event.key === "+" || event.key === "=") zoomMiddle(1.6);
  else if (event.key === "-") zoomMiddle(1 / 1.6);
  else if (event.key === "0") showAll();
  else if (event.key === "s") pickView();
  else if (event.key === "Escape" && lasso.length) letGo();
  else return;
  event.preventDefault();
});

// ---- The legend: a group under the pointer or in focus is shown alone, and a part is outlined.

let names = [];

function pointOut(links, show) {
  for (const link of links) {
    for (const name of ["pointerenter", "focus"]) link.addEventListener(name, () => { show(link); draw(); });
    for (const name of ["pointerleave", "blur"]) link.addEventListener(name, () => { show(null); draw(); });
  }
}

place.append(canvas);
addButtons();
pointOut(document.querySelectorAll(".legend [data-group]"), (link) => {
  shownGroup = link && Number(link.dataset.group);
});
const parts = [...document.querySelectorAll(".parts a")];
names = parts.map(({ dataset }) => ({ text: dataset.short, x: dataset.x * STEP, y: dataset.y * STEP }));
pointOut(parts, (link) => { shownPart = link && polygonOf(link.dataset.shape); });
asTyped(field, find, 80);
new ResizeObserver(draw).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
load().catch((error) => {
  card.textContent = `The map could not be fetched: ${error.message}`;
});
