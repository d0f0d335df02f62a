// @ts-check
// The audit trail, on its page and in the dialog of a token, and the other tabs there.
import assert from "node:assert/strict";
import { barrier, button, dialog, hasFocus, httpError, openEditor, press, runAxe, scenario, tokenctl } from "./harness.mjs";

/** @typedef {import("playwright-core").Page} Page */

/** @param {Page} page */
const openHistory = (page) => page.getByRole("link", { name: "History", exact: true }).click();
/** @param {Page} page @param {string} name */
const openTab = (page, name) => dialog(page).getByRole("tab", { name }).click();
/**
 * The entries that are shown: their titles, and their changes line by line.
 * @param {Page} page
 */
const entries = (page) => page.locator(".trail:visible > li").evaluateAll((items) => items.map((item) => [
  item.querySelector("p").textContent.replace(/\s+/g, " ").trim(),
  ...[...item.querySelectorAll("dl div")].map((line) => `${line.querySelector("dt").textContent}: ${[...line.querySelectorAll("del, ins")].map((value) => value.lastChild.parentNode.textContent.replace(/^(before|after): /, "")).join(" → ")}`),
]));
/**
 * Reads the history again until it has a number of entries.
 * @param {Page} page
 * @param {number} n
 */
async function waitForEntries(page, n) {
  for (let i = 0; i < 300; i++) {
    await openHistory(page);
    await page.locator(".trail[aria-busy=false], main p[role=status]").first().waitFor();
    if ((await page.locator(".trail > li").count()) >= n) return;
    await page.waitForTimeout(200);
    await page.getByRole("link", { name: "Tokens", exact: true }).click();
  }
  assert.fail(`the history never has ${n} entries`);
}
/**
 * A page of an audit trail as the API answers it.
 * @param {object[]} items
 * @param {string} [next]
 * @param {object} [more]
 */
const answer = (items, next, more = {}) => ({ json: { success: true, message: "", data: { page_size: 10, items, ...(next && { next }), ...more } } });

scenario("changes are shown with who made them, and before and after", { tokens: [{ name: "app", unlimited_quota: true }, { name: "other" }] }, async ({ page, user, tokens: [app, other] }) => {
  await user.update({ id: app.id, name: "renamed", unlimited_quota: false, remain_quota: 1_000_000, models: ["gpt-5", "o3"], model_limits_enabled: true, expired_time: 4_000_000_000 });
  await user.update({ id: app.id, windows: [{ period: "month", quota: 5_000 }] });
  await user.update({ id: app.id, status: 2 });
  await user.remove(other.id);
  await tokenctl("user", "limit", user.name, "--max-tokens", "7");
  await waitForEntries(page, 8);
  const shown = await entries(page);
  const utc = "October 2, 2096 at 7:06:40 AM UTC";
  assert.ok(shown.some((one) => one.join() === "Account changed,Tokens: 1,000 → 7"));
  assert.deepEqual(shown.filter(([title]) => !title.startsWith("Account")).slice(0, 4), [
    [`Deleted other #${other.id}`],
    [`Disabled renamed #${app.id}`, "Status: enabled → disabled"],
    [`Changed renamed #${app.id}`, "Windows: none → 5,000 units, per month, UTC"],
    [`Changed renamed #${app.id}`, "Name: app → renamed", `Expires: never → ${utc}`, "Unlimited quota: yes → no", "Units left: none → 1,000,000", "Only certain models: no → yes", "Models: none → gpt-5, o3"],
  ]);
  const lines = await page.locator(".trail > li > p:nth-child(2)").allInnerTexts();
  assert.ok(lines.some((line) => line.includes("the operator, by user limit")));
  assert.match(lines[shown.findIndex(([title]) => title.startsWith("Disabled"))], /you, with access token 0 · 127\.0\.0\.1 · request [A-Z0-9]{26}$/);
  assert.deepEqual(await runAxe(page), []);
  const text = await page.content();
  assert.ok(![app.key, other.key, user.accessToken].some((secret) => text.includes(secret)), "no secret is shown");

  await page.getByRole("link", { name: "Tokens", exact: true }).click();
  await openEditor(page, "renamed");
  await openTab(page, "History");
  await page.locator("dialog .trail").waitFor();
  assert.deepEqual((await entries(page)).map(([title]) => title), ["Disabled", "Changed", "Changed", "Created"]);
  assert.deepEqual(await runAxe(page), []);
});

