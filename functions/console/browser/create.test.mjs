// Creating a token, and its key, which is shown once.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { answered, noAnswer, scenario } from "./kit.mjs";

const run = promisify(execFile);
const dialog = (page) => page.getByRole("dialog");
const press = (page, name) => dialog(page).getByRole("button", { name, exact: true }).click();
const chips = (page) => page.locator(".chip").evaluateAll((all) => all.map((chip) => chip.firstChild.nextSibling?.textContent ?? chip.textContent));
const now = () => Date.now() / 1000;

async function open(page, name = "") {
  await page.getByRole("button", { name: "New token" }).click();
  await dialog(page).getByLabel("Name").fill(name);
}

/** Creates what the dialog has, and gives what was sent and the key. */
async function create(page) {
  const sent = page.waitForRequest((request) => request.method() === "POST");
  await press(page, "Create");
  await dialog(page).getByLabel("Key").waitFor();
  return { body: (await sent).postDataJSON(), key: await dialog(page).getByLabel("Key").inputValue() };
}

async function leave(page) {
  await page.waitForTimeout(750); // an earlier click would be taken for the second of a double click
  await press(page, "I have saved the key");
  await dialog(page).waitFor({ state: "detached" });
}

scenario("a token has every field that was given", {}, async ({ page, user }) => {
  await open(page, "everything");
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

scenario("every expiry that is offered is the one that is set", { expect: [answered(400)] }, async ({ page, user, context }) => {
  const hour = 3600, day = 24 * hour;
  await open(page, "date");
  await context.route("**/api/token/", (route) => route.fulfill({ status: 400, json: { success: false, message: "Not yet." } }));
  for (const [label, seconds] of [["In 1 hour", hour], ["In 1 day", day], ["In 7 days", 7 * day], ["In 90 days", 90 * day], ["In 1 year", 365 * day]]) {
    await page.getByLabel("Expires").selectOption(label);
    const sent = page.waitForRequest((request) => request.method() === "POST");
    await press(page, "Create");
    assert.ok(Math.abs((await sent).postDataJSON().expired_time - now() - seconds) < 20, label);
    await dialog(page).getByText("Not yet.").waitFor();
  }
  await context.unroute("**/api/token/");
  await page.getByLabel("Expires").selectOption("On a date…");
  await page.getByLabel("Date and time").fill("2040-02-29T12:30");
  await create(page);
  assert.equal((await user.list())[0].expired_time, Date.UTC(2040, 1, 29, 12, 30) / 1000);
  await leave(page);
  await open(page, "never");
  await page.getByRole("switch", { name: "Unlimited quota" }).check();
  assert.equal(await page.getByLabel("Quota", { exact: true }).count(), 0);
  await create(page);
  const [token] = await user.list();
  assert.deepEqual([token.expired_time, token.unlimited_quota], [-1, true]);
});

scenario("models become chips by Enter, comma, paste and leaving, and go by Backspace and ×", {}, async ({ page, user, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page, "models");
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
  assert.equal(await page.evaluate(() => document.activeElement.id), "field-models");
  await input.pressSequentially("typed but not entered");
  await create(page);
  assert.deepEqual((await user.list())[0].models, ["two", "three", "typed but not entered"]);
});

scenario("what the server refuses is told beside its field, which gets the focus", { expect: [answered(400)] }, async ({ page, user }) => {
  const refused = async (label, message) => {
    await press(page, "Create");
    const field = dialog(page).getByLabel(label, { exact: true });
    await dialog(page).locator(".error", { hasText: message }).waitFor();
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    const described = (await field.getAttribute("aria-describedby")).split(" ");
    assert.match(await page.locator(`#${described.at(-1)}`).innerText(), message);
    assert.ok(await field.evaluate((e) => e === document.activeElement), `${label} has the focus`);
    assert.equal(await dialog(page).locator("[aria-invalid]").count(), 1);
    return field;
  };
  await open(page);
  await (await refused("Name", /^name /)).fill("x".repeat(51));
  await (await refused("Name", /must have 1 to 50 characters/)).fill("fine");
  await page.getByLabel("Quota", { exact: true }).fill("a lot");
  await (await refused("Quota", /^remain_quota must be a whole number/)).fill("-5");
  await (await refused("Quota", /^remain_quota must be between 0/)).fill("5");
  await page.getByLabel("Allowed addresses").fill("localhost");
  await (await refused("Allowed addresses", /must be IP addresses or CIDR ranges/)).fill("");
  await page.getByRole("switch", { name: "Only certain models" }).check();
  await refused("Models", /model/);
  await page.getByRole("switch", { name: "Only certain models" }).uncheck();
  await page.getByLabel("Expires").selectOption("On a date…");
  await refused("Date and time", /^expired_time must be a date and a time/);
  await page.getByLabel("Date and time").fill("2020-01-01T00:00");
  await refused("Date and time", /^expired_time /);
  await page.getByLabel("Expires").selectOption("Never");
  await create(page);
  assert.equal((await user.list()).length, 1);
});

scenario("an error of a field that is not shown is told at the top, and has the focus", { expect: [answered(400)] }, async ({ page }) => {
  await open(page, "hidden");
  await page.getByRole("switch", { name: "Only certain models" }).check();
  await page.getByLabel("Models", { exact: true }).fill("x".repeat(65));
  await page.getByLabel("Models", { exact: true }).press("Enter");
  await page.getByRole("switch", { name: "Only certain models" }).uncheck();
  await press(page, "Create");
  const alert = dialog(page).locator(".problem", { hasText: /^models must be names/ });
  await alert.waitFor();
  assert.ok(await alert.evaluate((e) => e === document.activeElement));
});

scenario("a key is shown once, can be copied, and then is nowhere in the page", {}, async ({ page, user, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await open(page, "shown once");
  const { key } = await create(page);
  assert.match(key, /^sk-[0-9A-Za-z]{54}$/);
  await page.getByText("you won't see it again").waitFor();
  await press(page, "Copy");
  await page.getByText("The key is copied.").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), key);
  await page.getByRole("radio", { name: "Python" }).check();
  await press(page, "Copy the example");
  await page.getByText("The example is copied.").waitFor();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), new RegExp(`^import json[^]*Bearer ${key}`));
  for (const key of ["Escape", "Escape", "Escape"]) await page.keyboard.press(key);
  await page.getByLabel("Key", { exact: true }).press("Enter");
  await page.waitForTimeout(750);
  await page.getByLabel("Key", { exact: true }).press("Enter");
  await page.keyboard.press("Escape");
  assert.equal(await dialog(page).getByLabel("Key").inputValue(), key, "neither Escape nor Enter loses the key");
  await press(page, "I have saved the key");
  await page.getByRole("rowheader", { name: "shown once" }).waitFor();
  const everywhere = await page.evaluate(() => document.documentElement.outerHTML + [...document.querySelectorAll("input, textarea")].map((e) => e.value) + JSON.stringify([{ ...sessionStorage }, { ...localStorage }]));
  assert.ok(!everywhere.includes(key));
  assert.equal(await page.evaluate(() => document.activeElement.id), "new-token", "the focus is back where it was");
  assert.equal((await user.verify(key)).valid, false); // it has no quota, but is a key
});

