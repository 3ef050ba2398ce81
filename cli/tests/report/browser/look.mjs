// Opens a page in headless Chromium, on a wide and a narrow screen, in light and dark, and writes what it sees as JSON.
//
// node look.mjs PAGE SHOTS: the page is a file, the screenshots are SHOTS-wide-light.png and so on.
import { chromium } from "playwright-core";
import { fileURLToPath, pathToFileURL } from "node:url";

const place = fileURLToPath(new URL("./unpacked", import.meta.url));
const [page, shots] = process.argv.slice(2);
const address = pathToFileURL(page).href;

const browser = await chromium.launch({
  executablePath: `${place}/chromium`,
  chromiumSandbox: false, // needs rights that a container does not have; the page is our own
  args: ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  env: { HOME: place, TMPDIR: place, LD_LIBRARY_PATH: `${place}/al2023/lib`, FONTCONFIG_FILE: `${place}/fonts.conf` },
});

// All that follows is run in the page.

// What is on it, as far as a table of numbers can say.
function measure() {
  const one = (query) => document.querySelector(query);
  const all = (query) => [...document.querySelectorAll(query)];
  const text = (element) => (element ? element.innerText.replace(/\s+/g, " ").trim() : null);
  const rows = all("table.instances tbody tr");
  return {
    title: document.title,
    heading: text(one("h1")),
    under: text(one("header p")),
    figure: text(one(".share .figure")),
    after: text(one(".share .after")),
    tiles: Object.fromEntries(all(".tiles a").map((tile) => [tile.dataset.show, text(tile.querySelector("b"))])),
    shares: all("table.shares").map((table) => [...table.tBodies[0].rows].map(text)),
    bars: all(".shares .bar").map((bar) => bar.getBoundingClientRect().width),
    weeks: all("table.numbers tbody tr").map((row) => row.textContent.trim()),
    columns: all("svg.columns rect").length,
    series: all(".series > div > p").map(text),
    gaps: all(".gaps li").map(text),
    rows: rows.length,
    visible: rows.filter((row) => !row.hidden).length,
    shown: text(one("#shown")),
    first: text(rows[0]?.cells[0]),
    strangeNames: all("table.instances td b").map((name) => name.textContent).filter((name) => !name.startsWith("web-")),
    strangers: all("table.instances script, table.instances img, body > img").length,
    background: getComputedStyle(document.body).backgroundColor,
    color: getComputedStyle(document.body).color,
    cards: rows.length > 0 && getComputedStyle(rows[0]).display === "block",
    scrollWidth: document.documentElement.scrollWidth,
    innerWidth,
  };
}

// Where text has the least contrast with what is behind it, as WCAG 2.2 measures it (relative luminance).
function contrast() {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = ([red, green, blue]) => {
    const linear = [red, green, blue].map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  let least = { ratio: 21, where: "" };
  let texts = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode() && texts < 5000) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || element.closest("script, style, title, desc, .unread, option")) continue;
    if (!element.checkVisibility()) continue;
    texts += 1;
    const found = ratio(channels(getComputedStyle(element).color), behind(element));
    if (found < least.ratio) least = { ratio: found, where: `${element.tagName}.${element.className}: ${walk.currentNode.data.slice(0, 40)}` };
  }
  // What is drawn needs 3 to 1.
  let drawn = { ratio: 21, where: "" };
  for (const shape of document.querySelectorAll("svg rect")) {
    const found = ratio(channels(getComputedStyle(shape).fill), behind(shape.closest("section")));
    if (found < drawn.ratio) drawn = { ratio: found, where: `${shape.className.baseVal} in ${shape.closest("section").className}` };
  }
  return { texts, least, drawn };
}

// What a stranger's script and image would come to, should they ever get into the page.
async function intrude() {
  const blocked = [];
  document.addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
  const script = document.createElement("script");
  script.textContent = "document.documentElement.dataset.intruded = 'yes'";
  const image = document.createElement("img");
  image.src = "http://127.0.0.1:9/image.png";
  document.body.append(script, image);
  await fetch("http://127.0.0.1:9/data").catch(() => null);
  await new Promise((resolve) => setTimeout(resolve, 100));
  script.remove();
  image.remove();
  return { blocked: blocked.sort(), intruded: document.documentElement.dataset.intruded ?? null };
}

