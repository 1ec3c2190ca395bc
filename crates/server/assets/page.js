// What pages do beyond links and forms. Without this script everything is still there, a click further away.

import { asTyped, fetchPart, newRequest, takeParts, tell, waitFor } from "./asking.js";

const form = document.getElementById("ask");
const field = document.getElementById("q");

// ---- What the browser remembers: the library's seeds, and papers that were seen.

const MAX_SEEN = 2000;
export const memory = {
  read(name) {
    try {
      const list = JSON.parse(localStorage.getItem(`cognate.${name}`) ?? "[]");
      return Array.isArray(list) ? list.filter((id) => typeof id === "string") : [];
    } catch {
      return [];
    }
  },
  write(name, list) {
    try {
      localStorage.setItem(`cognate.${name}`, JSON.stringify(list));
    } catch {
      // Storage is full or forbidden: the address still holds the library.
    }
  },
};

function see(id) {
  const others = memory.read("seen").filter((other) => other !== id);
  memory.write("seen", [...others, id].slice(-MAX_SEEN));
}

export function showLibrary() {
  const link = document.getElementById("to-library");
  const seeds = memory.read("library");
  link.href = seeds.length ? `/library?${new URLSearchParams(seeds.map((id) => ["seed", id]))}` : "/library";
  link.querySelector(".count")?.remove();
  if (seeds.length) {
    const count = document.createElement("span");
    count.className = "count";
    count.textContent = seeds.length;
    link.append(count);
  }
}

/** What this tab remembers until it is closed. */
export const session = {
  read(name) {
    try {
      return JSON.parse(sessionStorage.getItem(`cognate.${name}`));
    } catch {
      return null;
    }
  },
  write(name, value) {
    try {
      sessionStorage.setItem(`cognate.${name}`, JSON.stringify(value));
    } catch {
      // Storage is full or forbidden.
    }
  },
};

/** Gives `take` the files that are dropped anywhere on the page. */
export function takeDropped(take) {
  const over = (isOver) => (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("is-dropping", isOver);
    if (event.type === "drop") take(event.dataTransfer.files);
  };
  addEventListener("dragover", over(true));
  addEventListener("dragleave", over(false));
  addEventListener("drop", over(false));
}

/** Makes the links that begin a library buttons that add to it. */
function makeKeepers(root) {
  const kept = new Set(memory.read("library"));
  for (const link of root.querySelectorAll("a.keep")) {
    const id = link.closest("[data-id]").dataset.id;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "keep";
    const show = (isKept) => {
      button.setAttribute("aria-pressed", isKept);
      button.textContent = isKept ? "In library" : "Add to library";
    };
    show(kept.has(id));
    button.addEventListener("click", () => {
      const others = memory.read("library").filter((other) => other !== id);
      const isKept = button.getAttribute("aria-pressed") !== "true";
      memory.write("library", isKept ? [...others, id] : others);
      show(isKept);
      showLibrary();
    });
    link.replaceWith(button);
  }
}

// ---- Search as you type.

function stateOfForm() {
  const fields = [...new FormData(form)].filter(([, value]) => value.trim() !== "");
  return fields.length ? `/search?${new URLSearchParams(fields)}` : "/search";
}

function withPart(address, part) {
  return `${address}${address.includes("?") ? "&" : "?"}part=${part}`;
}

/** Time without a key after which papers are counted anew. */
const FACETS_DELAY = 150;
let facetsTimer = 0;

/** What is counted over all papers, which takes longer than the list. Until it is there the counts of before lead nowhere. */
async function askFacets(address) {
  const facets = document.getElementById("facets");
  try {
    const part = await fetchPart(withPart(address, "facets"), { signal: newRequest("facets") });
    takeParts(part, ["status", "facets"]);
    facets.inert = false;
  } catch (error) {
    if (error.name !== "AbortError") tell(`The papers could not be counted: ${error.message}`);
  }
}

async function search(address, remember, { isTyped = false } = {}) {
  clearTimeout(whyTimer);
  clearTimeout(facetsTimer);
  const signal = newRequest("list");
  const found = document.querySelector(".found");
  found.classList.add("is-waiting");
  try {
    const part = await fetchPart(withPart(address, "list"), { signal });
    if (!part.getElementById("list")) throw new Error(part.querySelector(".error p")?.textContent ?? "no list came");
    const isFirst = !document.getElementById("status").textContent;
    takeParts(part, ["status", "list"]);
    document.getElementById("facets").inert = true;
    facetsTimer = setTimeout(askFacets, isTyped ? FACETS_DELAY : 0, address);
    // It is open where nothing is asked.
    if (isFirst) document.getElementById("help").open = false;
    remember?.call(history, null, "", address);
    document.title = `${field.value.trim() || "Search"} · cognate`;
    found.classList.remove("is-waiting");
    enliven(document.getElementById("list"));
  } catch (error) {
    if (error.name === "AbortError") return;
    found.classList.remove("is-waiting");
    tell(`The search failed: ${error.message}`);
  }
}

