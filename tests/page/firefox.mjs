// The page's main path in Firefox, over WebDriver BiDi: node firefox.mjs BASE; FIREFOX names the browser.
import assert from "node:assert/strict";
import puppeteer from "puppeteer-core";

const [base] = process.argv.slice(2);
const browser = await puppeteer.launch({ browser: "firefox", executablePath: process.env.FIREFOX, headless: true });
const page = await browser.newPage();
const errors = [];
page.on("pageerror", (error) => errors.push(error.message));

const text = (selector) => page.$eval(selector, (element) => element.textContent);
const test = async (name, run) => {
  try {
    await run();
    assert.deepEqual(errors, []);
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`not ok ${name}: ${error.stack}\nat ${page.url()}`);
    process.exitCode = 1;
  }
};

await test("hits appear while typing", async () => {
  await page.goto(`${base}/?c=tides`);
  await page.waitForSelector("[role=combobox]:focus");
  await page.keyboard.type("what moves the tide");
  await page.waitForSelector("ol.hits mark");
});

await test("a hit is opened by keyboard, and back leads to it", async () => {
  await page.keyboard.press("Escape");
  await page.goto(`${base}/?c=tides&q=tide`);
  await page.waitForSelector("ol.hits mark");
  for (let n = 0; n < 5; n++) await page.keyboard.press("j");
  const title = await page.evaluate(() => document.activeElement.textContent);
  const at = await page.evaluate(() => scrollY);
  await page.keyboard.press("Enter");
  await page.waitForSelector("article.whole");
  assert.equal(await text("h1"), title);
  await page.goBack();
  await page.waitForFunction((title) => document.activeElement?.textContent === title, {}, title);
  assert.ok(Math.abs(await page.evaluate(() => scrollY) - at) < 40);
});

await test("right to left, code, and the table of articles", async () => {
  await page.goto(`${base}/?c=shelf&q=wombat&mode=lexical`);
  await page.waitForSelector("[data-passage='arabic#0']");
  assert.equal(await page.$eval("li:has([data-passage='arabic#0']) .text", (text) => getComputedStyle(text).direction), "rtl");
  await page.goto(`${base}/?c=shelf&view=article&id=code.md`);
  await page.waitForSelector(".passage");
  assert.match(await page.$eval("article.whole", (article) => article.innerText), /\n {8}paw\.scratch/);
  await page.goto(`${base}/?c=shelf&view=collection`);
  await page.waitForSelector("td.title");
});

await test("two lists are aligned hit by hit", async () => {
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(`${base}/?c=tides&q=tide&mode2=dense`);
  await page.waitForSelector("section:nth-of-type(2) mark");
  const tops = await page.$$eval(".two > section", (lists) => lists.map((list) => [...list.querySelectorAll(".hit")].map((hit) => Math.round(hit.getBoundingClientRect().top))));
  assert.deepEqual(tops[0], tops[1]);
});

await browser.close();
