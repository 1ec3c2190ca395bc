// Papers in, lists, duplicates and a paper's own page, in a real browser.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { AxeBuilder } from "@axe-core/playwright";

import { begin, EMPTY, end, onPage, PHONE, put, SCREENSHOTS } from "./harness.js";

const PAPER = {
  id: "work/1",
  title: "Sleep of cuttlefish in two stages",
  abstract: "Cuttlefish sleep in two stages.",
  authors: Array.from({ length: 3000 }, (_, i) => `Ann Author${i}`),
  external_ids: { arxiv: "2001.00002", doi: "10.5555/cuttle" },
  year: 2020,
};

before(async () => {
  await begin();
  await put([PAPER, { ...PAPER, id: "work/2", title: "Sleep of cuttlefish in three stages", authors: [], external_ids: { doi: "10.5555/cuttle" } }]);
});
after(end);

test("duplicates are decided by keyboard alone, and the last word is taken back", () =>
  onPage({}, async (page) => {
    const pair = (letter) => ({ title: `On the ${letter} of moraines and their ages`, abstract: "Moraines are dated by beryllium.", authors: ["Bo Moraine"] });
    await put(["shape", "shapes", "form"].map((letter, i) => ({ id: `dup/${i}`, year: 2010 + i, ...pair(letter) })));
    await page.goto("/duplicates");
    const compare = page.getByRole("button", { name: "Compare all papers" });
    if (await compare.count()) await compare.click({ timeout: 120_000 });
    await page.locator(".pair").first().waitFor();
    const waiting = page.locator(".pair.waits");
    const n_waiting = await waiting.count();
    if (!n_waiting) return;
    assert.ok(await page.locator(".pair.is-current").isVisible());
    await page.screenshot({ path: `${SCREENSHOTS}/duplicates-keys.png` });
    await page.keyboard.press("n");
    await page.waitForFunction((n) => document.querySelectorAll(".pair.waits").length < n, n_waiting);
    await page.keyboard.press("u");
    await page.waitForFunction((n) => document.querySelectorAll(".pair.waits").length === n, n_waiting);
    if (n_waiting > 1) {
      const first = await page.locator(".is-current [name=a]").first().inputValue();
      await page.keyboard.press("s");
      assert.notEqual(await page.locator(".is-current [name=a]").first().inputValue(), first);
    }
    await page.keyboard.press("y");
    await page.waitForFunction((n) => document.querySelectorAll(".pair.waits").length < n, n_waiting);
  }));

describe("papers in", () => {
  test("a file is chosen and tells how far it is", () =>
    onPage({}, async (page) => {
      await page.goto("/import");
      // Long enough for more than one batch, so that there is progress to see.
      const told = "The tides of this harbour were read from a gauge by its lock keeper, who wrote them down each day. ".repeat(5);
      const records = Array.from({ length: 1000 }, (_, i) => `@article{imp${i}, title = {Imported paper number ${i} on the tides of ${1000 + i}}, abstract = {In ${1000 + i}: ${told}}, year = {1987}}`);
      const hasBegun = () => document.querySelector("#imports progress")?.value > 0;
      const progress = page.waitForFunction(hasBegun, null, { timeout: 120_000 });
      await page.locator("#files").setInputFiles({ name: "tides.bib", mimeType: "text/plain", buffer: Buffer.from(records.join("\n")) });
      await progress;
      await page.screenshot({ path: `${SCREENSHOTS}/import.png` });
      await page.locator("#imports .is-done").waitFor({ timeout: 120_000 });
      assert.match(await page.locator("#imports li").textContent(), /1,000 records: 1,000 added/);
      await page.getByRole("link", { name: "See what was added" }).click();
      await page.waitForURL(/by=indexed/);
    }));

  test("a file is dropped, and its faults are told", () =>
    onPage({}, async (page) => {
      await page.goto("/import");
      const drop = await page.evaluateHandle(() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File(['{"id": "drop/1", "title": "Dropped"}\n{"id": 7\n'], "some.jsonl"));
        transfer.items.add(new File(["nothing of the kind"], "letter.doc"));
        return transfer;
      });
      await page.dispatchEvent("main", "drop", { dataTransfer: drop });
      await page.locator("#imports li").nth(1).locator(".problem, .fault").first().waitFor();
      assert.match(await page.locator("#imports li").first().textContent(), /1 added, 1 skipped/);
      await page.screenshot({ path: `${SCREENSHOTS}/import-faults.png` });
    }));

  test("records are pasted without script", () =>
    onPage({ javaScriptEnabled: false }, async (page) => {
      await page.goto("/import");
      assert.equal(await page.locator("#drop").isVisible(), false);
      await page.getByText("Paste records").click();
      await page.getByLabel("Records in any").fill("@article{pasted, title = {Pasted on a page without script}}");
      await page.getByRole("button", { name: "Add these" }).click();
      await page.getByText("1 record: 1 added").waitFor();
    }));
});

