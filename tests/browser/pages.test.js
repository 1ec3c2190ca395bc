// What people do with the web page, in a real browser. `tests/it/browser.rs` starts the server on a copy of the
// demo corpus and runs this with its address in COGNATE_ADDRESS.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { AxeBuilder } from "@axe-core/playwright";

import { begin, copied, end, onPage, PHONE, put, SCREENSHOTS, settled, titles, waitForTitles } from "./harness.js";

const FIRST_PAINT_BYTES = 100_000;

/** Papers whose texts a careless page would not show as they are. */
const ODD = [
  {
    id: "odd/script",
    title: "<script>document.title = 'broken'</script> & <b>bold</b> claims",
    abstract: 'A "quoted" abstract with <img src=x onerror=alert(1)> and $E = mc^2$ in it. It stays text.',
    authors: ["O'Brien, <i>Ann</i>"],
    categories: ["x<y"],
    url: "javascript:alert(1)",
    publication_date: "2024-02-03",
  },
  { id: "odd/rtl", title: "דגימת קרח עתיק", abstract: "מאמר קצר על קרח.", publication_date: "2024-02-03" },
  { id: "twin/a", title: "Snow on old ice", abstract: "Snow lies on old ice.", doi: "10.5555/twin" },
  { id: "twin/b", title: "Snow on Old Ice", abstract: "Snow lies on old ice", doi: "10.5555/twin" },
  { id: "odd/latex", title: "On $\\mathbb{Z}_2$-graded $\\alpha$-decay", abstract: "We compute $\\frac{a}{b}$." },
];

before(async () => {
  await begin();
  await put(ODD);
});

after(end);

describe("the papers of the day", () => {
  test("go from the latest day to earlier ones, to weeks and months", () =>
    onPage({}, async (page) => {
      await page.goto("/?date=2024-02-03");
      assert.match(await page.locator("h1").textContent(), /Saturday, 3 February 2024/);
      assert.ok((await titles(page)).includes(ODD[1].title));
      await page.getByRole("link", { name: "Month" }).click();
      await page.waitForURL(/date=2024-02$/);
      assert.equal(await page.locator("h1").textContent(), "February 2024");
      await page.locator('.steps [rel="prev"]').click();
      await page.waitForURL((address) => address.searchParams.get("date") < "2024-02");
      assert.ok((await titles(page)).length > 0);
      await page.getByRole("link", { name: "Trending" }).click();
      await page.waitForURL(/sort=trending/);
      await page.getByLabel("Go to").fill("2022-10-26");
      await page.waitForURL(/date=2022-10-26/);
      await page.screenshot({ path: `${SCREENSHOTS}/today.png` });
      assert.match((await titles(page)).join(), /When the Star Writes the Spectrum/);
    }));
});

