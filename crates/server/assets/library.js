// The library's page: its address is the library, and the browser remembers it. A link from elsewhere shows another
// library: it becomes the browser's own only when the reader says so.

import { fetchPart, newRequest, takeParts, tell } from "./asking.js";
import { memory, session, showLibrary, takeDropped } from "./page.js";

/** Whether the reader changed the library that is shown, by a link of its own page. */
const cameFromLibrary = () => /^\/library\b/.test(document.referrer.slice(location.origin.length)) && document.referrer.startsWith(location.origin);

function offerToKeep(ids) {
  const button = document.createElement("button");
  button.type = "button";
  button.id = "keep-library";
  button.textContent = "Keep as my library";
  button.title = "Your own library stays as it is until you do";
  button.addEventListener("click", () => {
    memory.write("library", ids);
    session.write("visiting", null);
    showLibrary();
    button.remove();
  });
  document.getElementById("seeds").append(button);
}

function makeLibrary() {
  if (!location.search && memory.read("library").length) {
    location.replace(document.getElementById("to-library").href);
    return;
  }
  const seeds = [...document.querySelectorAll("#seeds [data-seed]")];
  const ids = seeds.map((seed) => seed.dataset.seed);
  const own = memory.read("library");
  // A link to some papers replaces nothing, wherever it stands, nor does what is done with those papers then.
  const isList = new URLSearchParams(location.search).has("list");
  const isSame = own.join("\n") === ids.join("\n");
  const isOwn = !isList && (isSame || (cameFromLibrary() ? !session.read("visiting") : !own.length));
  session.write("visiting", !isOwn);
  if (isOwn) {
    memory.write("library", ids);
    for (const seed of seeds) {
      const others = ids.filter((id) => id !== seed.dataset.seed);
      seed.querySelector(".away").addEventListener("click", () => memory.write("library", others));
    }
  } else if (!isList) {
    offerToKeep(ids);
  }
  showLibrary();
  hideSeen();
  takeFiles();
}

/** Offers to leave out what was seen: its ids are too many for an address. */
function hideSeen() {
  const status = document.getElementById("status");
  if (!document.querySelector("#list article")) return;
  const label = document.createElement("label");
  label.className = "choice";
  const box = document.createElement("input");
  box.type = "checkbox";
  box.id = "hide-seen";
  box.checked = memory.read("hide-seen").length > 0;
  label.append(box, "Hide papers that I have opened");
  (document.querySelector(".with-these") ?? status).after(label);
  const apply = async () => {
    memory.write("hide-seen", box.checked ? ["yes"] : []);
    const fields = new URLSearchParams(location.search);
    if (box.checked) memory.read("seen").forEach((id) => fields.append("hide", id));
    fields.append("part", "list");
    try {
      const part = await fetchPart(document.getElementById("bring").action, { method: "POST", body: fields, signal: newRequest("list") });
      takeParts(part, ["status", "list"]);
    } catch (error) {
      if (error.name !== "AbortError") tell(`The list could not be fetched: ${error.message}`);
    }
  };
  box.addEventListener("change", apply);
  if (box.checked) apply();
}

/** A bibliography may be dropped anywhere on the page, or chosen. */
function takeFiles() {
  const bring = document.getElementById("bring");
  const text = document.getElementById("bibliography");
  const take = async (files) => {
    const texts = await Promise.all([...files].map((file) => file.text()));
    text.value = texts.join("\n\n");
    if (text.value.trim()) bring.requestSubmit();
  };
  const label = document.createElement("label");
  label.textContent = "or choose a file";
  const chooser = document.createElement("input");
  chooser.type = "file";
  chooser.multiple = true;
  chooser.accept = ".bib,.ris,.nbib,.txt";
  chooser.addEventListener("change", () => take(chooser.files));
  label.append(chooser);
  bring.append(label);
  takeDropped(take);
}

makeLibrary();
