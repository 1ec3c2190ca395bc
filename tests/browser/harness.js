// What the tests in a browser share: `tests/it/browser.rs` starts the server on a copy of the demo corpus and gives its
// address in COGNATE_ADDRESS.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";

import { chromium } from "playwright-core";

export const ADDRESS = process.env.COGNATE_ADDRESS;
/** A server without papers. */
export const EMPTY = process.env.COGNATE_EMPTY;
export const SCREENSHOTS = process.env.COGNATE_SCREENSHOTS;
export const WIDE = { width: 1280, height: 860 };
export const PHONE = { width: 380, height: 780 };

let browser;

export async function begin() {
  await mkdir(SCREENSHOTS, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Tests run as root in containers, where the sandbox cannot.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

export const end = () => browser?.close();

/** Adds papers. */
export async function put(papers) {
  const answer = await fetch(`${ADDRESS}/v1/papers`, { method: "POST", body: JSON.stringify(papers) });
  assert.equal(answer.status, 200, await answer.text());
}

/** Runs `act` on a page of its own, and expects that no script failed and nothing was refused or missing. */
export async function onPage(options, act) {
  const context = await browser.newContext({ baseURL: ADDRESS, viewport: WIDE, ...options });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("response", (response) => response.status() >= 500 && faults.push(`${response.status()} ${response.url()}`));
  const own = options.baseURL ?? ADDRESS;
  page.on("request", (request) => request.url().startsWith(own) || faults.push(`asked for ${request.url()}`));
  try {
    await act(page);
    assert.deepEqual(faults, []);
  } finally {
    await context.close();
  }
}

/** What a reader who selects an element gets to paste. */
export async function copied(page, selector) {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.locator(selector).evaluate((element) => {
    getSelection().selectAllChildren(element);
    document.execCommand("copy");
  });
  return (await page.evaluate(() => navigator.clipboard.readText())).trim();
}

export async function settled(page) {
  await page.waitForFunction(() => !document.querySelector(".is-waiting"));
}

export async function titles(page) {
  return page.locator(".papers :is(h2, h3) > a").allTextContents();
}

export function waitForTitles(page, expected) {
  return page.waitForFunction(
    (expected) => [...document.querySelectorAll(".papers h2 > a")].some((a) => a.textContent.includes(expected)),
    expected,
  );
}
