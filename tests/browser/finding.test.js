// A search as something to act on, filters that show the data, saved searches and trends, in a real browser.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { begin, end, onPage, PHONE, SCREENSHOTS, settled } from "./harness.js";

before(begin);
after(end);

/** Whether something lies wholly on the screen, and over everything else there. */
async function isOnTop(page, selector) {
  return page.locator(selector).evaluate((element) => {
    const { left, right, top, width, height } = element.getBoundingClientRect();
    const middle = document.elementFromPoint(left + width / 2, top + height / 2);
    return left >= 0 && right <= innerWidth && element.contains(middle);
  });
}

describe("what to do with a search", () => {
  test("its papers are taken along as files", () =>
    onPage({ acceptDownloads: true }, async (page) => {
      await page.goto("/search?q=sea+ice&year=2000-");
      await page.getByText("Export", { exact: true }).focus();
      await page.keyboard.press("Enter");
      assert.ok(await isOnTop(page, "#export > div"));
      await page.screenshot({ path: `${SCREENSHOTS}/search-export.png` });
      const coming = page.waitForEvent("download");
      await page.getByRole("link", { name: "RIS" }).first().click();
      const download = await coming;
      assert.equal(download.suggestedFilename(), "papers.ris");
      const text = await (await download.createReadStream()).toArray();
      assert.match(Buffer.concat(text).toString(), /^TY {2}- /);
      await page.keyboard.press("Escape");
      assert.equal(await page.locator("#export").getAttribute("open"), null);
    }));

  test("it is saved by keyboard, and its page tells what is new", () =>
    onPage({}, async (page) => {
      await page.goto("/search?q=coral+reefs");
      await page.getByText("Save and follow").focus();
      await page.keyboard.press("Enter");
      await page.keyboard.press("Tab");
      await page.keyboard.type("Reefs, by keyboard");
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/saved#reefs-by-keyboard/);
      const saved = page.locator("#reefs-by-keyboard");
      assert.match(await saved.locator(".new").textContent(), /new/);
      assert.ok((await saved.locator("h3").count()) >= 1);
      await page.screenshot({ path: `${SCREENSHOTS}/saved-new.png` });
      await saved.getByRole("button", { name: /^Mark as seen/ }).click();
      await page.waitForFunction(() => !document.querySelector("#reefs-by-keyboard h3"));
      assert.equal(await saved.locator(".new").textContent(), "Nothing new");
      await saved.locator("h2 a").click();
      await page.waitForURL(/\/search\?q=coral\+reefs$/);
      await page.goto("/saved");
      const feed = await page.request.get(await saved.getByRole("link", { name: /^Atom/ }).getAttribute("href"));
      assert.match(await feed.text(), /<feed/);
      await saved.getByRole("button", { name: /^Delete/ }).click();
      await page.waitForFunction(() => !document.querySelector("#reefs-by-keyboard"));
    }));

  test("the same goes without script, on a phone", () =>
    onPage({ javaScriptEnabled: false, viewport: PHONE }, async (page) => {
      await page.goto("/search?q=bees");
      await page.getByText("Save and follow").click();
      assert.ok(await isOnTop(page, "#save > form"));
      await page.screenshot({ path: `${SCREENSHOTS}/search-save-phone.png` });
      await page.getByLabel("Call it").fill("Bees on a phone");
      await page.getByRole("button", { name: "Save", exact: true }).click();
      await page.waitForURL(/\/saved/);
      await page.locator("#bees-on-a-phone").getByRole("button", { name: /^Delete/ }).click();
      await page.waitForURL(/\/saved$/);
      assert.equal(await page.locator("#bees-on-a-phone").count(), 0);
    }));

  test("operators are explained under the box, and are links", () =>
    onPage({}, async (page) => {
      await page.goto("/search?q=galaxies");
      await page.getByText("Phrases, operators and fields").click();
      await page.screenshot({ path: `${SCREENSHOTS}/search-help.png` });
      await page.locator("#help").getByRole("link", { name: "galaxies -halo" }).click();
      await page.waitForURL(/q=galaxies\+-halo/);
    }));

  test("a word that nobody writes is told, and that nothing fits", () =>
    onPage({}, async (page) => {
      await page.goto("/search?q=exoplanet+atmosfere");
      assert.match(await page.locator(".corrected").textContent(), /^Showing results for exoplanet /);
      await page.screenshot({ path: `${SCREENSHOTS}/search-corrected.png` });
      await page.goto("/search?q=how+to+fold+a+paper+aeroplane+for+a+birthday");
      assert.match(await page.locator("#list").textContent(), /Nothing fits well/);
    }));
});

