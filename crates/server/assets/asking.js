// How scripts ask this server: for parts of pages, and while somebody types. A newer request takes the place of the one before.

const pending = new Map();
/** What a new list makes needless too. */
const ENDED_WITH = { list: ["why", "facets"] };

/** The signal of a new request, which ends the one before of its kind. */
export function newRequest(kind) {
  for (const ended of [kind, ...(ENDED_WITH[kind] ?? [])]) {
    pending.get(ended)?.abort();
    pending.set(ended, new AbortController());
  }
  return pending.get(kind).signal;
}

export async function fetchOk(address, options) {
  const answer = await fetch(address, options);
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer;
}

/** A page, or a part of one, also where it says what is wrong. */
export async function fetchPart(address, options) {
  const answer = await fetch(address, options);
  const type = answer.headers.get("Content-Type") ?? "";
  if (!type.startsWith("text/html")) throw new Error((await answer.json()).message);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

export function takeParts(part, ids) {
  for (const id of ids) {
    const [here, there] = [document.getElementById(id), part.getElementById(id)];
    if (here && there) here.replaceChildren(...there.childNodes);
  }
}

export function tell(message) {
  const status = document.getElementById("status");
  if (status) status.textContent = message;
}

/**
 * Calls `act` whenever something else is in a field, `delay` milliseconds after the last key; while a word is being composed,
 * as in Japanese, when it is whole. What is given back ends it.
 */
export function asTyped(field, act, delay = 0) {
  let timer = 0;
  const typed = (event) => {
    if (event.isComposing) return;
    clearTimeout(timer);
    if (delay) timer = setTimeout(act, delay);
    else act();
  };
  for (const name of ["input", "compositionend"]) field.addEventListener(name, typed);
  return () => {
    clearTimeout(timer);
    for (const name of ["input", "compositionend"]) field.removeEventListener(name, typed);
  };
}

/** A page that says what it waits for asks until that is there. */
export async function waitFor(waiting) {
  for (;;) {
    await new Promise((resolve) => { setTimeout(resolve, Number(waiting.dataset.reload)); });
    let again;
    try {
      again = (await fetchPart(location.href)).querySelector("[data-reload]");
    } catch {
      // The server may be back the next time.
      continue;
    }
    if (!again) {
      location.reload();
      return;
    }
    for (const [selector, name] of [["[role=status]", "textContent"], ["progress", "value"]]) {
      const [here, there] = [waiting.querySelector(selector), again.querySelector(selector)];
      const isKnown = name !== "value" || there.hasAttribute("value");
      if (name === "value" && isKnown) here.max = there.max;
      if (isKnown && here[name] !== there[name]) here[name] = there[name];
    }
  }
}
