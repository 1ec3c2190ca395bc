// The page of duplicates by keyboard: pairs that wait are decided with y and n, skipped with s; u takes the last word back.

import { session } from "./page.js";

function decideByKeys() {
  const page = document.querySelector(".duplicates");
  const pairs = [...document.querySelectorAll(".pair.waits")];
  if (!page) return;
  const keys = page.querySelector(".keys");
  const nameOf = (pair) => ["a", "b"].map((name) => pair.querySelector(`[name=${name}]`).value).join("\n");
  const skipped = new Set(session.read("skipped") ?? []);
  let current = null;
  const goTo = (pair) => {
    current?.classList.remove("is-current");
    current = pair;
    if (!pair) return;
    pair.classList.add("is-current");
    pair.focus({ preventScroll: true });
    // With the paper that is kept above it; the first is where the page begins.
    const cluster = pair.closest(".cluster");
    const isFirst = cluster.querySelector(".pair") === pair;
    if (isFirst && cluster === document.querySelector(".cluster")) scrollTo(0, 0);
    else (isFirst ? cluster : pair).scrollIntoView({ block: "start" });
  };
  if (keys && (pairs.length || session.read("decided"))) keys.hidden = false;
  goTo(pairs.find((pair) => !skipped.has(nameOf(pair))) ?? pairs[0] ?? null);
  page.addEventListener("submit", (event) => {
    const said = event.submitter?.value;
    const pair = event.target.closest(".pair");
    if (pair && said !== "neither") session.write("decided", nameOf(pair).split("\n"));
  });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select") || !page.isConnected) return;
    if (event.key === "y" || event.key === "n") {
      current?.querySelector(`button[value=${event.key === "y" ? "yes" : "no"}]`)?.click();
    } else if (event.key === "s" && current) {
      session.write("skipped", [...skipped.add(nameOf(current))]);
      goTo(pairs[pairs.indexOf(current) + 1] ?? pairs[0]);
    } else if (event.key === "u" && session.read("decided")) {
      const undo = document.getElementById("undo");
      [undo.elements.a.value, undo.elements.b.value] = session.read("decided");
      session.write("decided", null);
      undo.submit();
    }
  });
}

decideByKeys();
