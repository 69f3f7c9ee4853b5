// The page as people use it: node readers.mjs BASE KEYED_BASE KEY FOLDER
// BASE serves the collections `shelf` and `tides`; KEYED_BASE requires KEY and serves `tides`.
import assert from "node:assert/strict";
import { createServer, request as httpRequest } from "node:http";
import { AxeBuilder } from "@axe-core/playwright";
import { browserTests } from "./harness.mjs";

const [base, keyedBase, key, folder] = process.argv.slice(2);
const { browser, test } = await browserTests(folder);

const open = async (page, query, wait = "ol.hits a.title") => {
  await page.goto(`${base}/?${query}`);
  await page.waitForSelector(wait);
};
/** Opens hits and waits until their sentences are marked: the page is as high as it gets. */
const openMarked = (page, query) => open(page, query, "ol.hits mark");
const scrollTop = (page) => page.evaluate(() => scrollY);
/** Waits until the page does not scroll. */
const settled = (page) => page.evaluate(() => new Promise((resolve) => {
  let last = -1;
  const timer = setInterval(() => {
    if (scrollY === last) {
      clearInterval(timer);
      resolve();
    }
    last = scrollY;
  }, 100);
}));
const focusedTag = (page) => page.evaluate(() => document.activeElement?.tagName);
const style = (page, selector, name) => page.locator(selector).first().evaluate((element, name) => getComputedStyle(element)[name], name);
const box = "[role=combobox]";

await test("an input method keeps its keys", async (page, context) => {
  await open(page, "c=tides", `${box}:focus`);
  await page.keyboard.type("tide");
  await page.waitForSelector("ol.hits a.title");
  const devtools = await context.newCDPSession(page);
  await devtools.send("Input.imeSetComposition", { text: "とう", selectionStart: 2, selectionEnd: 2 });
  for (const [key, code] of [["ArrowDown", 40], ["ArrowUp", 38], ["Enter", 13]]) {
    await devtools.send("Input.dispatchKeyEvent", { type: "rawKeyDown", key, code: key, windowsVirtualKeyCode: code });
    assert.equal(await focusedTag(page), "INPUT", key);
  }
  assert.doesNotMatch(page.url(), /view=article/);
  // What is being composed is no question yet; what was composed is one.
  await page.waitForTimeout(400);
  assert.match(page.url(), /q=tide$/);
  await devtools.send("Input.insertText", { text: "灯" });
  await page.waitForURL((url) => url.searchParams.get("q") === "tide灯");
  // The keys of the page and of an article are left alone, too.
  await page.evaluate(() => {
    document.activeElement.blur();
    for (const key of ["/", "j"]) dispatchEvent(new KeyboardEvent("keydown", { key, isComposing: true, bubbles: true }));
  });
  assert.equal(await focusedTag(page), "BODY");
});

await test("keys that scroll do scroll", async (page) => {
  await openMarked(page, "c=tides&q=tide");
  await page.evaluate(() => document.activeElement?.blur());
  for (const key of ["ArrowDown", "PageDown", "End"]) {
    const before = await scrollTop(page);
    await page.keyboard.press(key);
    await page.waitForFunction((before) => scrollY > before, before);
    await settled(page);
    assert.equal(await focusedTag(page), "BODY", key);
  }
  for (const key of ["ArrowUp", "PageUp", "Home"]) {
    const before = await scrollTop(page);
    await page.keyboard.press(key);
    await page.waitForFunction((before) => scrollY < before, before);
    await settled(page);
  }
  // From the last hit on, too.
  for (let n = 0; n < 12; n++) await page.keyboard.press("j");
  assert.equal(await focusedTag(page), "A");
  for (let n = 0; n < 60; n++) await page.keyboard.press("ArrowDown");
  await page.waitForFunction(() => document.documentElement.scrollHeight - innerHeight - scrollY < 3);
}, { viewport: { width: 1000, height: 420 } });