test("a server without papers shows how to begin, and brings the small collection by keyboard", () =>
  onPage({ baseURL: EMPTY, viewport: PHONE }, async (page) => {
    await page.goto("/");
    assert.equal(await page.locator("h1").textContent(), "No papers yet");
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= PHONE.width);
    await page.screenshot({ path: `${SCREENSHOTS}/first-phone.png`, fullPage: true });
    await page.setViewportSize({ width: 1280, height: 860 });
    await page.screenshot({ path: `${SCREENSHOTS}/first.png` });
    await page.emulateMedia({ colorScheme: "dark" });
    await page.screenshot({ path: `${SCREENSHOTS}/first-dark.png` });
    const { violations } = await new AxeBuilder({ page }).analyze();
    assert.deepEqual(violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).map(({ id }) => id), []);
    await page.getByRole("button", { name: "Add the small collection" }).focus();
    await page.keyboard.press("Enter");
    await page.locator("#imports progress").waitFor();
    await page.locator("#imports .is-done").waitFor({ timeout: 120_000 });
    assert.match(await page.locator("#imports li").textContent(), /148 records: 148 added/);
    await page.getByRole("link", { name: "See what was added" }).click();
    await page.waitForURL(/by=indexed/);
    assert.match(await page.locator(".status").textContent(), /of 148 papers/);
  }));

test("a record is dropped on the page of the paper that stays, and brought back", () =>
  onPage({}, async (page) => {
    const tide = { abstract: "The tide of this harbour is read from a gauge.", authors: ["Bo Harbour"], year: 2001, doi: "10.5555/tide" };
    await put([{ id: "tide/1", title: "The tide at this harbour", ...tide }, { id: "tide/2", title: "The tide at this harbor", ...tide }]);
    await page.goto("/papers/tide/1");
    await page.getByRole("button", { name: /^Drop that record/ }).focus();
    await page.screenshot({ path: `${SCREENSHOTS}/paper-drop.png` });
    await page.keyboard.press("Enter");
    await page.getByText("Dropped for this one").waitFor();
    assert.equal(await page.getByRole("button", { name: /^Drop that record/ }).count(), 0);
    await page.screenshot({ path: `${SCREENSHOTS}/paper-dropped.png` });
    await page.getByRole("button", { name: /^Bring it back/ }).click();
    await page.waitForURL(/papers\/tide\/2$/);
    await page.getByRole("button", { name: /^Drop that record/ }).waitFor();
  }));

