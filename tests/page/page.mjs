// Drives the web page in a real browser: node page.mjs BASE KEYED_BASE KEY FOLDER
// BASE serves the collections `books` and `many`; KEYED_BASE requires KEY; screenshots go to FOLDER.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { browserTests } from "./harness.mjs";

const [base, keyedBase, key, folder] = process.argv.slice(2);
const { browser, test } = await browserTests(folder);

const search = async (page, question, more = "") => {
  await page.goto(`${base}/?c=books&q=${encodeURIComponent(question)}${more}`);
  await page.waitForSelector("ol.hits a.title");
};
/** Opens the page and waits until the question field has the focus. */
const openPage = async (page) => {
  await page.goto(`${base}/?c=books`);
  await page.waitForSelector("[role=combobox]:focus");
};
const titles = (page, within = "") => page.locator(`${within} ol.hits a.title`).allTextContents();
const focused = (page) => page.evaluate(() => document.activeElement?.textContent ?? "");

await test("hits appear while typing, and the URL reproduces them", async (page) => {
  await openPage(page);
  await page.keyboard.type("how many high tides does a coast see", { delay: 5 });
  await page.waitForSelector("ol.hits a.title");
  await page.waitForURL(/q=how\+many\+high\+tides\+does\+a\+coast\+see/);
  await page.waitForSelector("ol.hits mark");
  assert.match(await page.locator("ol.hits mark").first().textContent(), /two high tides a day/);
  const before = await titles(page);
  await page.reload();
  await page.waitForSelector("ol.hits a.title");
  assert.deepEqual(await titles(page), before);
  assert.match(await page.title(), /^how many high tides/);
});

await test("typing is debounced: no request per key", async (page) => {
  let requests = 0;
  page.on("request", (request) => { if (/\/search$/.test(request.url()) && !/explain/.test(request.postData())) requests++; });
  await openPage(page);
  await page.keyboard.type("the moon and the sea", { delay: 20 });
  await page.waitForSelector("ol.hits a.title");
  assert.ok(requests <= 3, `${requests} requests`);
});

await test("typing at the pace of the debounce loses no characters", async (page) => {
  await openPage(page);
  await page.keyboard.type("slowly, slowly typed", { delay: 185 });
  assert.equal(await page.inputValue("[role=combobox]"), "slowly, slowly typed");
  await page.waitForURL(/q=slowly%2C\+slowly\+typed/);
  await page.getByLabel("compare").check();
  await page.fill("[role=combobox]", "something else");
  await page.waitForURL(/q=something\+else/);
  await page.goBack();
  await page.waitForFunction(() => document.querySelector("[role=combobox]").value === "slowly, slowly typed");
});

await test("the page can be used by keyboard alone", async (page) => {
  await page.goto(`${base}/?c=books&view=collection`);
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Skip to content");
  await search(page, "yeast");
  await page.locator("h2").first().waitFor({ state: "attached" });
  await page.keyboard.press("/");
  await page.keyboard.type("cheese");
  await page.waitForURL(/q=cheese/);
  await page.waitForFunction(() => document.querySelector("ol.hits a.title")?.textContent.includes("cheese"));
  await page.keyboard.press("Escape");
  await page.keyboard.press("ArrowDown");
  const first = (await titles(page))[0];
  assert.equal(await focused(page), first);
  await page.keyboard.press("j");
  assert.equal(await focused(page), (await titles(page))[1]);
  await page.keyboard.press("k");
  assert.equal(await focused(page), first);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#target");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "target");
  await page.keyboard.press("Escape");
  await page.waitForSelector("ol.hits a.title");
  assert.equal(await focused(page), first);
});

await test("arrow keys select suggestions", async (page) => {
  await openPage(page);
  await page.keyboard.type("what is che");
  await page.waitForSelector("[role=option]");
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.getAttribute("[role=combobox]", "aria-activedescendant"), await page.getAttribute("[role=option][aria-selected=true]", "id"));
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=What\+is\+cheese\+made\+of/);
  assert.equal(await page.locator("[role=option]:visible").count(), 0);
});

