// @ts-check
// Creating a token, and its key, which is shown once.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { confirmKeySaved, dialog, focusedId, hasFocus, httpError, networkError, openNewToken, press, scenario, tokenctl } from "./harness.mjs";

const run = promisify(execFile);
/** @param {import("playwright-core").Page} page */
const chips = (page) => page.locator(".chip").evaluateAll((all) => all.map((chip) => chip.firstChild.nextSibling?.textContent ?? chip.textContent));
const now = () => Date.now() / 1000;

/**
 * Submits the dialog, and returns the request body and the new key.
 * @param {import("playwright-core").Page} page
 */
async function create(page) {
  const sent = page.waitForRequest((request) => request.method() === "POST");
  await press(page, "Create");
  await dialog(page).getByLabel("Key").waitFor();
  return { body: (await sent).postDataJSON(), key: await dialog(page).getByLabel("Key").inputValue() };
}

scenario("a new token has every field as entered", {}, async ({ page, user }) => {
  await openNewToken(page, "everything");
  await page.getByLabel("Expires").selectOption("In 30 days");
  await page.getByLabel("Quota", { exact: true }).fill("1,250 000");
  await page.getByRole("switch", { name: "Only certain models" }).check();
  await page.getByLabel("Models", { exact: true }).fill("gpt-4o");
  await page.getByLabel("Allowed addresses").fill("10.0.0.0/8\n2001:db8::1");
  await page.getByLabel("Group").fill("team");
  const { key } = await create(page);
  const [token] = await user.list();
  assert.deepEqual([token.name, token.remain_quota, token.unlimited_quota, token.models, token.model_limits_enabled, token.group, token.status],
    ["everything", 1_250_000, false, ["gpt-4o"], true, "team", 1]);
  assert.deepEqual(token.allow_ips.split("\n"), ["10.0.0.0/8", "2001:db8::1"]);
  assert.ok(Math.abs(token.expired_time - now() - 30 * 86_400) < 20);
  assert.equal((await user.verify(key, { model: "gpt-4o", ip: "10.1.2.3" })).valid, true);
});

scenario("each expiry option sets the expiry it names", { allowedErrors: [httpError(400)] }, async ({ page, user, context }) => {
  const hour = 3600, day = 24 * hour;
  await openNewToken(page, "date");
  await context.route("**/api/token/", (route) => route.fulfill({ status: 400, json: { success: false, message: "Not now." } }));
  for (const [label, seconds] of Object.entries({ "In 1 hour": hour, "In 1 day": day, "In 7 days": 7 * day, "In 90 days": 90 * day, "In 1 year": 365 * day })) {
    await page.getByLabel("Expires").selectOption(label);
    const sent = page.waitForRequest((request) => request.method() === "POST");
    await press(page, "Create");
    assert.ok(Math.abs((await sent).postDataJSON().expired_time - now() - seconds) < 20, label);
    await dialog(page).getByText("Not now.").waitFor();
  }
  await context.unroute("**/api/token/");
  await page.getByLabel("Expires").selectOption("On a date…");
  await page.getByLabel("Date and time").fill("2040-02-29T12:30");
  await create(page);
  assert.equal((await user.list())[0].expired_time, Date.UTC(2040, 1, 29, 12, 30) / 1000);
  await confirmKeySaved(page);
  await openNewToken(page, "never");
  await page.getByRole("switch", { name: "Unlimited quota" }).check();
  assert.equal(await page.getByLabel("Quota", { exact: true }).count(), 0);
  await create(page);
  const [token] = await user.list();
  assert.deepEqual([token.expired_time, token.unlimited_quota], [-1, true]);
});

// A date is in the browser's time zone, and the editor says which that is.
for (const [at, sent, shown] of /** @type {const} */ ([
  ["2040-01-15T12:30", Date.UTC(2040, 0, 15, 11, 30), "12:30:00 PM GMT+1 (Europe/Berlin)"],
  ["2040-07-15T12:30", Date.UTC(2040, 6, 15, 10, 30), "12:30:00 PM GMT+2 (Europe/Berlin)"],
  ["2040-03-25T02:30", Date.UTC(2040, 2, 25, 1, 30), "3:30:00 AM GMT+2 (Europe/Berlin)"], // clocks skip this time
])) {
  scenario(`an expiry says its time zone (${at})`, { timezoneId: "Europe/Berlin" }, async ({ page, user }) => {
    await openNewToken(page, "zone");
    await page.getByLabel("Expires").selectOption("On a date…");
    await dialog(page).getByText("In your time zone, Europe/Berlin.").waitFor();
    await page.getByLabel("Date and time").fill(at);
    await dialog(page).locator(".hint", { hasText: shown }).waitFor();
    await create(page);
    assert.equal((await user.list())[0].expired_time, sent / 1000);
  });
}

