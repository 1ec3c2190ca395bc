// Prints how many milliseconds each page of a running server takes to its first paint, in a browser that runs and has loaded nothing of
// it: the median of some visits. `scripts/bench-serve --pages` runs it: node paint.js ADDRESS PATH…

import { chromium } from "playwright-core";

const N_VISITS = 7;
const [address, ...paths] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
const context = await browser.newContext({ baseURL: address, viewport: { width: 1280, height: 860 } });
const page = await context.newPage();
const devtools = await context.newCDPSession(page);

async function paint(path) {
  // A page of the same server without any of its files, so that the process that draws is there.
  await page.goto("/health");
  await devtools.send("Network.clearBrowserCache");
  await page.goto(path, { waitUntil: "load" });
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        new PerformanceObserver((list) => resolve(list.getEntries()[0].startTime)).observe({ type: "paint", buffered: true });
      }),
  );
}

const times = [];
for (const path of paths) {
  const visits = [];
  for (let visit = 0; visit < N_VISITS; visit += 1) visits.push(await paint(path));
  times.push(visits.sort((a, b) => a - b)[Math.floor(N_VISITS / 2)]);
}
console.log(JSON.stringify(times));
await browser.close();
