// @ts-check
// Windows, model quotas and rates: set, shown, and kept.
import assert from "node:assert/strict";
import { button, dialog, focusedId, hasFocus, httpError, networkError, openEditor, openNewToken, press, reported, scenario } from "./harness.mjs";

const window = { period: "month", quota: 2_000_000, timezone: "Europe/Berlin", anchor: { hour: 0, day: 15 } };
const limited = {
  name: "app", unlimited_quota: true, windows: [{ period: "5h", quota: 1000 }, window],
  model_quotas: [{ model: "gpt-5*", quota: 500 }], requests_per_minute: 60,
};

/** @param {import("playwright-core").Page} page */
const moreLimits = (page) => dialog(page).getByText("More limits");

/**
 * The fields of a window or model quota.
 * @param {import("playwright-core").Page} page
 * @param {string} name such as Window 1
 */
const group = (page, name) => dialog(page).getByRole("group", { name, exact: true });

/**
 * Presses a button that saves, and returns the body of the request.
 * @param {import("playwright-core").Page} page
 */
async function save(page, name = "Save") {
  const sent = page.waitForRequest((request) => ["PUT", "POST"].includes(request.method()));
  await press(page, name);
  return (await sent).postDataJSON();
}

scenario("the form's fields have no frame around them", {}, async ({ page }) => {
  await openNewToken(page, "app");
  await moreLimits(page).click();
  await press(page, "Add a window");
  await press(page, "Add a model quota");
  const framed = await dialog(page).locator(":is(fieldset, details, .field, .pair)").evaluateAll((groups) => groups
    .filter((element) => ["top", "right", "bottom", "left"].some((side) => parseFloat(getComputedStyle(element).getPropertyValue(`border-${side}-width`)) > 0))
    .map((element) => element.className));
  assert.deepEqual(framed, []);
});

scenario("a new token has every limit as entered", { timezoneId: "Europe/Berlin" }, async ({ page, user }) => {
  await openNewToken(page, "app");
  await moreLimits(page).click();
  await press(page, "Add a window");
  assert.equal(await focusedId(page), "field-window-0-quota");
  assert.equal(await group(page, "Window 1").getByLabel("Time zone").inputValue(), "Europe/Berlin", "the browser's");
  await group(page, "Window 1").getByLabel("Units").fill("100,000");
  await group(page, "Window 1").getByLabel("Begins at").selectOption("6:00");
  await press(page, "Add a window");
  await group(page, "Window 2").getByLabel("Units").fill("5");
  await group(page, "Window 2").getByLabel("Every").selectOption("Other length…");
  await group(page, "Window 2").getByLabel("Length").fill("5h");
  assert.equal(await group(page, "Window 2").getByLabel("Time zone").count(), 0);
  await press(page, "Add a window");
  await group(page, "Window 3").getByLabel("Units").fill("7");
  await group(page, "Window 3").getByLabel("Every").selectOption("week");
  await group(page, "Window 3").getByLabel("From").selectOption("Sunday");
  await group(page, "Window 3").getByLabel("Time zone").selectOption("Asia/Tokyo");
  assert.equal(await button(page, "Add a window").getAttribute("aria-disabled"), "true", "three are the most");
  await press(page, "Add a model quota");
  await group(page, "Model quota 1").getByLabel("Model", { exact: true }).fill("gpt-5*");
  await group(page, "Model quota 1").getByLabel("Units").fill("0");
  await press(page, "Add a model quota"); // stays empty, and is left out
  await dialog(page).getByLabel("Requests per minute").fill("60");
  await dialog(page).getByLabel("Requests at the same time").fill("2");
  const { windows, model_quotas: models, ...others } = await save(page, "Create");
  assert.deepEqual(windows, [
    { period: "day", quota: 100_000, timezone: "Europe/Berlin", anchor: { hour: 6 } }, { period: "5h", quota: 5 },
    { period: "week", quota: 7, timezone: "Asia/Tokyo", anchor: { hour: 0, weekday: 7 } },
  ]);
  assert.deepEqual(models, [{ model: "gpt-5*", quota: 0 }]);
  assert.deepEqual([others.requests_per_minute, others.units_per_minute, others.max_concurrent], [60, undefined, 2]);
  await dialog(page).getByLabel("Key").waitFor();
  const [token] = await user.list();
  assert.deepEqual([token.windows?.map(({ period, quota }) => [period, quota]), token.model_quotas?.[0].quota, token.requests_per_minute, token.units_per_minute, token.max_concurrent],
    [[["day", 100_000], ["5h", 5], ["week", 7]], 0, 60, undefined, 2]);
});