// The operator's defaults apply to what is not sent.
scenario("a field that is not touched is left to the defaults", { allowedErrors: [httpError(403)] }, async ({ page, user }) => {
  await tokenctl("user", "policy", user.name, "--max-lifetime", "30d", "--allow-models", "gpt-5*,o3", "--max-window", "day=1000");
  const onlyCertain = page.getByRole("switch", { name: "Only certain models" });
  const isLimited = async (/** @type {object} */ sent, /** @type {string[]} */ models) => {
    assert.deepEqual((await create(page)).body, sent);
    await confirmKeySaved(page);
    const [token] = await user.list();
    assert.deepEqual([token.model_limits_enabled, token.models, token.windows?.[0].quota], [true, models, 1000]);
    assert.ok(Math.abs(token.expired_time - now() - 30 * 86_400) < 20);
  };
  await openNewToken(page, "plain");
  await onlyCertain.check();
  await page.getByRole("switch", { name: "Unlimited quota" }).check();
  await onlyCertain.uncheck();
  await page.getByRole("switch", { name: "Unlimited quota" }).uncheck();
  await isLimited({ name: "plain" }, ["gpt-5*", "o3"]);
  await openNewToken(page, "any of them");
  await onlyCertain.check();
  await isLimited({ name: "any of them", model_limits_enabled: true }, ["gpt-5*", "o3"]);
  await openNewToken(page, "one of them");
  await page.getByLabel("Expires").selectOption("Never");
  await onlyCertain.check();
  await page.getByLabel("Models", { exact: true }).fill("gpt-5-mini");
  await press(page, "Create");
  await dialog(page).locator(".error", { hasText: "expired_time: the operator's policy for this user is max_lifetime 30d" }).waitFor();
  await page.getByLabel("Expires").selectOption("Default");
  await isLimited({ name: "one of them", model_limits_enabled: true, models: ["gpt-5-mini"] }, ["gpt-5-mini"]);
});