await test("an article opens at the passage", async (page) => {
  await search(page, "spring tides");
  await page.click("ol.hits a.title");
  await page.waitForSelector("#target mark");
  assert.ok(await page.locator("#target").evaluate((target) => {
    const { top, bottom } = target.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  }));
});

await test("compare shows two result lists side by side", async (page) => {
  await search(page, "rising sea");
  await page.getByLabel("compare").check();
  await page.getByLabel("With").selectOption("lexical");
  await page.waitForSelector("section[aria-label='Answers, keywords'] a.title");
  const [left, right] = await page.locator(".two > section").evaluateAll((parts) => parts.map((part) => part.getBoundingClientRect().left));
  assert.ok(right > left + 200);
  await page.waitForSelector(".moved");
  await page.reload();
  await page.waitForSelector("section[aria-label='Answers, keywords'] a.title");
});

await test("facets build a filter, and a filter with a syntax error shows its column", async (page) => {
  await search(page, "articles about anything");
  await page.locator("summary", { hasText: "Filter" }).waitFor();
  await page.getByLabel(/2021/).check();
  await page.waitForURL(/filter=year/);
  await page.waitForFunction(() => document.querySelectorAll("ol.hits a.title").length === 2);
  await page.getByLabel(/1999/).check();
  await page.waitForFunction(() => document.querySelectorAll("ol.hits a.title").length === 3);
  await page.getByLabel("Filter expression").fill("year:>=");
  await page.keyboard.press("Enter");
  await page.waitForSelector("pre.problem");
  assert.match(await page.textContent("pre.problem"), /column/);
  await page.goto(`${base}/?c=books&q=anything&filter=${encodeURIComponent('title:"this AND that" OR(year:1999)')}`);
  await page.getByLabel(/2021/).check();
  await page.waitForURL((url) => url.searchParams.get("filter") === '(title:"this AND that" OR(year:1999)) AND year:2021');
}, { expected: /400/ });

await test("pagination reaches the 10,000th hit", async (page) => {
  await page.goto(`${base}/?c=many&q=number&mode=lexical`);
  await page.waitForSelector("ol.hits a.title");
  await page.getByRole("button", { name: "Next" }).click();
  await page.waitForURL(/from=10/);
  await page.waitForFunction(() => document.querySelector(".rank")?.textContent === "11");
  await page.goto(`${base}/?c=many&q=number&mode=lexical&from=9990`);
  await page.waitForFunction(() => document.querySelector(".rank")?.textContent === "9991");
  assert.equal(await page.locator(".hit").count(), 10);
  assert.ok(await page.getByRole("button", { name: "Next" }).isDisabled());
  await page.getByRole("button", { name: "Previous" }).click();
  await page.waitForFunction(() => document.querySelector(".rank")?.textContent === "9981");
});

await test("a slow response shows progress, and only the last question counts", async (page) => {
  await openPage(page);
  let release, answered;
  const held = new Promise((resolve) => (release = resolve));
  const late = new Promise((resolve) => (answered = resolve));
  await page.route("**/search", async (route) => {
    if (!route.request().postData().includes("slow")) return route.continue();
    await held;
    await route.continue().catch(() => undefined);
    answered();
  });
  // At once: an answer to a part of it would stay where the progress is shown.
  await page.fill("[role=combobox]", "slow bread");
  await page.waitForSelector("text=Searching…");
  assert.equal(await page.getAttribute("section[aria-label=Answers]", "aria-busy"), "true");
  await page.fill("[role=combobox]", "cheese");
  await page.waitForFunction(() => document.querySelector("ol.hits a.title")?.textContent.includes("cheese"));
  release();
  await late;
  assert.match((await titles(page))[0], /cheese/);
});

await test("errors are shown, and 429 is retried", async (page) => {
  await openPage(page);
  let requests = 0;
  await page.route("**/search", (route) => {
    requests++;
    const problem = (status, detail) => route.fulfill({ status, contentType: "application/problem+json", body: JSON.stringify({ detail, status }) });
    if (requests === 1) return problem(429, "too many");
    if (route.request().postData().includes("broken")) return problem(500, "it failed here");
    if (route.request().postData().includes("gone")) return route.abort();
    return route.continue();
  });
  await page.keyboard.type("cheese");
  await page.waitForSelector("ol.hits a.title");
  await page.fill("[role=combobox]", "broken");
  await page.waitForSelector("text=it failed here");
  await page.fill("[role=combobox]", "gone");
  await page.waitForSelector("text=The server cannot be reached");
  await page.fill("[role=combobox]", "bread");
  await page.waitForSelector("ol.hits a.title");
}, { expected: /429|500|ERR_FAILED/ });

