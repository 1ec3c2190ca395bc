// Papers in: files that are dropped or chosen are sent one after the other, each with its progress.

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
  const bring = async (file, item) => {
    const told = line(item, "p", "sending …");
    const bar = document.createElement("progress");
    bar.setAttribute("aria-label", `Progress of ${file.name}`);
    item.append(bar);
    const address = new URL(form.action);
    address.searchParams.set("name", file.name);
    try {
      const answer = await fetch(address, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
      if (!(answer.headers.get("Content-Type") ?? "").startsWith("text/event-stream")) {
        const text = await answer.text();
        const page = new DOMParser().parseFromString(text, "text/html").querySelector(".error p")?.textContent;
        throw new Error(page ?? JSON.parse(text).message);
      }
      for await (const { name, data } of eventsOf(answer)) {
        if (name === "failed") throw new Error(data.message);
        if (name === "progress") {
          const part = data.bytes ? data.done_bytes / data.bytes : 0;
          bar.value = part;
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
  const take = (files) => {
    for (const file of files) {
      const item = line(document.getElementById("imports"), "li", "");
      line(item, "strong", file.name);
      last = last.then(() => bring(file, item));
    }
  };
  document.getElementById("files").addEventListener("change", (event) => take(event.target.files));
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

takeImports();