describe("search", () => {
  test("answers as you type, and the address follows", () =>
    onPage({}, async (page) => {
      await page.goto("/search");
      await page.locator("#q").pressSequentially("why do starspots look like water");
      await page.waitForURL(/q=why\+do\+starspots\+look\+like\+water$/);
      await waitForTitles(page, "Unocculted Spots");
      assert.match((await titles(page))[0], /Unocculted Spots as False Water/);
      assert.match(await page.locator("#status").textContent(), /^1 to 20 of \d+ papers/);
      await page.reload();
      assert.match((await titles(page))[0], /Unocculted Spots as False Water/);
    }));

  test("shows reasons for the hits in view after the list", () =>
    onPage({}, async (page) => {
      await page.goto("/search?q=basal+melt+of+ice+shelves");
      const first = page.locator(".papers > li").first();
      await first.locator("details.why").waitFor();
      assert.ok((await first.locator("mark").first().textContent()).length > 20);
      await first.locator("details.why > summary").click();
      assert.match(await first.locator("details.why").textContent(), /Meaning.*number \d+ by meaning/s);
      await page.screenshot({ path: `${SCREENSHOTS}/search.png` });
    }));

  test("a superseded request is given up", () =>
    onPage({}, async (page) => {
      await page.goto("/search");
      const lists = [];
      let release;
      const held = new Promise((resolve) => { release = resolve; });
      await page.route(/part=list/, async (route) => {
        lists.push(route.request());
        if (lists.length === 1) await held;
        await route.continue().catch(() => {});
      });
      await page.locator("#q").fill("g");
      await page.waitForRequest(/part=list/);
      const failed = page.waitForEvent("requestfailed");
      await page.locator("#q").fill("prime gaps");
      await failed;
      release();
      await page.waitForURL(/prime\+gaps/);
      assert.match(lists[0].failure().errorText, /ABORTED/);
    }));

  test("filters by facet and by field, and takes filters away", () =>
    onPage({}, async (page) => {
      await page.goto("/search?q=ice");
      const facet = page.locator(".facet", { hasText: "Category" }).locator("a").first();
      const [name, n] = await facet.locator("span").allTextContents();
      await facet.click();
      await page.waitForURL(/categories=/);
      assert.match(await page.locator("#status").textContent(), new RegExp(` of ${n} papers?`));
      assert.equal(await page.locator("#categories").inputValue(), name);
      await page.locator(".active a").first().click();
      await page.waitForURL((address) => !address.search.includes("categories"));
      await page.locator("#year").fill("2019-2021");
      await page.locator("#year").press("Tab");
      await page.waitForURL(/year=2019-2021/);
      await settled(page);
      const years = await page.locator(".papers time").allTextContents();
      assert.ok(years.length > 0 && years.every((year) => /20(19|20|21)$/.test(year)), years.join());
      await page.goBack();
      await page.waitForURL((address) => !address.search.includes("year"));
      assert.equal(await page.locator("#year").inputValue(), "");
    }));

  test("says what is wrong with what was asked", () =>
    onPage({}, async (page) => {
      await page.goto("/search?q=ice");
      await page.locator("#year").fill("soon");
      await page.locator("#year").press("Enter");
      await page.locator(".problem").waitFor();
      assert.match(await page.locator(".problem").textContent(), /year.*expected/);
    }).catch((error) => {
      // The browser itself reports the refusal.
      if (!/status of 400/.test(error.message)) throw error;
    }));

  test("leads on to papers like a hit", () =>
    onPage({}, async (page) => {
      await page.goto("/search?q=sleep+and+memory");
      const title = (await titles(page))[0];
      await page.locator(".papers > li").first().getByRole("link", { name: "More like this" }).click();
      await page.waitForURL(/like=/);
      assert.equal(await page.locator(".like a").textContent(), title);
      assert.ok(!(await titles(page)).includes(title));
    }));
});