describe("filters", () => {
  test("a range of years is drawn over the bars", () =>
    onPage({}, async (page) => {
      await page.goto("/search?categories=astro-ph,cond-mat,cs,math,physics,q-bio");
      const bars = page.locator("#years");
      const n_bars = await bars.locator("a").count();
      assert.ok(n_bars > 3);
      const box = await bars.boundingBox();
      const at = (part) => [box.x + box.width * part, box.y + box.height / 2];
      await page.mouse.move(...at(0.45));
      await page.mouse.down();
      await page.mouse.move(...at(0.6), { steps: 4 });
      await page.mouse.move(...at(0.8), { steps: 4 });
      assert.match(await page.locator("#years-told").textContent(), /^\d{4} to \d{4}$/);
      await page.screenshot({ path: `${SCREENSHOTS}/search-drawing.png` });
      await page.mouse.up();
      await page.waitForURL(/year=\d{4}-\d{4}/);
      await settled(page);
      const [first, last] = new URL(page.url()).searchParams.get("year").split("-").map(Number);
      assert.ok(first < last);
      const years = await page.locator(".papers time").allTextContents();
      assert.ok(years.length > 0);
      for (const year of years.map((text) => Number(text.slice(-4)))) assert.ok(year >= first && year <= last);
      // The others stay to be chosen.
      assert.equal(await bars.locator("a").count(), n_bars);
      assert.ok((await bars.locator("a[aria-current]").count()) < n_bars);
      await page.locator(".active a").first().click();
      await page.waitForURL((address) => !address.search.includes("year"));
    }));

  test("several values of a field are on at once, each with a chip", () =>
    onPage({}, async (page) => {
      await page.goto("/search?q=ice");
      const facet = page.locator(".facet", { hasText: "Category" }).locator("li > a");
      await facet.nth(0).click();
      await page.waitForURL(/categories=/);
      await facet.nth(1).click();
      await page.waitForURL(/categories=.*%2C/);
      assert.equal(await page.locator(".active li").count(), 3);
      assert.equal(await facet.and(page.locator("[aria-current]")).count(), 2);
      const n_both = await page.locator("#status").textContent();
      await page.locator(".active a").last().click();
      await page.waitForURL((address) => !address.search.includes("categories"));
      assert.notEqual(await page.locator("#status").textContent(), n_both);
    }));

  test("a bar is a link, also by keyboard", () =>
    onPage({ javaScriptEnabled: false }, async (page) => {
      await page.goto("/search?q=ice");
      const bar = page.locator("#years a").last();
      const year = (await bar.getAttribute("aria-label")).split(":")[0];
      await bar.focus();
      await page.keyboard.press("Enter");
      await page.waitForURL((address) => address.searchParams.get("year") === year);
    }));
});

test("a page that is being made tells how far it is, and is there when it is made", () =>
  onPage({}, async (page) => {
    const made = await (await page.request.get("/duplicates")).text();
    const told = (n) => `<div class="hint" data-reload="60"><p role="status">Step ${n}</p><progress aria-label="How much" max="9" value="${n}"></progress></div>`;
    const main = (n) => `<main id="main" tabindex="-1"><section class="found"><h1>Duplicates</h1>${told(n)}</section></main>`;
    let n = 0;
    await page.route((address) => address.pathname === "/duplicates", (route) => {
      n += 1;
      if (n > 5) return route.continue();
      return route.fulfill({ contentType: "text/html", body: made.replace(/<main[^]*<\/main>/, () => main(n)) });
    });
    await page.goto("/duplicates");
    await page.waitForFunction(() => document.querySelector("[role=status]")?.textContent === "Step 3" && document.querySelector("progress").value === 3);
    await page.waitForFunction(() => !document.querySelector("[data-reload]"));
    assert.ok(n > 5);
  }));

test("trends tell how they were found, for windows that can be chosen", () =>
  onPage({}, async (page) => {
    await page.goto("/trends");
    await page.getByRole("link", { name: "A year" }).click();
    await page.waitForURL(/days=365/);
    assert.match(await page.locator(".status").textContent(), /papers? from .* to /);
    assert.equal(await page.getByRole("link", { name: "A year" }).getAttribute("aria-current"), "true");
    await page.screenshot({ path: `${SCREENSHOTS}/trends-year.png` });
  }));

test("the front page offers what came when, and no order that is the other one", () =>
  onPage({}, async (page) => {
    await page.goto("/");
    await page.getByRole("link", { name: "Added here" }).click();
    await page.waitForURL(/by=indexed/);
    assert.match(await page.locator(".status").textContent(), /added here/);
    assert.equal(await page.getByRole("link", { name: "Trending first" }).count(), 0);
  }));