await test("texts run in the direction of their script", async (page) => {
  await openMarked(page, "c=shelf&q=wombat&mode=lexical");
  for (const selector of ["h3:has([data-passage='arabic#0'])", "li:has([data-passage='arabic#0']) .text"]) {
    assert.equal(await style(page, selector, "direction"), "rtl", selector);
  }
  assert.equal(await style(page, "li:has([data-passage='hebrew#0']) .text", "direction"), "rtl");
  assert.equal(await style(page, "li:has([data-passage='burrows#0']) .text", "direction"), "ltr");
  // The marked sentence is one piece.
  const pieces = await page.locator("li:has([data-passage='hebrew#0']) mark").evaluate((mark) => {
    const lines = new Map();
    for (const { top, left, right } of mark.getClientRects()) {
      const line = lines.get(Math.round(top)) ?? [];
      line.push([left, right]);
      lines.set(Math.round(top), line);
    }
    return [...lines.values()].map((parts) => {
      parts.sort(([a], [b]) => a - b);
      return parts.slice(1).every(([left], n) => left - parts[n][1] < 2);
    });
  });
  assert.ok(pieces.every(Boolean), String(pieces));
  await page.fill(box, "ماذا يأكل");
  assert.equal(await style(page, box, "direction"), "rtl");
  await open(page, "c=shelf&view=article&id=arabic&q=wombat", ".passage");
  for (const selector of ["h1", ".passage p"]) assert.equal(await style(page, selector, "direction"), "rtl", selector);
  await open(page, "c=shelf&view=collection", "td.title");
  assert.equal(await style(page, "td.title:has-text('الومبات')", "direction"), "rtl");
});

await test("back leads to where one was, and adds nothing to the history", async (page) => {
  await openMarked(page, "c=tides&q=tide");
  const visit = async () => {
    const link = page.locator("a.title").nth(6);
    await link.scrollIntoViewIfNeeded();
    await page.evaluate(() => scrollBy(0, 150));
    const [at, title] = [await scrollTop(page), await link.textContent()];
    await link.click();
    await page.waitForSelector("article.whole");
    return [at, title];
  };
  const isBack = async ([at, title]) => {
    await page.waitForFunction((title) => document.activeElement?.textContent === title, title);
    assert.ok(at > 100 && Math.abs(await scrollTop(page) - at) < 40, `${await scrollTop(page)} is not ${at}`);
  };
  const length = await page.evaluate(() => history.length);
  let place = await visit();
  await page.goBack();
  await isBack(place);
  place = await visit();
  await page.getByRole("button", { name: "Back to the answers" }).click();
  await isBack(place);
  place = await visit();
  await page.keyboard.press("Escape");
  await isBack(place);
  assert.ok(await page.evaluate(() => history.length) <= length + 1);
  await page.reload();
  await page.waitForSelector("ol.hits a.title");
  await page.waitForFunction(() => scrollY > 100);
  // An article that was opened by its link has the answers behind it all the same.
  await open(page, "c=tides&q=tide&view=article&id=tide3", "article.whole");
  await page.getByRole("button", { name: "Back to the answers" }).click();
  await page.waitForSelector("ol.hits a.title");
  await open(page, "c=tides&view=collection", "td.title a");
  await page.locator("td.title a").nth(3).click();
  await page.getByRole("button", { name: "Back to the collection" }).click();
  await page.waitForSelector("td.title a");
});

await test("a question of 20,000 characters is answered, everywhere", async (page) => {
  const statuses = new Set();
  page.on("response", (response) => statuses.add(response.status()));
  await open(page, "c=tides", `${box}:focus`);
  await page.fill(box, "潮汐".repeat(10_000));
  await page.waitForSelector("ol.hits a.title");
  await page.reload();
  await page.waitForSelector("ol.hits a.title");
  assert.equal((await page.inputValue(box)).length, 20_000);
  await page.locator("a.title").first().click();
  await page.waitForSelector("article.whole");
  await page.click("nav >> text=Map");
  await page.waitForSelector("section li a");
  assert.deepEqual([...statuses].filter((status) => status >= 400), []);
});