describe("a paper", () => {
  test("opens with its similar papers and its BibTeX", () =>
    onPage({ permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
      await page.goto("/search?q=starspots+water");
      const title = (await titles(page))[0];
      await page.locator(".papers h2 > a").first().click();
      await page.waitForURL(/\/papers\//);
      assert.equal(await page.locator("h1").textContent(), title);
      assert.ok((await titles(page)).length >= 5);
      await page.getByRole("button", { name: "Copy" }).click();
      await page.getByRole("button", { name: "Copied" }).waitFor();
      assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^@article\{.*title = /s);
      await page.screenshot({ path: `${SCREENSHOTS}/paper.png` });
      await page.locator(".similar h3 > a").first().click();
      await page.waitForURL(/\/papers\//);
      assert.notEqual(await page.locator("h1").textContent(), title);
    }));

  test("shows texts as texts", () =>
    onPage({}, async (page) => {
      await page.goto("/papers/odd/script");
      assert.equal(await page.locator("h1").textContent(), ODD[0].title.replace(/<\/?b>/g, ""));
      assert.match(await page.title(), /^<script>/);
      assert.equal(await copied(page, ".sheet .abstract"), ODD[0].abstract);
      assert.equal(await page.locator("main script, main img, main b").count(), 0);
      assert.equal(await page.locator('a[href^="javascript"]').count(), 0);
      await page.goto("/search?q=odd%2Frtl");
      const first = page.locator(".papers h2 > a").first();
      assert.equal(await first.textContent(), ODD[1].title);
      assert.equal(await first.evaluate((link) => getComputedStyle(link).direction), "rtl");
      await page.goto("/papers/odd/latex");
      assert.equal(await page.locator("h1 math").count(), 2);
      assert.equal(await page.locator(".sheet .abstract mfrac").count(), 1);
      assert.equal(await copied(page, "h1"), ODD.at(-1).title);
      assert.equal(await copied(page, ".sheet .abstract"), ODD.at(-1).abstract);
      await page.screenshot({ path: `${SCREENSHOTS}/formulas.png` });
    }));

  test("that is not here is said to be so", () =>
    onPage({}, async (page) => {
      const answer = await page.goto("/papers/no/such-paper");
      assert.equal(answer.status(), 404);
      assert.match(await page.locator("main").textContent(), /no paper has the id/);
    }).catch((error) => {
      if (!/status of 404/.test(error.message)) throw error;
    }));
});

describe("the library", () => {
  test("recommends from two seeds, and hides what was opened", () =>
    onPage({}, async (page) => {
      await page.goto("/search?q=exoplanet+atmospheres");
      const seeds = [];
      for (const place of [0, 1]) {
        const hit = page.locator(".papers > li").nth(place);
        await hit.getByRole("button", { name: "Add to library" }).click();
        await hit.getByRole("button", { name: "In library" }).waitFor();
        seeds.push(await hit.locator("h2").textContent());
      }
      assert.equal(await page.locator("#to-library .count").textContent(), "2");
      await page.getByRole("link", { name: /^Library/ }).click();
      await page.waitForURL(/seed=.*seed=/);
      assert.deepEqual(await page.locator("#seeds details > ul > li > a:first-child").allTextContents(), seeds);
      const recommended = await titles(page);
      assert.ok(recommended.length >= 10 && !recommended.some((title) => seeds.includes(title)));
      assert.match(await page.locator(".note").first().textContent(), /^Nearest to “/);
      await page.screenshot({ path: `${SCREENSHOTS}/library.png` });
      await page.locator(".papers h3 > a").first().click();
      await page.waitForURL(/\/papers\//);
      await page.goBack();
      await page.getByLabel("Hide papers that I have opened").check();
      await page.waitForFunction(
        (seen) => document.querySelector(".papers h3 > a").textContent !== seen,
        recommended[0],
      );
      assert.ok(!(await titles(page)).includes(recommended[0]));
      await page.getByRole("link", { name: /^Remove/ }).first().click();
      await page.waitForURL((address) => address.searchParams.getAll("seed").length === 1);
      assert.equal(await page.locator("#to-library .count").textContent(), "1");
    }));

  test("takes a bibliography", () =>
    onPage({}, async (page) => {
      await page.goto("/papers/demo-002");
      const [own, title] = [await page.locator("#bibtex").textContent(), await page.locator("h1").textContent()];
      await page.goto("/library");
      const drop = await page.evaluateHandle((own) => {
        const transfer = new DataTransfer();
        const other = "@article{x, title = {Glaciers and what they leave}, year = {2001}}";
        transfer.items.add(new File([`${own}\n\n${other}`], "mine.bib", { type: "text/plain" }));
        return transfer;
      }, own);
      await page.dispatchEvent("main", "drop", { dataTransfer: drop });
      await page.waitForURL(/seed=demo-002/);
      const seeds = await page.locator("#seeds details > ul > li").allTextContents();
      assert.equal(seeds.length, 2);
      assert.ok(seeds[0].includes(title));
      assert.match(seeds[1], /Glaciers and what they leave.*not among the papers here/s);
      assert.ok((await titles(page)).length >= 10);
    }));
});

describe("the map", () => {
  test("shows all papers, and opens one", () =>
    onPage({}, async (page) => {
      await page.goto("/map");
      await page.locator("canvas[data-points]").waitFor();
      assert.ok(Number(await page.locator("canvas").getAttribute("data-points")) >= 148);
      await page.screenshot({ path: `${SCREENSHOTS}/map.png` });
      await page.locator("canvas").focus();
      await page.keyboard.press("ArrowRight");
      const title = await page.locator("#card h2").textContent();
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/papers\//);
      assert.equal(await page.locator("h1").textContent(), title);
    }));

  test("shows the hits of a search", () =>
    onPage({}, async (page) => {
      await page.goto("/search?q=glaciers&categories=physics.geo-ph");
      await page.goto("/search?q=glaciers");
      await page.getByRole("link", { name: "On the map" }).click();
      await page.waitForURL(/\/map\?q=glaciers/);
      await page.locator("canvas[data-points]").waitFor();
      assert.match(await page.locator(".lead").textContent(), /best hits among/);
    }));

  test("lights up what is searched for while it is typed", () =>
    onPage({}, async (page) => {
      await page.goto("/map");
      await page.locator("canvas[data-points]").waitFor();
      await page.locator("#q").pressSequentially("ice sheets");
      await page.waitForFunction(() => Number(document.querySelector("canvas").dataset.found) > 10);
      await page.waitForURL(/\/map\?q=ice\+sheets/);
      await page.screenshot({ path: `${SCREENSHOTS}/map-typed.png` });
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/search\?q=ice\+sheets/);
    }));

  test("a part is drawn around, and its papers are searched among", () =>
    onPage({}, async (page) => {
      await page.goto("/map");
      await page.locator("canvas[data-points]").waitFor();
      await page.getByRole("button", { name: "Draw around papers" }).click();
      const { x, y, width, height } = await page.locator("canvas").boundingBox();
      const at = (across, along) => [x + width * across, y + height * along];
      await page.mouse.move(...at(0.15, 0.15));
      await page.mouse.down();
      for (const corner of [[0.8, 0.12], [0.85, 0.8], [0.2, 0.85]]) await page.mouse.move(...at(...corner), { steps: 8 });
      await page.mouse.up();
      await page.screenshot({ path: `${SCREENSHOTS}/map-picked.png` });
      const told = await page.locator("#picked span").textContent();
      const n = Number(told.split(" ")[0]);
      assert.ok(n > 20, told);
      await page.locator("#among-picked").click();
      await page.waitForURL(/\/search\?region=/);
      assert.match(await page.locator("#status").textContent(), new RegExp(` of ${n} papers`));
      const file = await page.request.get(await page.locator("#export a", { hasText: "JSONL" }).first().getAttribute("href"));
      assert.equal((await file.text()).trim().split("\n").length, n);
      assert.equal(await page.locator("#save form").count(), 1);
      await page.locator("#q").fill("sleep");
      await page.waitForURL(/q=sleep.*region=/);
      assert.match(await page.locator("#status").textContent(), new RegExp(` of ${n} papers`));
      await page.locator(".active a", { hasText: "part of the map" }).click();
      await page.waitForURL((address) => !address.search.includes("region"));
    }));

  test("a part is chosen by keyboard: from the list of them, or what is in view", () =>
    onPage({}, async (page) => {
      await page.goto("/map?q=ice");
      await page.locator("canvas[data-points]").waitFor();
      const part = page.locator(".parts a").first();
      const n = await page.locator(".parts .n").first().textContent();
      await part.focus();
      await page.screenshot({ path: `${SCREENSHOTS}/map-part.png` });
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/search\?q=ice&region=/);
      assert.match(await page.locator("#status").textContent(), new RegExp(` of ${n} papers`));
      await page.goto("/map");
      await page.locator("canvas[data-points]").waitFor();
      await page.locator("canvas").focus();
      for (const key of ["+", "+", "Shift+ArrowLeft", "s"]) await page.keyboard.press(key);
      assert.match(await page.locator("#picked").textContent(), /^\d+ papers? in this part/);
      await page.keyboard.press("Escape");
      assert.equal(await page.locator("#picked").textContent(), "");
    }));

  test("years are chosen by sliders", () =>
    onPage({}, async (page) => {
      await page.goto("/map");
      await page.locator("canvas[data-points]").waitFor();
      const told = page.locator("#time output");
      const all = await told.textContent();
      await page.getByLabel("From").focus();
      for (let i = 0; i < 5; i += 1) await page.keyboard.press("ArrowRight");
      assert.notEqual(await told.textContent(), all);
      await page.getByLabel("To", { exact: true }).focus();
      await page.keyboard.press("Home");
      assert.match(await told.textContent(), /^\d{4}: [\d,]+ papers?$/);
      await page.screenshot({ path: `${SCREENSHOTS}/map-years.png` });
    }));
});

describe("what is typed in the field on top", () => {
  for (const path of ["/?date=2023-05", "/papers/demo-002", "/library?seed=demo-001", "/saved", "/trends", "/duplicates", "/import"]) {
    test(`brings the page of searches from ${path}, and back brings it back`, () =>
      onPage({}, async (page) => {
        await page.goto(path);
        const heading = await page.locator("h1").textContent();
        await page.locator("#q").pressSequentially("coral reefs");
        await page.waitForURL(/\/search\?q=coral\+reefs/);
        await waitForTitles(page, "oral");
        assert.equal(await page.locator("nav [aria-current]").count(), 0);
        await page.locator("#year").fill("2000-");
        await page.locator("#year").press("Tab");
        await page.waitForURL(/year=2000-/);
        await page.goBack();
        await page.waitForURL((address) => !address.search.includes("year"));
        await page.locator("#q").focus();
        await page.keyboard.press("Escape");
        await page.waitForFunction((heading) => document.querySelector("h1")?.textContent === heading, heading);
        assert.equal(new URL(page.url()).pathname + new URL(page.url()).search, path);
      }));
  }
});

describe("duplicates", () => {
  test("are compared, and answered with yes or no", () =>
    onPage({}, async (page) => {
      await page.goto("/duplicates");
      await page.getByRole("button", { name: "Compare all papers" }).click();
      await page.locator(".pair").first().waitFor();
      const n_pairs = await page.locator(".pair").count();
      await page.screenshot({ path: `${SCREENSHOTS}/duplicates.png` });
      await page.getByRole("button", { name: /^No/ }).first().click();
      await page.waitForFunction((n) => document.querySelectorAll(".pair").length === n, n_pairs - 1);
      await page.locator(".distinct button").click();
      await page.waitForFunction((n) => document.querySelectorAll(".pair").length === n, n_pairs);
      await page.getByRole("button", { name: /^Yes/ }).first().click();
      await page.getByText("You said that they are the same").first().waitFor();
    }));
});

const PAGES = [
  ["duplicates", "/duplicates"],
  ["import", "/import"],
  ["today", "/?date=2023-05"],
  ["search", "/search?q=ice+sheets"],
  ["search-start", "/search"],
  ["search-why", "/search?q=ice+sheets&why=1"],
  ["like", "/search?like=demo-002"],
  ["paper", "/papers/demo-002"],
  ["library-start", "/library"],
  ["library", "/library?seed=demo-001&seed=demo-002&less=demo-003&text=Snow"],
  ["trends", "/trends?days=30&date=2024-02-03"],
  ["saved", "/saved"],
  ["search-filters", "/search?q=ice&year=2019-2023&categories=physics"],
  ["map", "/map"],
  ["map-found", "/map?q=ice"],
];

describe("every page", () => {
  for (const [name, path] of PAGES) {
    for (const colorScheme of ["light", "dark"]) {
      test(`${name} has nothing serious against it by axe-core, ${colorScheme}`, () =>
        onPage({ colorScheme }, async (page) => {
          await page.goto(path);
          await page.waitForLoadState("networkidle");
          const { violations } = await new AxeBuilder({ page }).analyze();
          const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
          const told = serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join("\n  ")}`);
          assert.deepEqual(told, []);
          if (colorScheme === "dark") await page.screenshot({ path: `${SCREENSHOTS}/${name}-dark.png` });
        }));
    }

    test(`${name} fits a phone`, () =>
      onPage({ viewport: PHONE, hasTouch: true, isMobile: true }, async (page) => {
        await page.goto(path);
        await page.waitForLoadState("networkidle");
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= PHONE.width, `${wide} pixels wide`);
        await page.screenshot({ path: `${SCREENSHOTS}/${name}-phone.png` });
      }));

    test(`${name} first needs at most 100 KB`, () =>
      onPage({}, async (page) => {
        const sizes = [];
        page.on("response", (response) => {
          // What comes after the first paint is asked for by script.
          if (!/part=|\/map\/(points|found)/.test(response.url())) sizes.push(response.body().then((body) => body.length));
        });
        await page.goto(path);
        await page.waitForLoadState("networkidle");
        const n_bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
        assert.ok(n_bytes > 1_000 && n_bytes <= FIRST_PAINT_BYTES, `${n_bytes} bytes`);
      }));

    test(`${name} is complete without script`, () =>
      onPage({ javaScriptEnabled: false }, async (page) => {
        const answer = await page.goto(path);
        assert.equal(answer.status(), 200);
        assert.match(answer.headers()["content-security-policy"], /default-src 'none'/);
        assert.ok((await page.locator("main").textContent()).trim().length > 50);
      }));
  }
});

test("everything can be done with the keyboard alone", () =>
  onPage({}, async (page) => {
    await page.goto("/search");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.keyboard.press("/");
    await page.keyboard.type("coral reefs");
    await page.waitForURL(/coral\+reefs/);
    await waitForTitles(page, "oral");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    const second = (await titles(page))[1];
    assert.equal(await page.evaluate(() => document.activeElement.textContent), second);
    await page.keyboard.press("Escape");
    assert.equal(await page.evaluate(() => document.activeElement.id), "q");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/papers\//);
    assert.equal(await page.locator("h1").textContent(), second);
    for (let i = 0; i < 60 && !(await page.evaluate(() => document.activeElement.matches("button.keep"))); i += 1) {
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "In library" }).waitFor();
  }));
