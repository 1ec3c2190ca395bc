// Prints how many milliseconds each page of a running server takes to its first paint, in a browser that has nothing of it: the median of
// some visits. `scripts/bench-serve --pages` runs it: node paint.js ADDRESS PATH…

import { chromium } from "playwright-core";

const N_VISITS = 5;
const [address, ...paths] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});

async function paint(path) {
  const context = await browser.newContext({ baseURL: address, viewport: { width: 1280, height: 860 } });
  const page = await context.newPage();
  await page.goto(path, { waitUntil: "load" });
  const paint = await page.evaluate(
    () =>
      new Promise((resolve) => {
        new PerformanceObserver((list) => resolve(list.getEntries()[0].startTime)).observe({ type: "paint", buffered: true });
      }),
  );
  await context.close();
  return paint;
}

const times = [];
for (const path of paths) {
  const visits = [];
  for (let visit = 0; visit < N_VISITS; visit += 1) visits.push(await paint(path));
  times.push(visits.sort((a, b) => a - b)[Math.floor(N_VISITS / 2)]);
}
console.log(JSON.stringify(times));
await browser.close();