await test("an evaluation runs, shows its verdict, and has a URL", async (page) => {
  await page.goto(`${base}/?c=books&view=evaluate`);
  await page.getByLabel(/the 2 questions/).check();
  const file = join(folder, "q.jsonl"), answers = join(folder, "a.jsonl");
  writeFileSync(file, '{"_id": "own", "text": "why does the ocean move"}\n');
  writeFileSync(answers, '{"query-id": "own", "corpus-id": "bread", "answers": ["Flour and water ferment for days"]}\n');
  await page.getByLabel(/Your own questions/).setInputFiles(file);
  await page.getByLabel(/Judgements/).setInputFiles(answers);
  await page.click("form >> text=Evaluate");
  await page.waitForSelector("#verdict");
  assert.match(await page.textContent("#verdict"), /3 questions/);
  assert.equal(await page.locator("table").first().locator("tbody tr").count(), 3);
  assert.match(page.url(), /job=/);
  await page.reload();
  await page.waitForSelector("#verdict");
  const [report] = await Promise.all([page.context().waitForEvent("page"), page.click("text=The full report")]);
  await report.waitForSelector("svg");
  writeFileSync(file, "nonsense\n");
  await page.getByLabel(/Your own questions/).setInputFiles(file);
  await page.getByLabel(/Judgements/).setInputFiles(answers);
  await page.click("form >> text=Evaluate");
  await page.waitForSelector("text=queries.jsonl:1");
});

await test("dropped files are uploaded, indexed and listed", async (page) => {
  await page.goto(`${base}/?c=books&view=collection`);
  await page.waitForSelector(".drop");
  const data = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["Foxes dig dens in dry banks."], "foxes.txt", { type: "text/plain" }));
    transfer.items.add(new File(["# Otters\nOtters hold hands in their sleep."], "otters.md", { type: "text/markdown" }));
    return transfer;
  });
  await page.dispatchEvent(".drop", "drop", { dataTransfer: data });
  await page.waitForSelector("text=2 articles added");
  await page.waitForSelector("td:has-text('otters.md')");
  await search(page, "where do foxes live");
  assert.match((await titles(page))[0], /Foxes|foxes/);
  await page.goto(`${base}/?c=books&view=collection`);
  page.on("dialog", (dialog) => void dialog.accept());
  for (const name of ["foxes.txt", "otters.md"]) {
    const row = page.locator("tr", { hasText: name });
    await row.getByRole("button").click();
    await row.waitFor({ state: "detached" });
  }
  await page.click("text=Check for damage");
  await page.waitForSelector("text=No damage:");
});

await test("a collection can be created", async (page) => {
  await page.goto(`${base}/?c=books&view=collection`);
  await page.getByLabel("Name").fill("made-here");
  await page.click("form >> text=Create");
  await page.waitForSelector("h1:has-text('made-here')");
  await page.click("nav >> text=Search");
  await page.waitForSelector("text=There are none yet");
});

await test("the map shows the question and its neighbours", async (page) => {
  await page.goto(`${base}/?c=books&view=map&q=ocean`);
  await page.waitForSelector("section li a");
  assert.match(await page.locator("section li a").first().textContent(), /Tides/);
  const isDrawn = await page.locator("canvas").evaluate((canvas) => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return pixels.some((value, at) => at % 4 === 3 && value > 0);
  });
  assert.ok(isDrawn);
  await page.locator("section li a").first().click();
  await page.waitForSelector("#target");
  await page.goto(`${base}/?c=books&view=map`);
  await page.locator("canvas").focus();
  for (const key of ["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"]) await page.keyboard.press(key);
  const caption = await page.textContent("figcaption");
  assert.match(caption, /#\d+\)$/);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#target");
});

