// Runs tests in a real browser; each says `ok` or `not ok`.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

/** Starts the browser that CHROMIUM names; screenshots of failed tests go to `folder`. */
export async function browserTests(folder) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
  mkdirSync(folder, { recursive: true });

  /** Runs a test in a new browser context. Page errors and unexpected console messages fail it, too. */
  async function test(name, run, { expected = /^$/, ...options } = {}) {
    if (process.env.ONLY && !name.includes(process.env.ONLY)) return;
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(15000);
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => { if (["error", "warning"].includes(message.type()) && !expected.test(message.text())) errors.push(message.text()); });
    try {
      await run(page, context);
      assert.deepEqual(errors, []);
      console.log(`ok ${name}`);
    } catch (error) {
      await page.screenshot({ path: join(folder, "failed.png") }).catch(() => undefined);
      console.log(`not ok ${name}: ${error.stack}\n${errors.join("\n")}\nat ${page.url()}`);
      process.exitCode = 1;
    } finally {
      await context.close();
    }
  }

  return { browser, test };
}