// Takes a screenshot. Now and then Chromium says that it cannot, and can a moment later.
async function shoot(tab, name, options = {}) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await tab.screenshot({ path: `${shots}-${name}.png`, ...options });
    } catch (error) {
      if (tries === 5) throw error;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
}

async function look({ name, width, height, dark, script = true }) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    javaScriptEnabled: script,
    deviceScaleFactor: width < 500 ? 2 : 1,
  });
  const tab = await context.newPage();
  tab.setDefaultTimeout(120_000); // other tests are at work on the same machine
  const requests = [];
  const errors = [];
  tab.on("request", (request) => request.url() === address || requests.push(request.url()));
  tab.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  tab.on("pageerror", (error) => errors.push(String(error)));
  const start = Date.now();
  await tab.goto(address);
  const seen = { name, ...(await tab.evaluate(measure)), contrast: await tab.evaluate(contrast), opened: Date.now() - start };
  await shoot(tab, name);
  if (script) Object.assign(seen, await use(tab, name));
  // As it was before the intruder comes.
  seen.requests = [...requests];
  seen.errors = [...errors];
  if (script) seen.intrusion = await tab.evaluate(intrude);
  await context.close();
  return seen;
}

// Does what a reader would do.
async function use(tab, name) {
  if (!(await tab.$("table.instances"))) return {};
  const state = () =>
    tab.evaluate(() => {
      const rows = [...document.querySelectorAll("table.instances tbody tr")].filter((row) => !row.hidden);
      const cells = (column) => rows.map((row) => row.cells[column].textContent);
      return {
        shown: document.querySelector("#shown").value,
        visible: rows.length,
        launched: cells(2),
        verdicts: [...new Set(cells(4))],
        ids: cells(0),
        sorted: [...document.querySelectorAll("[aria-sort]")].map((head) => `${head.textContent} ${head.getAttribute("aria-sort")}`),
        scrollWidth: document.documentElement.scrollWidth,
      };
    });
  const did = {};
  // Where instances are cards there are no heads of columns to be clicked.
  const hasHeads = await tab.isVisible("table.instances thead");
  const sort = async (falling) => {
    if (hasHeads) await tab.click("table.instances thead th:nth-child(3) button");
    else if (!falling) await tab.selectOption("#sort", { label: "Launched" });
    return state();
  };
  const start = Date.now();
  did.rising = await sort(false);
  did.sortedIn = Date.now() - start;
  did.falling = await sort(true);
  await tab.fill("#find", "WEB");
  did.web = await state();
  await tab.fill("#find", "nothing is called that");
  did.nothing = await state();
  await tab.click(".tiles a[data-show=noncompliant]");
  did.noncompliant = await state();
  await shoot(tab, `${name}-table`);
  await tab.selectOption("#show", "");
  did.all = await state();
  await tab.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  did.opened = await tab.evaluate(contrast);
  did.openedWidth = (await state()).scrollWidth;
  await tab.selectOption("#show", "terminate");
  did.terminate = await state();
  await tab.evaluate(() => scrollTo(0, 0));
  await shoot(tab, `${name}-whole`, { fullPage: true });
  await tab.selectOption("#show", "");
  await tab.emulateMedia({ media: "print" });
  did.print = await tab.evaluate(contrast);
  await tab.emulateMedia({ media: "screen" });
  return { did };
}

const views = [];
for (const [screen, width, height, schemes] of [["wide", 1280, 1300, [false, true]], ["narrow", 360, 740, [false, true]], ["middle", 1000, 800, [false]]]) {
  for (const dark of schemes) views.push(await look({ name: `${screen}-${dark ? "dark" : "light"}`, width, height, dark }));
}
views.push(await look({ name: "wide-plain", width: 1280, height: 900, dark: false, script: false }));
console.log(JSON.stringify({ browser: browser.version(), views }));
await browser.close();