await test("suggestions make room for the answers", async (page) => {
  await open(page, "c=tides", `${box}:focus`);
  await page.keyboard.type("tides nu", { delay: 20 });
  await page.waitForSelector("[role=option]:visible");
  await page.waitForSelector("ol.hits a.title");
  await page.waitForFunction(() => document.querySelector("[role=listbox]").hidden);
  assert.equal(await focusedTag(page), "INPUT");
  // One that is being chosen stays.
  await page.keyboard.type("m");
  await page.waitForSelector("[role=option]:visible");
  await page.keyboard.press("ArrowDown");
  await page.waitForTimeout(1800);
  assert.ok(await page.locator("[role=option]").first().isVisible());
});

await test("code keeps its indentation, and passages of one article are told apart", async (page) => {
  await openMarked(page, "c=shelf&q=def+dig&mode=lexical");
  const text = page.locator("li:has([data-passage^='code.md']) .text").first();
  assert.match(await text.evaluate((element) => element.innerText), /\n {4}for paw in paws:\n {8}paw\.scratch/);
  await open(page, "c=shelf&view=article&id=code.md", ".passage");
  assert.match(await page.locator("article.whole").evaluate((element) => element.innerText), /\n {8}paw\.scratch/);
  await open(page, "c=shelf&q=river+otter+water&mode=lexical");
  const titles = await page.locator("a.title").allTextContents();
  assert.ok(titles.length > 4 && new Set(titles).size === titles.length, titles.join("\n"));
  assert.ok((await page.locator(".repeated .place").first().textContent()).startsWith("more of "));
});

await test("scores are relative to the best one, on every page, and the real ones are explained", async (page) => {
  await openMarked(page, "c=tides&q=tide&mode=dense");
  assert.match(await page.locator(".score").first().textContent(), /100 %$/);
  await page.locator(".why summary").first().click();
  assert.match(await page.locator(".why dd").first().textContent(), /^-?\d+\.\d{3}$/);
  await page.getByRole("button", { name: "Next" }).click();
  await page.waitForFunction(() => document.querySelector(".rank")?.textContent === "11");
  assert.doesNotMatch(await page.locator(".score").first().textContent(), /100 %$/);
});

await test("totals are told, and what was remembered", async (page) => {
  await open(page, "c=tides&q=tide");
  assert.match(await page.textContent(".status"), /^Results 1 to 10, of 15 passages searched, (\d+ ms|remembered)$/);
  await page.getByRole("button", { name: "Next" }).click();
  await page.waitForFunction(() => /^Results 11 to 15 of 15, /.test(document.querySelector(".status")?.textContent));
  assert.ok(await page.getByRole("button", { name: "Next" }).isDisabled());
  await page.reload();
  await page.waitForFunction(() => /remembered$/.test(document.querySelector(".status")?.textContent));
  await open(page, "c=tides&q=zzz&mode=lexical", ".status");
  assert.match(await page.textContent(".status"), /^No results\./);
});

await test("an unknown collection is named, with those there are", async (page) => {
  await open(page, "c=shelves&q=tide", "[role=alert]");
  assert.match(await page.textContent("[role=alert]"), /no collection named shelves/);
  await page.getByRole("button", { name: "tides" }).click();
  await page.waitForSelector("ol.hits a.title");
});

await test("an article of one passage is shown without its score", async (page) => {
  await open(page, "c=tides&view=article&id=tide1&q=tide", ".passage");
  assert.equal(await page.locator(".passage .score").count(), 0);
  await open(page, "c=shelf&view=article&id=otters.txt&q=water", ".passage .score");
});

await test("the ids . and .. can be read and deleted", async (page) => {
  for (const id of [".", ".."]) {
    await open(page, `c=shelf&view=article&id=${encodeURIComponent(id)}`, "article.whole");
    assert.match(await page.textContent("article.whole"), /Dots/);
  }
  page.on("dialog", (dialog) => void dialog.accept());
  await open(page, "c=shelf&view=collection", "td.title");
  const row = page.locator("tr", { has: page.locator(".id", { hasText: /^\.\.$/ }) });
  await row.getByRole("button").click();
  await row.waitFor({ state: "detached" });
  await page.waitForSelector("text=Deleted Dots");
});

