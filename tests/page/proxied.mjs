// The page behind a proxy with TLS: node proxied.mjs SITE FOLDER. The server is below SITE/stripped/, where the proxy
// takes the path off, and below SITE/whole/, where it does not.
import assert from "node:assert/strict";
import { browserTests } from "./harness.mjs";

const [site, folder] = process.argv.slice(2);
const { browser, test } = await browserTests(folder);

for (const path of ["/stripped/", "/whole/"]) {
  await test(`the page works below ${path}`, async (page) => {
    await page.goto(`${site}${path}?c=notes&q=owls`);
    await page.waitForSelector("ol.hits mark");
    await page.locator("a.title").first().click();
    await page.waitForSelector("article.whole");
    assert.ok(page.url().startsWith(`${site}${path}?`));
    await page.goto(`${site}${path}docs/`);
    await page.waitForSelector(".opblock");
  }, { ignoreHTTPSErrors: true });

  await test(`events of a job come one by one below ${path}`, async (page) => {
    await page.goto(`${site}${path}?c=notes&view=collection`);
    await page.waitForSelector(".drop");
    // What a buffering proxy keeps comes all at once, when the job has ended.
    const phases = await page.evaluate(async () => {
      const form = new FormData();
      const records = Array.from({ length: 6000 }, (_, n) => JSON.stringify({ _id: `r${n}`, text: `Record ${n} of many.` }));
      form.append("file", new Blob([records.join("\n")]), "records.jsonl");
      const started = await fetch("v1/collections/notes/articles", { method: "POST", body: form });
      const job = await (await fetch(started.headers.get("location"))).json();
      const events = await fetch(`v1/jobs/${job.id}/events`);
      const reader = events.body.pipeThrough(new TextDecoderStream()).getReader();
      const first = await reader.read();
      await reader.cancel();
      const now = await (await fetch(`v1/jobs/${job.id}`)).json();
      return [first.value.includes("data:"), now.ended];
    });
    assert.deepEqual(phases, [true, null]);
  }, { ignoreHTTPSErrors: true });
}

await browser.close();