function searchAsTyped() {
  asTyped(field, () => search(stateOfForm(), history.replaceState, { isTyped: true }));
  for (const name of ["mode", "sort", "year", "author", "venue", "categories"]) {
    document.getElementById(name).addEventListener("change", () => search(stateOfForm(), history.pushState));
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search(stateOfForm(), history.pushState);
  });
  addEventListener("popstate", () => {
    // The page from which the search began.
    if (location.pathname !== "/search") {
      location.reload();
      return;
    }
    for (const [name, value] of [...new FormData(form).keys()].map((name) => [
      name,
      new URLSearchParams(location.search).get(name) ?? "",
    ])) {
      form.elements[name].value = value;
    }
    search(location.pathname + location.search, null);
  });
}

/** What the page of searches can do. */
function beSearch() {
  searchAsTyped();
  drawYears();
}

/** On other pages what is typed brings the page of searches in their place; back, or Escape, brings the page back. */
function searchFromHere() {
  const begin = async () => {
    if (!field.value.trim()) return;
    const address = stateOfForm();
    const main = document.getElementById("main");
    main.classList.add("is-waiting");
    try {
      const page = await fetchPart(address, { signal: newRequest("list") });
      end();
      main.replaceChildren(...page.getElementById("main").childNodes);
      main.classList.remove("is-waiting");
      history.pushState(null, "", address);
      document.title = page.title;
      document.querySelector("nav [aria-current]")?.removeAttribute("aria-current");
      scrollTo(0, 0);
      enliven(main);
      beSearch();
      field.addEventListener("keydown", (event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        history.back();
      });
      if (stateOfForm() !== address) search(stateOfForm(), history.replaceState);
    } catch (error) {
      if (error.name === "AbortError") return;
      main.classList.remove("is-waiting");
      tell(`The search failed: ${error.message}`);
    }
  };
  const end = asTyped(field, begin);
}

// ---- A range of years is drawn over their bars; a click on one is a link as ever.

function drawYears() {
  const facets = document.getElementById("facets");
  let from = null;
  let range = null;
  const yearAt = (svg, x) => {
    const { left, width } = svg.getBoundingClientRect();
    const [first, last, step] = ["first", "last", "step"].map((name) => Number(svg.dataset[name]));
    const n = (last - first + 1) / step;
    return first + step * Math.max(0, Math.min(n - 1, Math.floor(((x - left) / width) * n)));
  };
  const written = (year) => String(year).padStart(4, "0");
  facets.addEventListener("pointerdown", (event) => {
    const svg = event.target.closest?.(".years");
    if (!svg || event.button !== 0) return;
    from = { svg, year: yearAt(svg, event.clientX), x: event.clientX };
    range = null;
  });
  addEventListener("pointermove", (event) => {
    if (!from) return;
    const { svg, year } = from;
    if (!range && Math.abs(event.clientX - from.x) < 5) return;
    const step = Number(svg.dataset.step);
    const to = yearAt(svg, event.clientX);
    range = [Math.min(year, to), Math.max(year, to) + step - 1];
    const first = Number(svg.dataset.first);
    for (const bar of svg.querySelectorAll("a")) {
      const of = first + step * Math.floor(Number(bar.querySelector(".reach").getAttribute("x")) / 10);
      bar.classList.toggle("is-picked", of >= range[0] && of <= range[1]);
    }
    document.getElementById("years-told").textContent = `${written(range[0])} to ${written(range[1])}`;
  });
  addEventListener("pointerup", () => {
    const drawn = range;
    from = null;
    if (!drawn) return;
    // The click that ends the drawing comes before that.
    setTimeout(() => { range = null; });
    const year = document.getElementById("year");
    year.value = drawn[0] === drawn[1] ? written(drawn[0]) : drawn.map(written).join("-");
    search(stateOfForm(), history.pushState);
  });
  // What was drawn is no click on the bar where it began or ended.
  facets.addEventListener("click", (event) => {
    if (!range) return;
    range = null;
    if (event.target.closest?.(".years")) event.preventDefault();
  });
  addEventListener("pointercancel", () => { from = null; });
  facets.addEventListener("dragstart", (event) => event.preventDefault());
}

/** A menu is closed by Escape and by a click beside it. */
function closeMenus() {
  const open = () => document.querySelectorAll("details.menu[open]");
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) {
      const had = menu.contains(document.activeElement);
      menu.open = false;
      if (had) menu.querySelector("summary").focus();
    }
  });
  addEventListener("click", (event) => {
    for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
  });
}

// ---- Reasons for the hits in view, asked for once the list is still.