// The operator's defaults apply to what is not sent.
scenario("a token without limits is created without", {}, async ({ page }) => {
  await openNewToken(page, "plain");
  assert.equal(await dialog(page).getByLabel("Requests per minute").isVisible(), false);
  const body = await save(page, "Create");
  assert.deepEqual(Object.keys(body).toSorted(), ["name"]);
});

scenario("a save keeps the limits that are not changed", { tokens: [limited] }, async ({ page, user, tokens: [token] }) => {
  await openEditor(page, "app");
  await page.getByLabel("Group").fill("new");
  assert.deepEqual(await save(page), { id: token.id, group: "new" });
  await reported(page, "app is saved.");
  await openEditor(page, "app");
  await group(page, "Window 1").getByLabel("Units").fill("2000");
  assert.deepEqual(await save(page), { id: token.id, windows: [{ period: "5h", quota: 2000 }, window] });
  await reported(page, "app is saved.");
  const { windows, model_quotas: models, requests_per_minute: rate } = await user.get(token.id);
  assert.deepEqual([windows?.map(({ quota }) => quota), models?.length, rate], [[2000, 2_000_000], 1, 60]);
});

scenario("limits are removed one by one", { tokens: [limited] }, async ({ page, user, tokens: [token] }) => {
  await openEditor(page, "app");
  await press(page, "Remove window 1");
  assert.ok(await hasFocus(button(page, "Add a window")));
  assert.equal(await group(page, "Window 1").getByLabel("From day").inputValue(), "15", "the second window is now the first");
  assert.deepEqual(await save(page), { id: token.id, windows: [window] });
  await reported(page, "app is saved.");
  await openEditor(page, "app");
  await press(page, "Remove window 1");
  await press(page, "Remove model quota 1");
  await dialog(page).getByLabel("Requests per minute").fill("");
  assert.deepEqual(await save(page), { id: token.id, windows: [], model_quotas: [], requests_per_minute: 0 });
  await reported(page, "app is saved.");
  const { windows, model_quotas: models, requests_per_minute: rate } = await user.get(token.id);
  assert.deepEqual([windows, models, rate], [undefined, undefined, undefined]);
});

// A newer API may have periods and settings that this console does not know.
scenario("what the console does not know is kept", { tokens: [limited] }, async ({ page, context, tokens: [token] }) => {
  const used = { used: 1, remaining: 2, resets_at: 4_000_000_000 };
  const quarter = { period: "quarter", quota: 3, timezone: "UTC", anchor: { hour: 0, minute: 30 }, spread: true };
  const day = { period: "day", quota: 3, timezone: "UTC", anchor: { hour: 0, minute: 30 }, spread: true };
  await context.route(`**/api/token/${token.id}`, async (route) => {
    const response = await route.fetch();
    const answer = await response.json();
    Object.assign(answer.data, { windows: [{ ...quarter, ...used }, { ...day, ...used }], model_quotas: [{ model: "m", quota: 3, soft: true, ...used }] });
    return route.fulfill({ response, json: answer });
  });
  await context.route("**/api/token/", (route) => (route.request().method() === "PUT" ? route.fulfill({ json: { success: true, data: token } }) : route.fallback()));
  await openEditor(page, "app");
  assert.equal(await group(page, "Window 1").getByLabel("Every").inputValue(), "quarter");
  await group(page, "Window 2").getByLabel("Units").fill("4");
  assert.deepEqual(await save(page), { id: token.id, windows: [quarter, { ...day, quota: 4 }] });
  await openEditor(page, "app");
  await group(page, "Window 1").getByLabel("Units").fill("4");
  await group(page, "Model quota 1").getByLabel("Units").fill("4");
  assert.deepEqual(await save(page), { id: token.id, windows: [{ ...quarter, quota: 4 }, day], model_quotas: [{ model: "m", quota: 4, soft: true }] });
  await reported(page, "saved");
});