// Enter, comma, paste and leaving the field add a model; Backspace and × remove one.
scenario("models are added and removed as chips", {}, async ({ page, user, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await openNewToken(page, "models");
  await page.getByRole("switch", { name: "Only certain models" }).check();
  const input = page.getByLabel("Models", { exact: true });
  await input.pressSequentially("one,two");
  await input.press("Enter");
  assert.deepEqual(await chips(page), ["one", "two"]);
  await page.evaluate(() => navigator.clipboard.writeText("three, four,,two"));
  await input.press("Control+V");
  await page.getByRole("button", { name: "Remove four" }).waitFor();
  assert.deepEqual(await chips(page), ["one", "two", "three", "four"]);
  await input.press("Backspace");
  await page.getByRole("button", { name: "Remove one" }).click();
  assert.deepEqual(await chips(page), ["two", "three"]);
  assert.equal(await focusedId(page), "field-models");
  await input.pressSequentially("gpt-5*,");
  await input.pressSequentially("typed but not entered");
  const { key } = await create(page);
  const [{ id, models }] = await user.list();
  assert.deepEqual(models, ["two", "three", "gpt-5*", "typed but not entered"]);
  await user.update({ id, unlimited_quota: true });
  assert.equal((await user.verify(key, { model: "gpt-5-mini" })).valid, true);
  assert.equal((await user.verify(key, { model: "gpt-4o" })).code, "model_not_allowed");
});

scenario("an error appears at its field, with the focus", { allowedErrors: [httpError(400)] }, async ({ page, user }) => {
  const isRefused = async (/** @type {string} */ label, /** @type {string} */ message) => {
    const field = dialog(page).getByLabel(label, { exact: true });
    await dialog(page).locator(".error", { hasText: message }).waitFor();
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    const describedBy = (await field.getAttribute("aria-describedby")).split(" ");
    assert.equal(await page.locator(`#${describedBy.at(-1)}`).innerText(), message);
    assert.ok(await hasFocus(field), `${label} has the focus`);
    assert.equal(await dialog(page).locator("[aria-invalid]").count(), 1);
    return field;
  };
  const refusedByPage = async (/** @type {string} */ label, /** @type {string} */ message) => {
    await press(page, "Create");
    return isRefused(label, message);
  };
  const refusedByServer = async (/** @type {string} */ label) => {
    const response = page.waitForResponse((candidate) => candidate.status() === 400);
    await press(page, "Create");
    return isRefused(label, (await (await response).json()).message);
  };
  await openNewToken(page, "");
  await (await refusedByServer("Name")).fill("x".repeat(51));
  await (await refusedByServer("Name")).fill("fine");
  await page.getByLabel("Quota", { exact: true }).fill("a lot");
  await (await refusedByPage("Quota", "Enter a whole number of units, for example 500,000.")).fill("-5");
  await (await refusedByServer("Quota")).fill("5");
  await page.getByLabel("Allowed addresses").fill("localhost");
  await (await refusedByServer("Allowed addresses")).fill("");
  await page.getByRole("switch", { name: "Only certain models" }).check();
  await (await refusedByServer("Models")).fill("gpt-*-mini");
  await (await refusedByServer("Models")).press("Backspace");
  await page.getByRole("switch", { name: "Only certain models" }).uncheck();
  await page.getByLabel("Expires").selectOption("On a date…");
  await refusedByPage("Date and time", "Enter both a date and a time.");
  await page.getByLabel("Date and time").fill("2020-01-01T00:00");
  await refusedByServer("Date and time");
  await page.getByLabel("Expires").selectOption("Never");
  await create(page);
  assert.equal((await user.list()).length, 1);
});

// It is shown at the top of the dialog and has the focus.
scenario("an error of a hidden field appears at the top", { allowedErrors: [httpError(400)] }, async ({ page }) => {
  await openNewToken(page, "hidden");
  await page.getByRole("switch", { name: "Only certain models" }).check();
  await page.getByLabel("Models", { exact: true }).fill("x".repeat(257));
  await page.getByLabel("Models", { exact: true }).press("Enter");
  await page.getByRole("switch", { name: "Only certain models" }).uncheck();
  await press(page, "Create");
  const problem = dialog(page).locator(".problem", { hasText: /^models/ });
  await problem.waitFor();
  assert.ok(await hasFocus(problem));
});

// The key can be copied. Afterwards it is neither in the document nor in storage.
scenario("a key is shown once, then leaves the page", {}, async ({ page, user, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await openNewToken(page, "shown once");
  const { key } = await create(page);
  assert.match(key, /^sk-[0-9A-Za-z]{54}$/);
  await page.getByText("You won't see it again").waitFor();
  await press(page, "Copy");
  await page.getByText("The key is copied.").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), key);
  await page.getByRole("radio", { name: "Python" }).check();
  await press(page, "Copy the example");
  await page.getByText("The example is copied.").waitFor();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), new RegExp(`^import json[^]*Bearer ${key}`));
  for (let i = 0; i < 3; i++) await page.keyboard.press("Escape");
  await page.getByLabel("Key", { exact: true }).press("Enter");
  await page.waitForTimeout(750);
  await page.getByLabel("Key", { exact: true }).press("Enter");
  await page.keyboard.press("Escape");
  await page.locator("#new-token").dispatchEvent("click"); // as if pressed while the dialog is being opened again
  assert.equal(await dialog(page).getByLabel("Key").inputValue(), key, "Escape, Enter and another dialog do not close this dialog");
  await dialog(page).evaluate((element) => element.removeAttribute("closedby")); // as in an older browser
  for (let i = 0; i < 3; i++) await page.keyboard.press("Escape");
  await dialog(page).getByLabel("Key").waitFor();
  assert.equal(await dialog(page).getByLabel("Key").inputValue(), key, "an older browser opens the dialog again");
  await press(page, "I have saved the key");
  await page.getByRole("rowheader", { name: "shown once" }).waitFor();
  const everywhere = await page.evaluate(() => document.documentElement.outerHTML + [...document.querySelectorAll("input, textarea")].map((e) => /** @type {HTMLInputElement} */ (e).value) + JSON.stringify([{ ...sessionStorage }, { ...localStorage }]));
  assert.ok(!everywhere.includes(key));
  assert.equal(await focusedId(page), "new-token", "the focus returns");
  assert.equal((await user.verify(key)).valid, false); // the key is valid, but has no quota
});

scenario("if copying is blocked, the key is selected", {}, async ({ page }) => {
  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new Error("denied"));
    document.execCommand = () => false;
  });
  await openNewToken(page, "by hand");
  const { key } = await create(page);
  await press(page, "Copy");
  await page.getByText("Copy the selected key by hand").waitFor();
  assert.equal(await dialog(page).getByLabel("Key").evaluate((/** @type {HTMLInputElement} */ e) => e.value.slice(e.selectionStart, e.selectionEnd)), key);
});

