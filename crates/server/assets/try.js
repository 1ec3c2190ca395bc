// A form for each operation of the interface, made of the server's own OpenAPI document.

const root = document.getElementById("try");
const key = document.getElementById("try-key");
/** Longest answer that is shown. */
const MAX_SHOWN = 100_000;

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** A text with its code, which stands between backticks, as such. */
function withCode(text) {
  return (text ?? "").split("`").map((part, i) => (i % 2 ? make("code", { textContent: part }) : part));
}

/** What a `$ref` of the document stands for. */
function resolved(spec, schema) {
  const path = schema?.$ref?.split("/").slice(1) ?? [];
  return path.length ? path.reduce((value, part) => value?.[part], spec) : schema;
}

/** An input for a parameter, with its example in it. */
function inputFor(spec, parameter, id) {
  const schema = resolved(spec, parameter.schema) ?? {};
  const inner = resolved(spec, schema.oneOf?.find((one) => one.$ref)) ?? schema;
  const choices = inner.enum?.filter((value) => value !== null);
  const example = [parameter.example ?? ""].flat().join(",");
  if (!choices) return make("input", { id, name: parameter.name, value: example });
  const options = ["", ...choices].map((value) => make("option", { value, textContent: value }));
  const select = make("select", { id, name: parameter.name }, ...options);
  select.value = example;
  return select;
}

function addressOf(path, parameters, form) {
  const query = new URLSearchParams();
  let address = path;
  for (const parameter of parameters) {
    const value = form.elements[parameter.name].value;
    if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (parameter.in === "query" && value !== "") query.append(parameter.name, value);
  }
  return query.size ? `${address}?${query}` : address;
}

function shown(text, type) {
  const cut = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}\n… ${text.length - MAX_SHOWN} more characters` : text;
  if (!type.includes("json") || text.length > MAX_SHOWN) return cut;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return cut;
  }
}

async function send(method, address, body, answer) {
  const headers = {};
  if (key.value) headers.Authorization = `Bearer ${key.value}`;
  if (root.dataset.token) headers["x-cognate-token"] = root.dataset.token;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (address === "/mcp") headers.Accept = "application/json, text/event-stream";
  answer.textContent = "…";
  try {
    const response = await fetch(address, { method, headers, body });
    const type = response.headers.get("content-type") ?? "";
    const text = await response.text();
    answer.textContent = `${method} ${address}\n${response.status} ${type}\n\n${shown(text, type)}`;
  } catch (error) {
    answer.textContent = `${method} ${address}\n${error}`;
  }
}

function operationForm(spec, method, path, operation, index) {
  const parameters = operation.parameters ?? [];
  const form = make("form");
  parameters.forEach((parameter, position) => {
    const id = `try-${index}-${position}`;
    const about = parameter.description ? make("span", { className: "quiet" }, ...withCode(parameter.description)) : "";
    form.append(make("p", {}, make("label", { htmlFor: id, textContent: parameter.name }), " ", inputFor(spec, parameter, id), " ", about));
  });
  const content = operation.requestBody?.content?.["application/json"];
  if (content) {
    const text = JSON.stringify(content.example ?? {}, null, 2);
    const area = make("textarea", { name: "body", value: text, rows: Math.min(text.split("\n").length + 1, 16), spellcheck: false });
    area.setAttribute("aria-label", "Body");
    form.append(make("p", {}, area));
  }
  const answer = make("pre", { tabIndex: 0 });
  answer.setAttribute("aria-live", "polite");
  form.append(make("button", { textContent: "Send" }), answer);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = content ? form.elements.body.value : undefined;
    send(method.toUpperCase(), addressOf(path, parameters, form), body, answer);
  });
  const heading = make("summary", {}, make("code", { className: "method", textContent: method.toUpperCase() }), " ", make("code", { textContent: path }), " ", make("span", { className: "quiet" }, ...withCode(operation.summary)));
  return make("details", { className: "operation" }, heading, make("p", {}, ...withCode(operation.description)), form);
}

const response = await fetch("/openapi.json");
const spec = await response.json();
let index = 0;
for (const tag of spec.tags ?? []) {
  const section = make("section", {}, make("h2", { textContent: tag.name }), make("p", { className: "quiet" }, ...withCode(tag.description)));
  for (const [path, item] of Object.entries(spec.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      if (operation.tags?.includes(tag.name)) section.append(operationForm(spec, method, path, operation, index++));
    }
  }
  root.append(section);
}