// A raise is not sent back: it is not a part of the window's settings.
scenario("a raise is shown and not sent", { tokens: [{ name: "app", remain_quota: 5, windows: [window] }], allowedErrors: [httpError(412)] }, async ({ page, user, tokens: [token] }) => {
  const until = Math.floor(Date.now() / 1000) + 86_400;
  await user.raise(token.id, { units: 30_000, until });
  await user.raise(token.id, { units: 20_000, until, window: "month" });
  await page.reload();
  await page.getByText("2,020,000 of 2,020,000 left per month").waitFor();
  await page.getByText(/^raised by 30,000 until [A-Z][a-z]+ \d/).waitFor();
  await openEditor(page, "app");
  await group(page, "Window 1").getByText(/raised by 20,000 until [A-Z][a-z]+ \d/).waitFor();
  await group(page, "Window 1").getByLabel("Units").fill("9");
  await user.raise(token.id, { units: 40_000, until, window: "month" });
  assert.deepEqual(await save(page), { id: token.id, windows: [{ ...window, quota: 9 }] });
  await dialog(page).locator("dd", { hasText: /raised by 40,000/ }).waitFor();
  await press(page, "Overwrite with mine");
  await reported(page, "app is saved.");
  const [{ quota, extra }] = (await user.get(token.id)).windows ?? [];
  assert.deepEqual([quota, extra?.units], [9, 40_000]);
});

scenario("the use of limits is shown", { tokens: [{ ...limited, windows: [...limited.windows, { period: "day", quota: 400 }] }, { name: "plain", remain_quota: 1 }] }, async ({ page, user, tokens: [token] }) => {
  await user.verify(token.key, { quota: 300, model: "gpt-5-mini" });
  await page.reload();
  await page.getByText("100 of 400 left per day").waitFor();
  await openEditor(page, "app");
  await group(page, "Window 1").getByText("300 of 1,000 used, 700 left, resets in 5 hours.").waitFor();
  await group(page, "Model quota 1").getByText("300 of 500 used, 200 left.").waitFor();
  await page.keyboard.press("Escape");
  await user.verify(token.key, { quota: 100 });
  await page.reload();
  const row = page.getByRole("row").filter({ hasText: "app" });
  await row.getByText(/used up until [A-Z][a-z]+ \d+, \d{4}, 12:00 AM/).waitFor();
  await row.getByText("0 of 400 left per day").waitFor();
  assert.equal(await page.getByText("used up until").count(), 1);
  await user.update({ id: token.id, unlimited_quota: false, remain_quota: 0 });
  await page.reload();
  await row.getByText("exhausted").waitFor();
  assert.equal(await page.getByText("used up until").count(), 0, "its own quota does not come back");
});

scenario("an error of a limit appears at its field", { allowedErrors: [httpError(400)] }, async ({ page }) => {
  await openNewToken(page, "app");
  await moreLimits(page).click();
  await press(page, "Add a window");
  await moreLimits(page).click();
  await dialog(page).getByLabel("Requests per minute").waitFor({ state: "hidden" });
  await press(page, "Create"); // the error opens it
  const invalid = dialog(page).locator("[aria-invalid=true]");
  await dialog(page).locator(".error", { hasText: "whole number" }).waitFor();
  assert.equal(await invalid.getAttribute("id"), "field-window-0-quota");
  await moreLimits(page).click();
  await dialog(page).locator(".error", { hasText: "whole number" }).waitFor(); // it stays open
  await group(page, "Window 1").getByLabel("Units").fill("5");
  await group(page, "Window 1").getByLabel("Every").selectOption("Other length…");
  await group(page, "Window 1").getByLabel("Length").fill("5 hours");
  await press(page, "Create");
  await dialog(page).locator(".error", { hasText: "windows[0].period must be hour, day" }).waitFor();
  assert.equal(await invalid.getAttribute("id"), "field-window-0-length");
  await group(page, "Window 1").getByLabel("Length").fill("5h");
  await press(page, "Add a window");
  await group(page, "Window 2").getByLabel("Units").fill("5");
  await press(page, "Add a model quota");
  await group(page, "Model quota 1").getByLabel("Model", { exact: true }).fill("gpt-*-mini");
  await group(page, "Model quota 1").getByLabel("Units").fill("5");
  await press(page, "Create");
  await dialog(page).locator(".error", { hasText: "model_quotas[0].model" }).waitFor();
  assert.equal(await invalid.getAttribute("id"), "field-model-quota-0-model");
  await press(page, "Remove model quota 1");
  await dialog(page).getByLabel("Requests at the same time").fill("51");
  await press(page, "Create");
  await dialog(page).locator(".error", { hasText: "max_concurrent" }).waitFor();
  assert.ok(await hasFocus(dialog(page).getByLabel("Requests at the same time")));
});

