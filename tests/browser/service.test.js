// What a browser does with a server that others use: pages of other origins, and keys. `tests/it/browser.rs` starts the
// servers: one whose pages are the other origin (COGNATE_ADDRESS), one that allows that origin (COGNATE_ALLOWING), and one
// that asks for the key COGNATE_KEY (COGNATE_KEYED).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

const { COGNATE_ADDRESS, COGNATE_ALLOWING, COGNATE_KEYED, COGNATE_KEY } = process.env;

let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Tests run as root in containers, where the sandbox cannot.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
});

after(() => browser?.close());

test("a page of another origin reads answers where it is allowed, and nowhere else", async () => {
  // The page's own policy would let it ask nobody else.
  const context = await browser.newContext({ bypassCSP: true });
  try {
    const page = await context.newPage();
    await page.goto(`${COGNATE_ADDRESS}/docs`);
    const ask = (address, options) =>
      page.evaluate(
        async ([address, options]) => {
          try {
            const answer = await fetch(address, options);
            return { status: answer.status, total: (await answer.json()).total };
          } catch {
            return "refused";
          }
        },
        [address, options],
      );
    const found = await ask(`${COGNATE_ALLOWING}/v1/search?q=bats&limit=2`);
    assert.equal(found.status, 200);
    assert.ok(found.total > 0);
    // With a body in JSON and a header of its own, the browser asks first whether it may.
    const headers = { "Content-Type": "application/json", Authorization: "Bearer anything" };
    const posted = await ask(`${COGNATE_ALLOWING}/v1/search`, { method: "POST", headers, body: '{"q": "bats"}' });
    assert.equal(posted.status, 200);
    assert.equal(await ask(`${COGNATE_KEYED}/v1/search?q=bats`), "refused");
    assert.equal(await ask(`${COGNATE_KEYED}/health`), "refused");
  } finally {
    await context.close();
  }
});

for (const javaScriptEnabled of [true, false]) {
  test(`people sign in and out ${javaScriptEnabled ? "with" : "without"} script`, async () => {
    const context = await browser.newContext({ baseURL: COGNATE_KEYED, javaScriptEnabled });
    try {
      const page = await context.newPage();
      const asked = await page.goto("/search?q=bats");
      assert.equal(asked.status(), 401);
      await page.getByLabel("Your key").fill("cognate_of_nobody");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("there is no such key").waitFor();
      await page.getByLabel("Your key").fill(COGNATE_KEY);
      await page.getByRole("button", { name: "Sign in" }).click();
      // On to the page that was asked for.
      await page.locator(".papers h2, .papers h3").first().waitFor();
      assert.equal(new URL(page.url()).pathname, "/search");
      const [cookie] = await context.cookies();
      assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);

      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByLabel("Your key").waitFor();
      assert.equal((await page.goto("/search?q=bats")).status(), 401);
      assert.deepEqual(await context.cookies(), []);
    } finally {
      await context.close();
    }
  });
}

test("the interface is tried from its page, with a key or signed in", async () => {
  const context = await browser.newContext({ baseURL: COGNATE_KEYED });
  try {
    const page = await context.newPage();
    const send = async (name, expected) => {
      const operation = page.locator("details.operation", { hasText: name }).first();
      await operation.locator("summary").click();
      await operation.getByRole("button", { name: "Send" }).click();
      await operation.locator("pre", { hasText: expected }).waitFor();
    };
    await page.goto("/docs/try");
    await page.getByLabel("Your key").fill(COGNATE_KEY);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator("details.operation").first().waitFor();
    await send("GET /v1/search", "200 application/json");
    // With the page's token, since the cookie comes along.
    await send("POST /v1/saved", "201 application/json");
  } finally {
    await context.close();
  }
});