scenario("a page that may not copy says so and selects the key", {}, async ({ page }) => {
  await page.evaluate(() => { navigator.clipboard.writeText = () => Promise.reject(new Error("denied")); });
  await open(page, "by hand");
  const { key } = await create(page);
  await press(page, "Copy");
  await page.getByText("copy the key by hand").waitFor();
  assert.equal(await page.evaluate(() => { const e = document.getElementById("field-key"); return e.value.slice(e.selectionStart, e.selectionEnd); }), key);
});

scenario("the examples run as they stand and print what the key has left", {}, async ({ page }) => {
  await open(page, "example");
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

scenario("a create whose answer is lost is sent again under its key for once, and makes one token", { expect: [noAnswer] }, async ({ page, user, context }) => {
  const keys = [];
  await context.route("**/api/token/", async (route) => {
    keys.push(await route.request().headerValue("Idempotency-Key"));
    if (keys.length > 1) return route.continue();
    await route.fetch();
    return route.abort();
  });
  await open(page, "once");
  await page.getByLabel("Quota", { exact: true }).fill("5");
  const { key } = await create(page);
  assert.equal(keys.length, 2);
  assert.ok(keys[0] && keys[0] === keys[1]);
  assert.deepEqual((await user.list()).map((token) => token.name), ["once"]);
  assert.equal((await user.verify(key)).valid, true);
});

scenario("a create without a network can be tried again by hand, and still makes one token", { expect: [noAnswer] }, async ({ page, user, context }) => {
  let down = true;
  const keys = new Set();
  await context.route("**/api/token/", async (route) => {
    keys.add(await route.request().headerValue("Idempotency-Key"));
    if (!down) return route.continue();
    await route.fetch();
    return route.abort();
  });
  await open(page, "by hand");
  await press(page, "Create");
  await dialog(page).getByText("may or may not have been done").waitFor();
  assert.equal((await user.list()).length, 1);
  down = false;
  await create(page);
  assert.equal(keys.size, 1);
  assert.equal((await user.list()).length, 1);
  await leave(page);
  await open(page, "by hand");
  await create(page);
  assert.equal((await user.list()).length, 2, "the next one is another");
});

scenario("a double click on Create makes one token, and its key stays on the screen", {}, async ({ page, user }) => {
  await open(page, "double");
  await page.evaluate(() => { // the second click comes as soon as there is something else to hit
    const close = () => [...document.querySelectorAll("dialog button")].find((button) => button.textContent === "I have saved the key");
    new MutationObserver((_, observer) => { if (close()) { observer.disconnect(); close().click(); window.clicked = true; } }).observe(document.body, { childList: true, subtree: true });
  });
  await dialog(page).getByRole("button", { name: "Create" }).dblclick();
  await page.waitForFunction(() => window.clicked);
  assert.match(await dialog(page).getByLabel("Key").inputValue(), /^sk-/);
  assert.equal((await user.list()).length, 1);
});
