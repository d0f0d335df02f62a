// @ts-check
// Headers, size, caching and first paint of the pages, and the API reference.
import assert from "node:assert/strict";
import { origin, scenario } from "./harness.mjs";

scenario("headers forbid frames and foreign content", { signIn: false }, async ({ page }) => {
  const headers = (await page.reload()).headers();
  const policy = Object.fromEntries(headers["content-security-policy"].split(";").map((part) => part.trim().split(/ (.*)/)).filter(([name]) => name));
  assert.equal(policy["default-src"], "'none'");
  assert.equal(policy["script-src"], "'self'");
  assert.equal(policy["style-src"], "'self'");
  assert.equal(policy["connect-src"], "'self'");
  assert.equal(policy["frame-ancestors"], "'none'");
  assert.equal(policy["form-action"], "'none'");
  assert.equal(policy["require-trusted-types-for"], "'script'");
  assert.ok(!/unsafe|\*|https?:|data:/.test(headers["content-security-policy"]));
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.equal(headers["x-frame-options"], "DENY");
  assert.equal(headers["referrer-policy"], "no-referrer");
  assert.ok(!/<script(?![^>]*src=)|<style|\son[a-z]+=|style=/.test(await (await page.reload()).text()), "nothing is inline");
});

scenario("at most 100 KB, first paint within a second", { signIn: false, tokens: [{ name: "heavy" }] }, async ({ user, context }) => {
  let weight, names;
  const paints = [];
  for (let load = 0; load < 3; load++) {
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send("Network.enable");
    await session.send("Network.setCacheDisabled", { cacheDisabled: true });
    const sizes = new Map(), urls = new Map();
    session.on("Network.responseReceived", ({ requestId, response }) => urls.set(requestId, new URL(response.url).pathname));
    session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
    await page.goto(origin, { waitUntil: "networkidle" });
    await page.getByLabel("Access token").waitFor();
    paints.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
    await page.getByLabel("Access token").fill(user.accessToken);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("rowheader", { name: "heavy" }).waitFor();
    weight = [...sizes.values()].reduce((sum, size) => sum + size, 0); // with headers, and with the responses of the API
    names = new Set(urls.values());
    await page.close();
  }
  for (const needed of ["/", "/console/app.js", "/console/style.css"]) assert.ok(names.has(needed), `${needed} is among ${[...names]}`);
  console.log(`# weight ${weight} bytes, first paint ${paints.map(Math.round).join(", ")} ms`);
  assert.ok(weight <= 100_000, `${weight} bytes`);
  assert.ok(Math.min(...paints) < 1000, `first paints after ${paints} ms`);
});

scenario("unchanged assets come from the cache", { signIn: false }, async ({ page, context }) => {
  await page.close();
  const again = await context.newPage();
  await again.goto(origin, { waitUntil: "networkidle" });
  const resources = await again.evaluate(() => /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByType("resource"))
    .map((entry) => ({ path: new URL(entry.name).pathname, bytes: entry.transferSize })));
  const assets = resources.filter(({ path }) => /app\.js|style\.css/.test(path));
  assert.equal(assets.length, 2);
  for (const { path, bytes } of assets) assert.equal(bytes, 0, `${path} comes from the cache`);
});

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  scenario(`the reference lists all operations (${colorScheme})`, { signIn: false, colorScheme }, async ({ page }) => {
    const document = await (await fetch(`${origin}/api/openapi.json`)).json();
    await page.goto(`${origin}/docs`);
    await page.getByRole("heading", { name: document.info.title }).first().waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.classList.contains("dark-mode")), colorScheme === "dark");
    const operations = Object.values({ ...document.paths, ...document.webhooks }).flatMap((path) => Object.keys(path)).filter((name) => /^(get|put|post|delete)$/.test(name));
    assert.ok(operations.length > 0);
    await page.locator(".opblock").first().waitFor();
    assert.equal(await page.locator(".opblock").count(), operations.length);
    await page.locator(".opblock button").first().click();
    await page.locator(".opblock.is-open").waitFor();
  });
}