scenario("older changes follow, also after a failure", { tokens: [{ name: "app" }], allowedErrors: [httpError(403, 404)] }, async ({ page, context }) => {
  const item = (/** @type {number} */ i, more = {}) => ({ id: String(i).padStart(38, "0"), time: 1_795_000_000_000 - i * 1000, action: "token.updated", token_id: 1, token_name: "app", by: "user", access_token: 0, changes: /** @type {object[]} */ ([]), ...more });
  let fails = true;
  /** @type {string[]} */
  const asked = [];
  await context.route("**/api/user/self/audit?*", (route) => {
    const after = new URL(route.request().url()).searchParams.get("after") ?? "";
    asked.push(after);
    if (after === "") return route.fulfill(answer([item(1), item(2)], "2".padStart(38, "0")));
    if (fails) return route.fulfill({ status: 403, json: { success: false, code: "x", message: "Not now." } });
    return route.fulfill(answer([item(3, { action: "token.invented", by: "robot" })]));
  });
  await openHistory(page);
  await button(page, "Load more").click();
  await page.getByRole("alert").filter({ hasText: "Not now." }).waitFor();
  assert.equal(await page.locator(".trail > li").count(), 2, "what was read stays");
  fails = false;
  await button(page, "Try again").click();
  await page.getByText("token.invented").waitFor();
  await page.getByText("robot").waitFor();
  assert.equal(await page.locator(".trail > li").count(), 3);
  assert.equal(await button(page, "Load more").count(), 0);
  assert.deepEqual(asked, ["", "2".padStart(38, "0"), "2".padStart(38, "0")]);
});

scenario("changes of webhooks have their settings in words", { tokens: [] }, async ({ page, context }) => {
  const item = (/** @type {number} */ i, /** @type {string} */ action, /** @type {object[]} */ changes, by = "user") => ({ id: String(i).padStart(38, "0"), time: 1_795_000_000_000, action, webhook_id: 3, by, access_token: 0, changes });
  await context.route("**/audit?*", (route) => route.fulfill(answer([
    item(3, "webhook.deleted", [{ setting: "url", before: "https://example.com/hooks?…" }]),
    item(2, "webhook.disabled", [{ setting: "status", before: 1, after: 2 }, { setting: "disabled_reason", before: "", after: "gone" }], "service"),
    item(1, "webhook.updated", [{ setting: "types", before: [], after: ["token.*", "user.*"] }, { setting: "previous_secret_until", before: 0, after: 4_000_000_000 }]),
  ])));
  await openHistory(page);
  await page.locator(".trail").waitFor();
  assert.deepEqual(await entries(page), [
    ["Webhook deleted #3", "URL: https://example.com/hooks?… → none"],
    ["Webhook disabled #3", "Status: enabled → disabled", "Reason: none → gone"],
    ["Webhook changed #3", "Types of events: all → token.*, user.*", "Old secret signs until: none → October 2, 2096 at 7:06:40 AM UTC"],
  ]);
  assert.ok((await page.locator(".trail > li").nth(1).innerText()).includes("· Latchkey"));
  assert.deepEqual(await runAxe(page), []);
});

scenario("the history says how far it is behind", { tokens: [] }, async ({ page, context }) => {
  const item = { id: "1".padStart(38, "0"), time: 1_795_000_000_000, action: "user.disabled", by: "operator", changes: /** @type {object[]} */ ([]) };
  const measured = () => ({ behind_seconds: 41, measured_at: Math.floor(Date.now() / 1000) - 7200 });
  const late = "The newest changes may be missing: a change appeared 41 seconds after it was made, measured 2 hours ago.";
  const all = "These are all changes of the last 400 days.";
  for (const [items, next, more, want] of /** @type {[object[], string | undefined, () => object, string][]} */ ([
    [[], undefined, measured, `No changes in the last 400 days. ${late}`],
    [[item], undefined, measured, `${all} ${late}`],
    [[item], item.id, measured, late],
    [[item], undefined, () => ({}), `${all} The newest changes may be missing.`],
  ])) {
    await context.route("**/audit?*", (route) => route.fulfill(answer(items, next, more())));
    await openHistory(page);
    await page.getByText(want, { exact: true }).waitFor();
    await page.getByRole("link", { name: "Tokens", exact: true }).click();
    await context.unroute("**/audit?*");
  }
});

for (const [width, colorScheme] of /** @type {[number, "light" | "dark"][]} */ ([[1280, "light"], [320, "dark"]])) {
  scenario(`hostile names are text and fit ${width} px (${colorScheme})`, { colorScheme, viewport: { width, height: 700 }, tokens: [{ name: "app", unlimited_quota: true }] }, async ({ page, context }) => {
    const bad = ["<img src=x onerror=alert(1)>", "W".repeat(200), "اسم עברית", "${7*7}{{7*7}}", "javascript:alert(2)"];
    const items = bad.map((name, i) => ({
      id: String(i).padStart(38, "0"), time: 1_795_000_000_000, action: i === 0 ? name : "token.updated", token_id: 9_007_199_254_740_991, token_name: name, by: i === 1 ? name : "operator", command: name, address: name,
      request_id: name, changes: [{ setting: name, before: name, after: { [name]: [name, null, true, 1e15] } }, { setting: "models", after: bad }, { setting: "windows", before: [{ period: name, quota: 1 }], after: /** @type {object[]} */ ([]) }],
    }));
    await context.route("**/audit?*", (route) => route.fulfill(answer(items)));
    await openHistory(page);
    await page.locator(".trail").waitFor();
    const fits = async () => {
      const outside = await page.evaluate(() => [...document.querySelectorAll("button:not(dialog *), a, .trail *, .card, dialog")].filter((e) => !e.closest(".sr-only"))
        .filter((e) => { const box = e.getBoundingClientRect(); return box.right > document.documentElement.clientWidth || box.left < 0; }).map((e) => e.outerHTML.slice(0, 100)));
      assert.deepEqual(outside, []);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0);
      assert.equal(await page.locator(".trail :is(img, script)").count(), 0);
      assert.deepEqual(await runAxe(page), []);
    };
    await fits();
    assert.ok((await page.locator(".trail").innerText()).includes(bad[0]));
    await page.getByRole("link", { name: "Tokens", exact: true }).click();
    await openEditor(page, "app");
    for (const tab of ["History", "Usage"]) {
      await openTab(page, tab);
      await dialog(page).locator(tab === "Usage" ? ".facts" : ".trail").waitFor();
      await fits();
    }
  });
}