test("a paper folds its authors, marks what differs, and shows what is near", () =>
  onPage({}, async (page) => {
    await page.goto("/papers/work/1");
    assert.ok((await page.evaluate(() => document.documentElement.scrollHeight)) < 4000);
    await page.getByText("and 2,988 more authors").click();
    await page.getByRole("link", { name: "Ann Author2999" }).scrollIntoViewIfNeeded();
    await page.getByText("What differs").first().click();
    assert.equal(await page.locator("del").first().textContent(), "two");
    assert.equal(await page.locator("ins").first().textContent(), "three");
    assert.equal(await page.getByRole("link", { name: "PDF", exact: true }).getAttribute("href"), "https://arxiv.org/pdf/2001.00002");
    await page.screenshot({ path: `${SCREENSHOTS}/paper-differs.png`, fullPage: true });
    const dot = page.locator(".graph a:not(.own)").first();
    const title = await dot.locator("title").textContent();
    await dot.locator("circle").click();
    await page.waitForURL(/\/papers\//);
    assert.equal(await page.title(), `${title} · cognate`);
  }));

describe("lists", () => {
  test("papers of one have notes and tags, by keyboard, and are searched among", () =>
    onPage({}, async (page) => {
      await page.goto("/papers/demo-007");
      await page.getByText("Add to a list").focus();
      await page.keyboard.press("Enter");
      await page.getByLabel(/^Call the list|^Name of a new one/).fill("To weigh");
      const list = page.getByLabel("List", { exact: true });
      if (await list.count()) await list.selectOption({ label: "A new one …" });
      await page.getByRole("button", { name: "Add", exact: true }).click();
      await page.goto("/library?list=to-weigh");
      await page.getByText("Note and tags").first().focus();
      await page.keyboard.press("Enter");
      await page.getByLabel("Note", { exact: true }).fill("Has a table of ages.");
      await page.getByLabel("Tags, with commas between").fill("ages, to read");
      await page.screenshot({ path: `${SCREENSHOTS}/library-note.png` });
      await page.getByLabel("Tags, with commas between").press("Enter");
      await page.locator(".written").getByText("Has a table of ages.").waitFor();
      await page.screenshot({ path: `${SCREENSHOTS}/library-notes.png` });
      const { violations } = await new AxeBuilder({ page }).analyze();
      assert.deepEqual(violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).map(({ id }) => id), []);
      await page.setViewportSize(PHONE);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= PHONE.width);
      await page.screenshot({ path: `${SCREENSHOTS}/library-notes-phone.png`, fullPage: true });
      await page.setViewportSize({ width: 1280, height: 860 });
      await page.getByRole("list", { name: "Tags" }).getByRole("link", { name: /^to read/ }).click();
      await page.waitForURL(/list=to-weigh&tag=to\+read/);
      assert.equal(await page.locator(".papers > li").count(), 1);
      // The list stays while a question is typed.
      await page.locator(".active a", { hasText: "Tag" }).click();
      await page.locator("#q").fill("ages");
      await page.waitForURL(/q=ages.*list=to-weigh/);
      assert.equal(await page.locator(".papers > li").count(), 1);
      await page.goto("/library?list=to-weigh");
      await page.getByText("Follow what is like these").click();
      await page.getByRole("button", { name: "Save", exact: true }).click();
      await page.waitForURL(/saved#like-to-weigh/);
      await page.locator("#like-to-weigh").getByRole("button", { name: /^Delete/ }).click();
      await page.goto("/library?list=to-weigh");
      await page.getByText("Delete…").click();
      await page.getByRole("button", { name: "Delete the list" }).click();
      await page.waitForFunction(() => !document.querySelector(".lists li"));
    }));

  test("one is kept under a name, changed, and forgotten; links leave the library alone", () =>
    onPage({}, async (page) => {
      await page.goto("/search?q=exoplanet+atmospheres");
      await page.locator(".papers > li").first().getByRole("button", { name: "Add to library" }).click();
      const own = await page.evaluate(() => localStorage.getItem("cognate.library"));
      await page.goto("/library?seed=demo-005&seed=demo-006");
      assert.equal(await page.evaluate(() => localStorage.getItem("cognate.library")), own);
      // Nor does what is done there then.
      await page.getByRole("link", { name: /^Remove/ }).first().click();
      await page.waitForURL((address) => address.searchParams.getAll("seed").length === 1);
      assert.equal(await page.evaluate(() => localStorage.getItem("cognate.library")), own);
      await page.getByLabel("Keep these as a list called").fill("Seen by chance");
      await page.getByRole("button", { name: "Keep", exact: true }).click();
      await page.waitForURL(/list=seen-by-chance/);
      assert.equal(await page.locator("h1").textContent(), "Seen by chance");
      await page.getByRole("link", { name: "Less like this" }).first().click();
      await page.getByRole("button", { name: "Keep the changes" }).click();
      await page.waitForURL(/list=seen-by-chance$/);
      assert.equal(await page.locator("#seeds .less").count(), 1);
      await page.screenshot({ path: `${SCREENSHOTS}/library-list.png` });
      assert.equal(await page.evaluate(() => localStorage.getItem("cognate.library")), own);
      await page.getByText("Delete…").click();
      await page.getByRole("button", { name: "Delete the list" }).click();
      await page.waitForFunction(() => !document.querySelector(".lists li"));
    }));
});