await test("the list of articles keeps page and prefix in the URL", async (page) => {
  await page.goto(`${base}/?c=many&view=collection`);
  await page.waitForSelector("text=page 1 of 210");
  await page.click("text=Next");
  await page.waitForURL(/page=1/);
  await page.getByLabel(/Id prefix/).fill("104");
  await page.waitForURL((url) => url.searchParams.get("prefix") === "104" && !url.searchParams.has("page"));
  await page.waitForSelector("text=page 1 of 3");
  await page.reload();
  await page.waitForSelector("text=page 1 of 3");
});

await test("the page asks for an API key after a 401", async (page) => {
  await page.goto(keyedBase);
  await page.getByLabel(/requires an API key/).fill(key);
  await page.click("text=Continue");
  await page.getByLabel(/requires an API key/).waitFor({ state: "hidden" });
  await page.keyboard.press("/");
  await page.getByRole("combobox", { name: "Your question" }).fill("cheese");
  await page.waitForSelector("ol.hits a.title");
  await page.click("nav >> text=Evaluate");
  await page.click("form >> text=Evaluate");
  const [report] = await Promise.all([page.waitForEvent("download"), page.click("text=Save the full report")]);
  assert.equal(report.suggestedFilename(), "report.html");
}, { expected: /401/ });

await test("a key that is given before other tabs could tell one is kept", async (page) => {
  await page.clock.install();
  await page.goto(keyedBase);
  await page.getByLabel(/requires an API key/).fill(key);
  await page.click("text=Continue");
  await page.getByRole("combobox", { name: "Your question" }).waitFor();
  await page.clock.runFor(1000);
  assert.equal(await page.getByLabel(/requires an API key/).count(), 0);
}, { expected: /401/ });

await test("a request that was sent with another key is repeated with the new one", async (page) => {
  await page.addInitScript(() => sessionStorage.setItem("nigh-key", "nigh_old"));
  let give;
  const given = new Promise((resolve) => { give = resolve; });
  await page.route("**/v1/**", async (route) => {
    const headers = route.request().headers();
    if (headers.authorization !== "Bearer nigh_old") return route.continue();
    if (!route.request().url().endsWith("/evaluate")) return route.continue({ headers: { ...headers, authorization: `Bearer ${key}` } });
    await given;
    await route.continue();
  });
  await page.goto(`${keyedBase}/?view=evaluate`);
  await Promise.all([page.waitForRequest(/evaluate$/), page.click("form >> text=Evaluate")]);
  await page.evaluate(() => dispatchEvent(new Event("nigh-unauthorized")));
  await page.getByLabel(/requires an API key/).fill(key);
  await page.click("text=Continue");
  await page.getByLabel(/requires an API key/).waitFor({ state: "hidden" });
  give();
  await page.waitForURL(/job=/);
  assert.equal(await page.getByLabel(/requires an API key/).count(), 0);
}, { expected: /401/ });

const views = { ask: "q=rising+sea", compare: "q=rising+sea&mode2=lexical", article: "view=article&id=tides&q=moon", map: "view=map&q=moon", evaluate: "view=evaluate", collection: "view=collection" };
for (const [width, scheme] of [[1280, "light"], [820, "dark"], [360, "light"], [360, "dark"]]) {
  for (const [name, query] of Object.entries(views)) {
    await test(`${name} at ${width}, ${scheme}: accessible, and no horizontal scrolling`, async (page) => {
      await page.goto(`${base}/?c=books&${query}`);
      await page.waitForLoadState("networkidle");
      await page.screenshot({ path: join(folder, `${name}-${width}-${scheme}.png`) });
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it scrolls sideways");
      const { violations } = await new AxeBuilder({ page }).analyze();
      assert.deepEqual(violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(" ")}`), []);
    }, { viewport: { width, height: 900 }, colorScheme: scheme });
  }
}

await test("no request leaves the server's origin", async (page) => {
  const foreign = [];
  page.on("request", (request) => { if (!request.url().startsWith(base) && !request.url().startsWith("data:")) foreign.push(request.url()); });
  for (const query of Object.values(views)) {
    await page.goto(`${base}/?c=books&${query}`);
    await page.waitForLoadState("networkidle");
  }
  assert.deepEqual(foreign, []);
});

await browser.close();
