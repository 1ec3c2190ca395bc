// Papers in: files that are dropped or chosen are sent one after the other, each with its progress; so is the collection that comes along.

import { takeDropped } from "./page.js";

/** The server-sent events of an answer, as they come. */
async function* eventsOf(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name) => lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim());
      const data = field("data").join("\n");
      if (data) yield { name: field("event")[0], data: JSON.parse(data) };
    }
  }
}

/** `2 min 5 s` */
function duration(seconds) {
  const rounded = Math.max(1, Math.round(seconds));
  return rounded < 60 ? `${rounded} s` : `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
}

function takeImports() {
  const form = document.getElementById("import");
  if (!form) return;
  const drop = document.getElementById("drop");
  drop.hidden = false;
  let last = Promise.resolve();
  const line = (parent, kind, text) => {
    const element = document.createElement(kind);
    element.textContent = text;
    parent.append(element);
    return element;
  };
  const bring = async ({ name, address, request }, item) => {
    const told = line(item, "p", "sending …");
    const bar = document.createElement("progress");
    bar.setAttribute("aria-label", `Progress of ${name}`);
    item.append(bar);
    try {
      const answer = await fetch(address, { method: "POST", ...request });
      if (!(answer.headers.get("Content-Type") ?? "").startsWith("text/event-stream")) {
        const text = await answer.text();
        const page = new DOMParser().parseFromString(text, "text/html").querySelector(".error p")?.textContent;
        throw new Error(page ?? JSON.parse(text).message);
      }
      for await (const { name, data } of eventsOf(answer)) {
        if (name === "failed") throw new Error(data.message);
        if (name === "progress") {
          const part = data.bytes ? data.done_bytes / data.bytes : 0;
          // Once it is known how far it is: until then the bar only moves.
          if (part > 0) bar.value = part;
          const left = part > 0.02 && part < 1 ? `, ${duration((data.seconds / part) * (1 - part))} left` : "";
          told.textContent = `${data.read.toLocaleString("en")} records read, ${data.added.toLocaleString("en")} added${left}`;
        } else if (name === "done") {
          bar.remove();
          told.textContent = `${data.words}, in ${duration(data.seconds)}`;
          item.classList.add("is-done");
          for (const fault of data.faults) line(item, "p", fault).className = "fault";
          if (data.added) line(line(item, "p", ""), "a", "See what was added").href = "/?by=indexed";
        }
      }
      if (!item.classList.contains("is-done")) throw new Error("the connection broke off; what was read so far is kept");
    } catch (error) {
      bar.remove();
      told.textContent = error.message;
      told.className = "problem";
    }
  };
  const takeOne = (source) => {
    const item = line(document.getElementById("imports"), "li", "");
    line(item, "strong", source.name);
    last = last.then(() => bring(source, item));
    return last;
  };
  const take = (files) => {
    for (const file of files) {
      const address = new URL(form.action);
      address.searchParams.set("name", file.name);
      takeOne({ name: file.name, address, request: { body: file, headers: { "Content-Type": "application/octet-stream" } } });
    }
  };
  document.getElementById("files").addEventListener("change", (event) => take(event.target.files));
  takeDropped(take);
  const demo = document.getElementById("demo");
  demo?.addEventListener("submit", (event) => {
    event.preventDefault();
    demo.querySelector("button").disabled = true;
    const request = { body: new URLSearchParams(new FormData(demo)), headers: { Accept: "text/event-stream" } };
    takeOne({ name: "The small collection", address: demo.action, request });
  });
}

takeImports();