await test("on paper the page is light, and only what was found", async (page) => {
  await openMarked(page, "c=tides&q=tide");
  for (const theme of ["auto", "dark"]) {
    await page.evaluate((theme) => { document.documentElement.dataset.theme = theme; }, theme);
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    for (const selector of [".hit .text", ".place", ".hit a.title"]) {
      const [red, green, blue] = (await style(page, selector, "color")).match(/\d+/g).map(Number);
      assert.ok(red + green + blue < 390, `${selector} ${theme}`);
    }
    for (const selector of [box, ".options", ".facets", "header nav", ".keys", ".pages"]) {
      assert.ok(!await page.locator(selector).first().isVisible(), selector);
    }
  }
}, { colorScheme: "dark" });

await test("the table of articles can be read on a phone", async (page) => {
  await open(page, "c=shelf&view=collection", "td.title");
  const rows = await page.locator("tbody tr").evaluateAll((rows) => rows.map((row) => row.getBoundingClientRect().height));
  assert.ok(Math.max(...rows) < 160, String(rows));
  const lines = await page.locator("td.id").evaluateAll((cells) => cells.map((cell) => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return new Set([...range.getClientRects()].map((rect) => Math.round(rect.top))).size;
  }));
  assert.ok(Math.max(...lines) <= 2, String(lines));
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
}, { viewport: { width: 390, height: 844 } });

for (const width of [390, 768, 1280]) {
  await test(`the options stand in lines at ${width}`, async (page) => {
    await open(page, "c=tides&q=tide&mode2=lexical");
    const controls = await page.locator("[role=search] .options :is(select, input)").evaluateAll((all) => all.map((one) => {
      const { top, bottom, left } = one.getBoundingClientRect();
      return { middle: (top + bottom) / 2, left };
    }));
    // Those within half a line of each other are on one line: their middles are the same.
    for (const one of controls) {
      for (const other of controls) {
        const apart = Math.abs(one.middle - other.middle);
        assert.ok(apart < 4 || apart > 30, `${apart} px apart`);
      }
    }
  }, { viewport: { width, height: 900 } });
}

await test("two lists are aligned hit by hit", async (page) => {
  await openMarked(page, "c=tides&q=tide&mode2=dense");
  await page.waitForSelector("section:nth-of-type(2) mark");
  const tops = await page.locator(".two > section").evaluateAll((lists) => lists.map((list) => [...list.querySelectorAll(".hit")].map((hit) => Math.round(hit.getBoundingClientRect().top))));
  assert.deepEqual(tops[0], tops[1]);
});

await test("the ring of a heading is around its words", async (page) => {
  await open(page, "c=shelf&view=article&id=burrows", "article.whole");
  await page.waitForFunction(() => document.activeElement?.tagName === "H1");
  const [ring, line] = await page.locator("h1").evaluate((h1) => [h1.getBoundingClientRect().width, h1.parentElement.getBoundingClientRect().width]);
  assert.ok(ring < line / 2, `${ring} of ${line}`);
});

await test("blocked storage does not stop the page", async (page) => {
  await page.addInitScript(() => {
    for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(globalThis, name, { get() { throw new DOMException("blocked", "SecurityError"); } });
    }
  });
  await page.goto(keyedBase);
  await page.getByLabel(/requires an API key/).fill(key);
  await page.click("text=Continue");
  await page.getByRole("combobox", { name: "Your question" }).fill("tide");
  await page.waitForSelector("ol.hits a.title");
  await page.getByLabel("Colours").selectOption("dark");
}, { expected: /401/ });