const WHY_DELAY = 200;
const WHY_AT_ONCE = 6;
let whyTimer = 0;
const inView = new Set();
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) inView.add(target);
    else inView.delete(target);
  }
  clearTimeout(whyTimer);
  whyTimer = setTimeout(askWhy, WHY_DELAY);
});

async function askWhy() {
  // The list is about to be another, or the page is.
  if (document.querySelector(".is-waiting") || location.pathname !== "/search") return;
  const hits = [...document.querySelectorAll("#list .papers > li")];
  const wanting = (hit) => hit.isConnected && inView.has(hit) && hit.querySelector("a.ask-why");
  const first = hits.findIndex(wanting);
  if (first < 0) return;
  let n = 1;
  while (n < WHY_AT_ONCE && hits[first + n] && wanting(hits[first + n])) n += 1;
  const address = new URL(location.href);
  const offset = Number(address.searchParams.get("offset") ?? 0) + first;
  for (const [name, value] of [["offset", offset], ["limit", n], ["part", "why"]]) {
    address.searchParams.set(name, value);
  }
  try {
    const part = await fetchPart(address, { signal: newRequest("why") });
    for (const why of part.querySelectorAll("article")) {
      const hit = hits.slice(first, first + n).find((hit) => hit.querySelector("article").dataset.id === why.dataset.id);
      if (hit) takeWhy(hit, why);
    }
    // A hit that has changed its place meanwhile keeps its link.
    hits.slice(first, first + n).forEach((hit) => inView.delete(hit));
    if (inView.size) whyTimer = setTimeout(askWhy, WHY_DELAY);
  } catch (error) {
    if (error.name !== "AbortError") tell(`The reasons could not be fetched: ${error.message}`);
  }
}

function takeWhy(hit, why) {
  for (const selector of [".excerpt", "details.abstract > p"]) {
    const [here, there] = [hit.querySelector(selector), why.querySelector(selector)];
    if (here && there) here.replaceChildren(...there.childNodes);
  }
  const link = hit.querySelector("a.ask-why");
  const reasons = why.querySelector("details.why");
  if (!reasons) return;
  const hadFocus = document.activeElement === link;
  link.replaceWith(reasons);
  if (hadFocus) reasons.querySelector("summary").focus();
}

// ---- What is copied of a formula is its TeX, on the line that it stands on. Without script it begins a new one.

function copyFormulas() {
  addEventListener("copy", (event) => {
    const selection = getSelection();
    if (!selection.rangeCount) return;
    const sources = selection.getRangeAt(0).cloneContents().querySelectorAll(".tex > .source");
    if (!sources.length) return;
    let text = selection.toString();
    for (const { textContent } of sources) text = text.replace(`\n${textContent}`, () => textContent);
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
  });
}

// ---- Keys: "/" goes to the field, arrows go through the list, Escape goes back.

function useKeys() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    const isTyping = target.matches("input, textarea, select");
    if (event.key === "/" && !isTyping) {
      event.preventDefault();
      field.select();
      field.focus();
      return;
    }
    const titles = [...document.querySelectorAll(".papers :is(h2, h3) > a")];
    const at = titles.indexOf(target);
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps && (at >= 0 || (target === field && event.key === "ArrowDown"))) {
      event.preventDefault();
      (titles[at + steps[event.key]] ?? (at === 0 ? field : undefined))?.focus();
    } else if (event.key === "Escape" && at >= 0) {
      field.focus();
    }
  });
}

// ---- A paper's own page.

/** A day is gone to when it is chosen. */
function goToDay() {
  const day = document.getElementById("date");
  day?.addEventListener("change", () => day.value && day.form.requestSubmit());
}

function makeCopiers() {
  if (!navigator.clipboard) return;
  for (const text of document.querySelectorAll(".citation code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(text);
        button.textContent = "Selected";
      }
    });
    text.closest(".citation").append(button);
  }
}

/** Makes new parts of a page do what this script adds. */
function enliven(root) {
  makeKeepers(root);
  for (const hit of root.querySelectorAll(".papers > li")) {
    if (hit.querySelector("a.ask-why")) watcher.observe(hit);
  }
}

document.documentElement.classList.add("scripted");
showLibrary();
// What the library shows has links of its own to add it by.
if (location.pathname !== "/library") enliven(document);
copyFormulas();
useKeys();
makeCopiers();
goToDay();
closeMenus();
if (document.getElementById("filters")) beSearch();
// The map lights up what is searched for.
else if (!document.getElementById("map")) searchFromHere();
const waiting = document.querySelector("[data-reload]");
if (waiting) waitFor(waiting);
const sheet = document.querySelector(".sheet");
if (sheet) see(sheet.dataset.id);
addEventListener("cognate:new", (event) => enliven(event.detail));