scenario("the examples run and print the quota", {}, async ({ page }) => {
  await openNewToken(page, "example");
  await page.getByLabel("Quota", { exact: true }).fill("4711");
  await create(page);
  for (const [language, ...command] of [["curl", "bash", "-c"], ["Python", "python3", "-c"], ["JavaScript", "node", "--input-type=module", "-e"]]) {
    await page.getByRole("radio", { name: language }).check();
    const code = await page.locator("pre").innerText();
    const [program, ...args] = command;
    const { stdout } = await run(program, [...args, code]);
    assert.match(stdout, /4711/, language);
  }
});

// The page sends the request again with the same idempotency key.
scenario("a lost response to Create makes one token", { allowedErrors: [networkError] }, async ({ page, user, context }) => {
  /** @type {(string | null)[]} */
  const keys = [];
  await context.route("**/api/token/", async (route) => {
    keys.push(await route.request().headerValue("Idempotency-Key"));
    if (keys.length > 1) return route.continue();
    await route.fetch();
    return route.abort();
  });
  await openNewToken(page, "once");
  await page.getByLabel("Quota", { exact: true }).fill("5");
  const { key } = await create(page);
  assert.equal(keys.length, 2);
  assert.ok(keys[0] && keys[0] === keys[1]);
  assert.deepEqual((await user.list()).map((token) => token.name), ["once"]);
  assert.equal((await user.verify(key)).valid, true);
});

// After three lost responses the user retries, with the same idempotency key.
scenario("a manual retry creates no second token", { allowedErrors: [networkError] }, async ({ page, user, context }) => {
  let down = true;
  const keys = new Set();
  await context.route("**/api/token/", async (route) => {
    keys.add(await route.request().headerValue("Idempotency-Key"));
    if (!down) return route.continue();
    await route.fetch();
    return route.abort();
  });
  await openNewToken(page, "by hand");
  await press(page, "Create");
  await dialog(page).getByText("may or may not have been made").waitFor();
  assert.equal((await user.list()).length, 1);
  down = false;
  await create(page);
  assert.equal(keys.size, 1);
  assert.equal((await user.list()).length, 1);
  await confirmKeySaved(page);
  await openNewToken(page, "by hand");
  await create(page);
  assert.equal((await user.list()).length, 2, "the next one is a second token");
});

// The second click lands on the button that closes the key dialog.
scenario("a double click on Create keeps the key shown", {}, async ({ page, user }) => {
  await openNewToken(page, "double");
  await page.evaluate(() => { // click as soon as the other button appears
    const findClose = () => /** @type {HTMLButtonElement[]} */ ([...document.querySelectorAll("dialog button")]).find((element) => element.textContent === "I have saved the key");
    new MutationObserver((_, observer) => { if (findClose()) { observer.disconnect(); findClose().click(); document.body.dataset.clicked = "yes"; } }).observe(document.body, { childList: true, subtree: true });
  });
  await dialog(page).getByRole("button", { name: "Create" }).dblclick();
  await page.waitForFunction(() => document.body.dataset.clicked);
  assert.match(await dialog(page).getByLabel("Key").inputValue(), /^sk-/);
  assert.equal((await user.list()).length, 1);
});

scenario("leaving a page with a new key asks first", {}, async ({ page }) => {
  const asksBeforeLeaving = () => page.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));
  await openNewToken(page, "kept");
  assert.equal(await asksBeforeLeaving(), false);
  await press(page, "Create");
  await dialog(page).getByLabel("Key", { exact: true }).waitFor();
  assert.equal(await asksBeforeLeaving(), true);
  await confirmKeySaved(page);
  assert.equal(await asksBeforeLeaving(), false);
});

// Each line becomes a model, and the largest safe integer is a valid quota.
scenario("pasted lines of models; the largest quota", {}, async ({ page, user }) => {
  await openNewToken(page, "large");
  await page.getByLabel("Quota", { exact: true }).fill("9,007,199,254,740,991");
  await page.getByRole("switch", { name: "Only certain models" }).check();
  await page.getByLabel("Models", { exact: true }).evaluate((field) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text", "m1\nm2\r\nm3");
    field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  });
  await press(page, "Create");
  await dialog(page).getByLabel("Key", { exact: true }).waitFor();
  const [token] = await user.list();
  assert.deepEqual(token.models, ["m1", "m2", "m3"]);
  assert.equal(token.remain_quota, Number.MAX_SAFE_INTEGER);
});
