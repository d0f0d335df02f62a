// @ts-check
// The small charts in the list of tokens: what they show, what they cost, and that the
// list does not need them.
import assert from "node:assert/strict";
import { barrier, button, httpError, networkError, runAxe, scenario } from "./harness.mjs";

/** @typedef {import("playwright-core").Page} Page */

const day = 86_400;
const today = () => Math.floor(Date.now() / 1000 / day) * day;
/** @param {Page} page @param {string} name */
const spark = (page, name) => page.getByRole("img", { name: new RegExp(`^${name}: `) });
const names = ["app", "bot", "idle"].map((name) => ({ name, unlimited_quota: true }));

/** Counts the requests for small charts. @param {Page} page */
function countRequests(page) {
  /** @type {URLSearchParams[]} */
  const all = [];
  page.on("request", (request) => {
    const { pathname, searchParams } = new URL(request.url());
    if (pathname === "/api/user/self/usage") all.push(searchParams);
  });
  return all;
}

scenario("a row has the units of the last days, in one call for all rows", { tokens: names }, async ({ page, user, tokens: [app, bot, idle] }) => {
  await user.verify(app.key, { model: "m", quota: 1_200 });
  await user.verify(app.key, { model: "n", quota: 34 });
  await user.verify(bot.key, { quota: 5 });
  await user.counted(app, bot);
  const asked = countRequests(page);
  await page.reload();
  await spark(page, "app").waitFor();
  assert.equal(await spark(page, "app").getAttribute("aria-label"), "app: 1,234 units in the last 7 days, 1,234 units today");
  assert.equal(await spark(page, "bot").getAttribute("aria-label"), "bot: 5 units in the last 7 days, 5 units today");
  assert.equal(await spark(page, "idle").count(), 0);
  assert.equal(asked.length, 1);
  assert.deepEqual(Object.fromEntries(asked[0]), { by: "token,day", ids: [idle.id, bot.id, app.id].join(","), from: String(today() - 6 * day) });
  assert.deepEqual(await spark(page, "app").locator("rect").evaluateAll((bars) => bars.map((bar) => bar.classList.contains("none"))), [true, true, true, true, true, true, false]);
  await page.getByLabel("Search").fill("bot");
  await page.getByText("1 token", { exact: false }).first().waitFor();
  await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
  await spark(page, "app").waitFor({ state: "detached" });
  await spark(page, "bot").waitFor();
});

scenario("bars are as high as their days", { tokens: names.slice(0, 1) }, async ({ page, context, tokens: [app] }) => {
  const units = [10, 0, 40, 20, 5, 30, 1];
  const rows = units.map((n, i) => ({ start: today() - (6 - i) * day, token_id: app.id, name: "app", units: n, requests: 1, dollars: "0" }));
  await context.route("**/api/user/self/usage?*", (route) => route.fulfill({ json: { success: true, message: "", data: { from: 0, to: 0, by: "token,day", rows: [...rows, { ...rows[0], start: today() - 7 * day }], refusals: {} } } }));
  await page.reload();
  await spark(page, "app").waitFor();
  assert.deepEqual(await spark(page, "app").locator("rect").evaluateAll((bars) => bars.map((bar) => Number(bar.getAttribute("height")))), [5, 1, 20, 10, 2.5, 15, 2]);
  assert.deepEqual(await runAxe(page), []);
});

// Whatever becomes of the small charts, the list is there and nothing is said.
scenario("the list does not wait for its small charts, nor fail with them", { tokens: names, allowedErrors: [networkError, httpError(401, 403, 429, 500, 503)] }, async ({ page, context }) => {
  const { released, release } = barrier();
  await context.route("**/api/user/self/usage?*", async (route) => { await released; return route.abort().catch(() => {}); }); // the page may have dropped it
  await page.reload();
  await page.getByRole("rowheader", { name: "app" }).waitFor();
  await button(page, "Disable app").click();
  await page.getByText("app is disabled.").waitFor();
  release();
  for (const status of [401, 403, 500]) {
    await context.unroute("**/api/user/self/usage?*");
    await context.route("**/api/user/self/usage?*", (route) => route.fulfill({ status, json: { success: false, code: "x", message: "Broken." } }));
    const response = page.waitForResponse(/\/usage\?/);
    await page.reload();
    await (await response).finished();
    await page.getByRole("rowheader", { name: "app" }).waitFor();
    assert.equal(await page.getByText("Broken.").count(), 0);
    assert.equal(await page.locator(".spark").count(), 0);
  }
});