await test("a translator does not stop the page, and new texts are shown", async (page) => {
  const translate = () => page.evaluate(() => {
    const walk = document.createTreeWalker(document.getElementById("page"), NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walk.nextNode()) texts.push(walk.currentNode);
    for (const text of texts) {
      if (!text.data.trim() || text.parentElement.closest("select, option")) continue;
      const font = document.createElement("font");
      font.textContent = `«${text.data}»`;
      text.replaceWith(font);
    }
  });
  // Before the sentences are marked, which changes the texts that were translated.
  await page.route("**/search", async (route) => {
    if (route.request().postData().includes("explain")) await new Promise((resolve) => { setTimeout(resolve, 800); });
    await route.continue().catch(() => undefined);
  });
  await open(page, "c=tides&q=what+pulls+at+the+sea");
  await translate();
  await page.waitForSelector("ol.hits mark");
  const text = await page.locator(".hit .text").first().textContent();
  assert.match(text, /^(The tide number \d+ rises twice a day, because the Moon pulls at the sea\. ?){3}$/);
  await translate();
  await page.fill(box, "flumph");
  await page.waitForURL(/q=flumph/);
  await page.waitForFunction(() => document.querySelector("ol.hits a.title")?.textContent === "Flumphs");
  assert.match(await page.textContent(".status"), /^Results 1 to 10, of 15 passages searched/);
  await page.waitForSelector("ol.hits mark");
  await translate();
  await page.getByLabel("compare").check();
  await page.waitForSelector("section:nth-of-type(2) ol.hits a.title");
  await page.locator("ol.hits a.title").first().click();
  await page.waitForSelector("article.whole");
  assert.equal(await page.textContent("h1"), "Flumphs");
  await translate();
  await page.keyboard.press("Escape");
  await page.waitForSelector("ol.hits a.title");
  await page.click("nav >> text=Collection");
  await page.waitForSelector("h1:has-text('tides')");
});

await test("a new tab has the key, and a wrong or revoked one is said", async (page, context) => {
  await page.goto(`${keyedBase}/?c=tides&q=tide`);
  const field = page.getByLabel(/requires an API key/);
  await field.fill(`nigh_${"x".repeat(43)}`);
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=alert] >> text=does not know this key");
  assert.equal(await focusedTag(page), "INPUT");
  await field.fill(key);
  await page.keyboard.press("Enter");
  await page.waitForSelector("ol.hits a.title");
  const tab = await context.newPage();
  await tab.goto(`${keyedBase}/?c=tides&q=tide`);
  await tab.waitForSelector("ol.hits a.title");
  await tab.close();
  await page.route("**/search", (route) => route.fulfill({ status: 401, contentType: "application/problem+json", body: '{"detail": "unknown key"}' }));
  await page.fill(box, "revoked");
  await page.waitForSelector("[role=alert] >> text=does not know this key");
  await page.unroute("**/search");
  await field.fill(key);
  await page.keyboard.press("Enter");
  await page.waitForSelector("ol.hits");
}, { expected: /401/ });

await test("the page works below a path of another site", async (page) => {
  const target = new URL(base);
  const proxy = createServer((request, response) => {
    if (!request.url.startsWith("/tools/search/")) return response.writeHead(404).end();
    const path = request.url.slice("/tools/search".length);
    // The host is that of the proxied server, as nginx sends it.
    const forwarded = httpRequest({ host: target.hostname, port: target.port, path, method: request.method, headers: { ...request.headers, host: target.host } }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    return request.pipe(forwarded);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const site = `http://127.0.0.1:${proxy.address().port}/tools/search/`;
  await page.goto(`${site}?c=tides&q=tide`);
  await page.waitForSelector("ol.hits a.title");
  await page.locator("a.title").first().click();
  await page.waitForSelector("article.whole");
  assert.ok(page.url().startsWith(site));
  await page.goto(`${site}?c=tides&view=collection`);
  await page.click("text=Check for damage");
  await page.waitForSelector("text=No damage:");
  await page.click("footer >> text=API");
  await page.waitForSelector(".opblock");
  proxy.close();
  proxy.closeAllConnections();
});

for (const width of [390, 1280]) {
  await test(`the description of the API is accessible at ${width}`, async (page) => {
    await page.goto(`${base}/docs/`);
    await page.waitForSelector(".opblock");
    const check = async (what) => {
      const { violations } = await new AxeBuilder({ page }).analyze();
      assert.deepEqual(violations.map((violation) => `${what}: ${violation.id}: ${violation.nodes[0].html}`), []);
    };
    await check("closed");
    await page.locator(".opblock-summary-control").nth(3).click();
    await page.waitForSelector(".opblock-body");
    await page.click("text=Try it out");
    await page.waitForSelector(".btn.execute");
    await check("open");
  }, { viewport: { width, height: 900 } });
}

await browser.close();
