// Runs tests in a real browser; each says `ok` or `not ok`.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

/** Starts the browser that CHROMIUM names; screenshots of failed tests go to `folder`. */
export async function browserTests(folder) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
  mkdirSync(folder, { recursive: true });

  /** Runs a test once in a new browser context. Returns what went wrong: page errors and unexpected console messages, too. */
  async function attempt(run, { expected = /^$/, ...options }) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(15000);
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => { if (["error", "warning"].includes(message.type()) && !expected.test(message.text())) errors.push(message.text()); });
    try {
      await run(page, context);
      assert.deepEqual(errors, []);
    } catch (error) {
      await page.screenshot({ path: join(folder, "failed.png") }).catch(() => undefined);
      return `${error.stack}\n${errors.join("\n")}\nat ${page.url()}`;
    } finally {
      await context.close();
    }
  }

  /** Runs a test, a second time if it fails: a browser on a busy machine is late now and then. Both failures are printed. */
  async function test(name, run, options = {}) {
    if (process.env.ONLY && !name.includes(process.env.ONLY)) return;
    for (const failed of ["failed once", "not ok"]) {
      const problem = await attempt(run, options);
      if (problem === undefined) return console.log(`ok ${name}`);
      console.log(`${failed} ${name}: ${problem}`);
    }
    process.exitCode = 1;
  }

  return { browser, test };
}