scenario("a token's dialog has today, this month, and its last use", { tokens: [{ name: "app", unlimited_quota: true }] }, async ({ page, context, user, tokens: [app] }) => {
  await user.verify(app.key, { model: "m", quota: 1_200 });
  await user.verify(app.key, { model: "n", quota: 34 });
  await user.counted(app);
  await page.reload();
  await openEditor(page, "app");
  assert.ok(await hasFocus(dialog(page).getByLabel("Name", { exact: true })), "the name has the focus, not the tabs");
  await dialog(page).getByLabel("Group").fill("typed");
  await openTab(page, "Usage");
  const table = dialog(page).getByRole("table");
  await table.waitFor();
  assert.deepEqual((await table.locator("tbody").innerText()).split(/\s*\n\s*/).map((line) => line.split("\t")), [["Today", "1,234", "$0.00", "2"], ["This month", "1,234", "$0.00", "2"]]);
  const facts = await dialog(page).locator(".facts").innerText();
  assert.match(facts, /^Last used\s+\w+ \d+, \d{4}, .*\s+From\s+127\.0\.0\.0\/24\s+By\s+node$/);
  assert.equal(await button(page, "Save").count(), 0, "nothing to save here");
  await openTab(page, "Settings");
  assert.equal(await dialog(page).getByLabel("Group").inputValue(), "typed", "what was typed stays");
  await openTab(page, "Usage");
  await dialog(page).getByRole("link", { name: "Chart of the last 30 days" }).click();
  await dialog(page).waitFor({ state: "detached" });
  await page.getByRole("img", { name: /by day and model/ }).waitFor();
  assert.equal(await page.getByLabel("Tokens").inputValue(), String(app.id));

  // Days before today count for the month only.
  const day = 86_400, today = Math.floor(Date.now() / 1000 / day) * day;
  const row = (/** @type {number} */ start, /** @type {number} */ units) => ({ start, model: "m", units, requests: 1, dollars: "0.5" });
  await context.route("**/api/token/*/usage?*", (route) => {
    const from = Number(new URL(route.request().url()).searchParams.get("from"));
    assert.equal(new Date(from * 1000).toISOString().slice(7), "-01T00:00:00.000Z");
    return route.fulfill({ json: { success: true, message: "", data: { from, to: today + day, by: "day", rows: [row(today - day, 7), row(today, 1), row(today, 2)], refusals: {} } } });
  });
  await page.getByRole("link", { name: "Tokens", exact: true }).click();
  await openEditor(page, "app");
  await openTab(page, "Usage");
  await table.waitFor();
  assert.deepEqual((await table.locator("tbody").innerText()).split(/\s*\n\s*/).map((line) => line.split("\t")), [["Today", "3", "$1.00", "2"], ["This month", "10", "$1.50", "3"]]);
});

scenario("tabs have the keys of tabs, and their failures are theirs", { tokens: [{ name: "app" }], allowedErrors: [httpError(403)] }, async ({ page, context }) => {
  const { released, release } = barrier();
  let fails = true;
  for (const path of ["**/audit?*", "**/api/token/*/usage?*"]) {
    await context.route(path, async (route) => {
      await released;
      return fails ? route.fulfill({ status: 403, json: { success: false, code: "x", message: "Not yours." } }) : route.continue();
    });
  }
  await openEditor(page, "app");
  const tab = (/** @type {string} */ name) => dialog(page).getByRole("tab", { name });
  await tab("Settings").focus();
  await page.keyboard.press("ArrowRight");
  assert.ok(await hasFocus(tab("Usage")));
  await dialog(page).getByText("Loading the usage").waitFor({ state: "attached" });
  assert.deepEqual(await runAxe(page), []);
  await page.keyboard.press("End");
  assert.ok(await hasFocus(tab("History")));
  assert.equal(await tab("History").getAttribute("aria-selected"), "true");
  await page.keyboard.press("ArrowRight");
  assert.ok(await hasFocus(tab("Settings")));
  await page.keyboard.press("ArrowLeft");
  release();
  await dialog(page).getByRole("alert").filter({ hasText: "Not yours." }).waitFor();
  assert.deepEqual(await runAxe(page), []);
  fails = false;
  await press(page, "Try again");
  await dialog(page).locator(".trail").waitFor();
  await page.keyboard.press("Escape");
  await dialog(page).waitFor({ state: "detached" });
  await openEditor(page, "app");
  assert.equal(await tab("Settings").getAttribute("aria-selected"), "true");
});