scenario("a conflict shows changed limits, and not their use", { tokens: [limited], allowedErrors: [httpError(412)] }, async ({ page, user, tokens: [token] }) => {
  await openEditor(page, "app");
  await group(page, "Window 1").getByLabel("Units").fill("2000");
  await user.update({ id: token.id, windows: [window], max_concurrent: 3 });
  await user.verify(token.key, { quota: 100 });
  await press(page, "Save");
  const changes = dialog(page).locator("dl > div");
  await changes.first().waitFor();
  assert.deepEqual(await changes.allInnerTexts().then((all) => all.map((text) => text.replace(/\s+/g, " "))),
    ["Windows 2,000,000 units, per month, from day 15, Europe/Berlin", "Requests at the same time 3"]);
  await press(page, "Overwrite with mine");
  await reported(page, "app is saved.");
  const { windows, max_concurrent: rate } = await user.get(token.id);
  assert.deepEqual([windows?.map(({ quota }) => quota), rate], [[2000, 2_000_000], 3]);
});

scenario("a retried save of limits does not conflict with itself", { tokens: [limited], allowedErrors: [networkError, httpError(412)] }, async ({ page, context, user, tokens: [token] }) => {
  await openEditor(page, "app");
  await group(page, "Window 2").getByLabel("Every").selectOption("day");
  await press(page, "Add a window");
  await group(page, "Window 3").getByLabel("Units").fill("9");
  await group(page, "Window 3").getByLabel("Every").selectOption("week");
  let lost = false;
  await context.route("**/api/token/", async (route) => {
    if (lost) return route.continue();
    lost = true;
    await route.fetch();
    return route.abort();
  });
  await press(page, "Save");
  await dialog(page).getByText("may or may not have been made").waitFor();
  await press(page, "Save");
  await reported(page, "app is saved.");
  assert.deepEqual((await user.get(token.id)).windows?.map(({ period }) => period), ["5h", "day", "week"]);
});

// What is typed before the token was read is based on the list, which may be old.
scenario("limits typed on an old version are not saved", { tokens: [limited] }, async ({ page, context, user, tokens: [token] }) => {
  await user.update({ id: token.id, windows: [{ period: "day", quota: 1 }] });
  let release = () => {};
  const released = new Promise((resolve) => { release = () => resolve(undefined); });
  await context.route(`**/api/token/${token.id}`, async (route) => { await released; await route.continue(); });
  await button(page, "Edit app").click();
  await group(page, "Window 1").getByLabel("Units").fill("5000");
  await page.getByLabel("Name").fill("renamed");
  release();
  await dialog(page).getByRole("button", { name: "Save", disabled: false }).waitFor();
  assert.equal(await group(page, "Window 1").getByLabel("Units").inputValue(), "1");
  assert.deepEqual(await save(page), { id: token.id, name: "renamed" });
});

scenario("limits are set with the keyboard alone", {}, async ({ page, user }) => {
  await openNewToken(page, "app");
  await moreLimits(page).focus();
  const keys = async (/** @type {string[]} */ ...names) => { for (const name of names) await page.keyboard.press(name); };
  await keys("Enter", "Tab", "Enter");
  await page.keyboard.type("12");
  await keys("Tab");
  await page.keyboard.type("week");
  await keys("Tab");
  await page.keyboard.type("America/Lima");
  await keys("Tab");
  await page.keyboard.type("Fri");
  await keys("Tab", "Tab", "Tab", "Tab", "Tab"); // over the hour and three buttons
  await page.keyboard.type("60");
  await keys("Enter");
  await dialog(page).getByLabel("Key").waitFor();
  const [{ windows, requests_per_minute: rate }] = await user.list();
  assert.deepEqual(windows?.map(({ period, quota, timezone, anchor }) => [period, quota, timezone, anchor]), [["week", 12, "America/Lima", { hour: 0, weekday: 5 }]]);
  assert.equal(rate, 60);
});
