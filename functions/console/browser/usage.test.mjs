// @ts-check
// The usage page: its chart, its tables, and where it gets them from.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { barrier, button, confirmKeySaved, dialog, hasFocus, httpError, networkError, newUser, openEditor, openNewToken, press, runAxe, scenario, tokenctl } from "./harness.mjs";

/** @typedef {import("playwright-core").Page} Page */

const folder = await mkdtemp(join(tmpdir(), "latchkey-prices-"));
const prices = join(folder, "prices.json");
await writeFile(prices, JSON.stringify({ units_per_dollar: 500_000, unpriced: { input: "1" }, models: { "gpt-5": { input: "1.25", output: "10" } } }));
await tokenctl("prices", "set", prices);
await rm(folder, { recursive: true });

const day = 86_400;
const today = () => Math.floor(Date.now() / 1000 / day) * day;

/** @param {Page} page */
const openUsage = async (page) => {
  await page.getByRole("link", { name: "Usage", exact: true }).click();
  await loaded(page);
};
/** @param {Page} page */
const loaded = async (page) => {
  await page.getByRole("heading", { name: "Usage", exact: true }).waitFor();
  await page.locator("main .usage[aria-busy=false]").waitFor();
};
/** @param {Page} page */
const chart = (page) => page.getByRole("img", { name: /by day and model/ });
/**
 * The texts of a table's cells, row by row.
 * @param {Page} page
 * @param {string} region
 */
const cells = (page, region) => page.getByRole("region", { name: region }).locator("tr").evaluateAll((rows) =>
  rows.map((row) => [...row.querySelectorAll("th, td")].map((cell) => cell.textContent.trim())));
/** @param {Page} page @param {string} measure */
const show = (page, measure) => page.getByRole("radio", { name: measure }).check();
/**
 * The heights of a color's bars, in parts of the chart.
 * @param {Page} page
 * @param {number} color
 */
const heights = (page, color) => chart(page).locator(`rect.c${color}`).evaluateAll((bars) => bars.map((bar) => Number(bar.getAttribute("height"))));
/** @param {Page} page */
const choices = (page) => page.getByLabel("Tokens").locator("option").allInnerTexts();

/**
 * The contrast of each color of the chart to its background, as WCAG defines it.
 * @param {Page} page
 */
const contrasts = (page) => page.evaluate(() => {
  const luminance = (/** @type {string} */ color) => color.match(/\d+/g).slice(0, 3).map((n) => Number(n) / 255)
    .map((n) => (n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4)).reduce((sum, n, i) => sum + n * [0.2126, 0.7152, 0.0722][i], 0);
  const background = luminance(getComputedStyle(document.querySelector(".card")).backgroundColor);
  return [0, 1, 2, 3, 4, 5, 6].map((i) => {
    const pair = [luminance(getComputedStyle(document.querySelector(`.chart .c${i}, .legend .c${i}`)).fill), background].sort((a, b) => b - a);
    return (pair[0] + 0.05) / (pair[1] + 0.05);
  });
});

/**
 * An answer with a history.
 * @param {object[]} rows
 * @param {object} [more]
 */
const answer = (rows, more = {}) => ({ json: { success: true, message: "", data: { from: today() - 29 * day, to: today() + day, by: "day", rows, total: {}, refusals: {}, behind_seconds: 41, measured_at: today(), ...more } } });

// A day of UTC begins on the day before, by the clock of the browser.
scenario("the chart and the tables have what was used", { timezoneId: "Pacific/Pago_Pago", tokens: ["app", "bot", "idle"].map((name) => ({ name, unlimited_quota: true })) }, async ({ page, user, tokens: [app, bot, idle] }) => {
  for (const [key, use] of /** @type {[string, object][]} */ ([
    [app.key, { model: "gpt-5", usage: { input_tokens: 200_000, output_tokens: 100_000 } }], // 1.25 dollars: 625,000 units
    [app.key, { model: "gpt-5", usage: { input_tokens: 200_000 } }], // 0.25 dollars
    [bot.key, { model: "o3", usage: { input_tokens: 20_000 } }], // 0.02 dollars
    [bot.key, { quota: 1_234 }],
  ])) assert.equal((await user.verify(key, use)).valid, true);
  await user.counted(app, bot, idle);
  await openUsage(page);
  assert.match(page.url(), /\/#usage$/);
  assert.equal(await page.locator(".total").innerText(), "761,234 units in the last 30 days");
  assert.deepEqual(await cells(page, "Usage by model"), [
    ["Model", "Units", "Dollars", "Requests"],
    ["gpt-5", "750,000", "$1.50", "2"], ["o3", "10,000", "$0.02", "1"], ["No model", "1,234", "$0.00", "1"],
    ["All models", "761,234", "$1.52", "4"],
  ]);
  const date = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: "UTC" });
  const days = await cells(page, "Usage by day");
  assert.equal(days.length, 32);
  assert.deepEqual(days[0], ["Day", "All models", "gpt-5", "o3", "No model"]);
  assert.deepEqual(days[1], [date.format(today() * 1000), "761,234", "750,000", "10,000", "1,234"]);
  assert.deepEqual(days[30], [date.format((today() - 29 * day) * 1000), "0", "0", "0", "0"]);
  assert.deepEqual(days[31], ["All days", "761,234", "750,000", "10,000", "1,234"]);
  const [[a], [b], [c]] = [await heights(page, 0), await heights(page, 1), await heights(page, 2)];
  assert.ok(Math.abs(a / b - 75) < 0.01 && Math.abs(a / c - 750_000 / 1_234) < 1, `bars are as high as their units: ${a}, ${b}, ${c}`);

  const edges = await chart(page).locator("g").last().locator("rect:not(.day)").evaluateAll((bars) => bars.map((bar) => [Number(bar.getAttribute("y")), Number(bar.getAttribute("y")) + Number(bar.getAttribute("height"))]));
  assert.equal(edges.length, 3);
  for (const [i, [, bottom]] of edges.slice(1).entries()) assert.ok(Math.abs(bottom - edges[i][0]) < 0.001, `a bar stands on the one below: ${edges}`);

  await show(page, "Dollars");
  assert.equal((await page.locator(".total").innerText()).trim(), "$1.52 in the last 30 days");
  assert.deepEqual((await cells(page, "Usage by day"))[1].slice(1), ["$1.52", "$1.50", "$0.02", "$0.00"]);
  assert.equal((await heights(page, 2)).length, 0, "nothing has no bar");
  await show(page, "Requests");
  assert.deepEqual((await cells(page, "Usage by day"))[1].slice(1), ["4", "2", "1", "1"]);

  assert.deepEqual(await choices(page), ["All tokens", `app · #${app.id}`, `bot · #${bot.id}`]);
  await page.getByLabel("Tokens").selectOption(`bot · #${bot.id}`);
  await page.getByText("Every request until now is counted.").waitFor();
  assert.match(page.url(), new RegExp(`#usage/${bot.id}$`));
  assert.deepEqual((await cells(page, "Usage by model")).slice(1), [["o3", "10,000", "$0.02", "1"], ["No model", "1,234", "$0.00", "1"], ["All models", "11,234", "$0.02", "2"]]);
  await page.goBack();
  await page.getByRole("rowheader", { name: "gpt-5" }).waitFor();
  assert.equal(await page.getByLabel("Tokens").inputValue(), "0");
});

scenario("the largest models have a color, the others are one", {}, async ({ page, context }) => {
  const rows = Array.from({ length: 9 }, (_, i) => ({ start: today() - i * day, model: `model-${i}`, requests: 1, units: 1000 - i, dollars: "0.000000001" }));
  await context.route("**/api/user/self/usage?by=day*", (route) => route.fulfill(answer([...rows, { start: today(), model: "(other)", requests: 5, units: 5000, dollars: "0" }])));
  await openUsage(page);
  assert.deepEqual((await cells(page, "Usage by model")).slice(1), [
    ...rows.slice(0, 6).map(({ model, units }) => [model, units === 1000 ? "1,000" : String(units), "<$0.0001", "1"]),
    ["Other models", "7,979", "<$0.0001", "8"], ["All models", "13,964", "<$0.0001", "14"],
  ]);
  assert.equal((await heights(page, 6)).length, 4, "days with other models");
  assert.equal(await chart(page).locator("g").count(), 30);
  assert.match(await chart(page).locator("g").last().locator("title").textContent(), /: 6,000\nmodel-0: 1,000\nOther models: 5,000$/);
  await page.getByText("a request was counted 41 seconds after it was charged").waitFor();
});

// Page by page, and not more than a few: a user may have any number of tokens.
scenario("pages add up, and there is an end to them", {}, async ({ page, context }) => {
  /** @type {string[]} */
  const asked = [];
  let last = 3;
  await context.route("**/api/user/self/usage?by=day*", (route) => {
    const after = new URL(route.request().url()).searchParams.get("after") ?? "";
    asked.push(after);
    const next = asked.length === last ? {} : { next: `${9 - asked.length}` };
    return route.fulfill(answer([{ start: today(), model: "m", requests: 1, units: 10, dollars: "0.1" }], { ...next, refusals: { quota_exhausted: 2, rate_limited: 1 } }));
  });
  await openUsage(page);
  assert.deepEqual(asked, ["", "8", "7"]);
  assert.deepEqual((await cells(page, "Usage by model"))[1], ["m", "30", "$0.30", "3"]);
  assert.equal(await page.getByText("more tokens than this page reads").count(), 0);
  await page.getByText("At least 9 requests were refused: 6 quota_exhausted, 3 rate_limited.").waitFor();
  asked.splice(0);
  last = 100;
  await button(page, "Read again").click();
  await page.getByText("more tokens than this page reads").waitFor();
  assert.equal(asked.length, 4);
  assert.deepEqual((await cells(page, "Usage by model"))[1], ["m", "40", "$0.40", "4"]);
});

scenario("the chart as CSV, of all pages", { tokens: [{ name: "app", unlimited_quota: true }] }, async ({ page, user, tokens: [app], context }) => {
  await user.verify(app.key, { model: "=cmd()", quota: 5 });
  await user.counted(app);
  await openUsage(page);
  const save = async () => {
    const [download] = await Promise.all([page.waitForEvent("download"), button(page, "Save as CSV").click()]);
    return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
  };
  const date = new Date(today() * 1000).toISOString().slice(0, 10);
  const all = await save();
  assert.equal(all.name, `usage-${date}.csv`);
  const lines = all.text.split("\r\n");
  assert.match(lines[0], /^start,model,token_id,name,requests,units,dollars,/);
  assert.deepEqual([lines[1].slice(0, 36), lines.length, lines[2]], [`${date}T00:00:00Z,'=cmd(),,,1,5,0`, 3, ""]);
  await page.goto(`${page.url()}/${app.id}`);
  await page.getByText("Every request until now is counted.").waitFor();
  assert.equal((await save()).name, `usage-token-${app.id}-${date}.csv`);

  await context.route("**/usage.csv?*", (route) => {
    const isFirst = !route.request().url().includes("after=");
    return route.fulfill({ body: `start,model\r\n${isFirst ? "a" : "b"},m\r\n`, headers: { "Content-Type": "text/csv", ...(isFirst && { Link: '<?after=8&by=day>; rel="next"' }) } });
  });
  assert.equal((await save()).text, "start,model\r\na,m\r\nb,m\r\n");
});

scenario("nothing used, loading, and what fails", { tokens: [{ name: "idle" }], allowedErrors: [networkError, httpError(403, 404, 500)] }, async ({ page, context, tokens: [idle] }) => {
  const { released, release } = barrier();
  await context.route("**/api/user/self/usage?*", async (route) => { await released; return route.continue(); });
  await page.getByRole("link", { name: "Usage", exact: true }).click();
  await page.getByText("Loading the usage").waitFor({ state: "attached" });
  assert.deepEqual(await runAxe(page), []);
  release();
  await page.getByRole("heading", { name: "Nothing used" }).waitFor();
  assert.deepEqual(await runAxe(page), []);
  assert.equal(await page.getByRole("table").count(), 0);
  await page.evaluate((id) => { location.hash = `#usage/${id}`; }, idle.id);
  await page.getByText("This token was not used in the last 30 days.").waitFor();
  assert.equal(await page.getByLabel("Tokens").inputValue(), String(idle.id), "a token that is not among the choices");

  await context.route("**/api/token/*/usage?*", (route) => route.fulfill({ status: 403, json: { success: false, code: "forbidden", message: "No <b>entry</b>.", request_id: "R1" } }));
  await button(page, "Read again").click();
  await page.getByRole("alert").filter({ hasText: "No <b>entry</b>." }).waitFor();
  await page.getByText("Request ID R1").waitFor();
  assert.deepEqual(await runAxe(page), []);
  await context.unroute("**/api/token/*/usage?*");
  await button(page, "Try again").click();
  await page.getByText("This token was not used").waitFor();
  await context.route("**/usage.csv?*", (route) => route.fulfill({ status: 403, json: { success: false, code: "forbidden", message: "No file." } }));
  await button(page, "Save as CSV").click();
  await page.getByRole("alert").filter({ hasText: "No file." }).waitFor();
  await page.evaluate(() => { location.hash = "#usage/9007199254740991"; });
  await page.getByRole("alert").filter({ hasText: "Token not found." }).waitFor();
});

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  scenario(`axe passes, and everything fits 320 px (${colorScheme})`, { colorScheme, viewport: { width: 320, height: 700 } }, async ({ page, context }) => {
    const hostile = ["<img src=x onerror=alert(1)>", "W".repeat(256), "اسم עברית", "${7*7}", "javascript:alert(2)", "m", "n", "o"];
    const rows = hostile.map((model, i) => ({ start: today() - i * day, model, requests: 1, units: Number.MAX_SAFE_INTEGER, dollars: "9007199.254740991" }));
    await context.route("**/api/user/self/usage?*", (route) => {
      const by = new URL(route.request().url()).searchParams.get("by");
      return route.fulfill(answer(by === "token" ? hostile.map((name, i) => ({ token_id: i + 1, name: name.slice(0, 50), requests: 1, units: 1, dollars: "0" })) : rows));
    });
    await openUsage(page);
    for (const measure of ["Units", "Dollars", "Requests"]) {
      await show(page, measure);
      const outside = await page.evaluate(() => [document.documentElement.scrollWidth - document.documentElement.clientWidth, ...[...document.querySelectorAll("button, a, select, label, p, .card, .scroll, svg.chart")]
        .filter((e) => { const box = e.getBoundingClientRect(); return box.right > document.documentElement.clientWidth || box.left < 0; }).map((e) => e.outerHTML.slice(0, 100))]);
      assert.deepEqual(outside, [0]);
      assert.deepEqual(await runAxe(page), []);
    }
    assert.equal(await page.locator("main :is(img, script)").count(), 0);
    assert.equal((await cells(page, "Usage by model"))[1][0].length > 0, true);
    assert.equal(await page.locator("main").evaluate((e) => e.textContent.includes("<img src=x onerror=alert(1)>")), true);
    const size = await chart(page).locator("text").first().evaluate((e) => e.getBoundingClientRect().height);
    assert.ok(size >= 10, `the text of the chart is ${size} pixels high`);
    assert.deepEqual((await contrasts(page)).filter((contrast) => !(contrast >= 3)), [], "colors differ from the background");
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.waitForFunction(() => /** @type {SVGSVGElement} */ (document.querySelector("svg.chart")).viewBox.baseVal.width > 1000);
    assert.deepEqual(await runAxe(page), []);
  });
}

scenario("the keyboard is enough", { tokens: [{ name: "app", unlimited_quota: true }] }, async ({ page, user, tokens: [app] }) => {
  await user.verify(app.key, { model: "m", quota: 5 });
  await user.counted(app);
  await page.getByRole("link", { name: "Usage", exact: true }).focus();
  await page.keyboard.press("Enter");
  await loaded(page);
  assert.ok(await hasFocus(page.getByRole("heading", { name: "Usage", exact: true })));
  /** @type {string[]} */
  const stops = [];
  for (let i = 0; i < 7; i++) {
    await page.keyboard.press("Tab");
    stops.push(await page.evaluate(() => {
      const e = /** @type {HTMLInputElement} */ (document.activeElement);
      return e.getAttribute("aria-label") || e.labels?.[0]?.innerText || e.innerText;
    }));
    if (stops.at(-1) === "Units") await page.keyboard.press("ArrowRight"); // the next radio
  }
  assert.deepEqual(stops, ["Save as CSV", "Tokens", "Units", "Read again", "Usage by model", "Usage by day", stops[6]]);
  assert.equal(await page.getByRole("radio", { name: "Dollars" }).isChecked(), true);
});

// A key is shown once: no way to another page may close its dialog.
scenario("a new key stays when the address changes", {}, async ({ page }) => {
  await openNewToken(page, "app");
  await press(page, "Create");
  const key = await dialog(page).getByLabel("Key").inputValue();
  await page.evaluate(() => { location.hash = "#usage"; });
  await page.getByRole("heading", { name: "Usage", exact: true, includeHidden: true }).waitFor();
  assert.equal(await dialog(page).getByLabel("Key").inputValue(), key);
  await confirmKeySaved(page);
  await page.getByRole("link", { name: "Tokens", exact: true }).click();
  await openEditor(page, "app");
  await page.goBack();
  await dialog(page).waitFor({ state: "detached" });
  await page.getByRole("heading", { name: "Usage", exact: true }).waitFor();
});

scenario("signing out forgets the usage and its address", { tokens: [{ name: "app", unlimited_quota: true }] }, async ({ page, user, tokens: [app] }) => {
  await user.verify(app.key, { model: "secret-model", quota: 5 });
  await user.counted(app);
  await openUsage(page);
  await page.getByRole("rowheader", { name: "secret-model" }).waitFor();
  await button(page, "Sign out").click();
  await page.getByLabel("Access token").waitFor();
  assert.ok(!page.url().includes("usage"));
  assert.ok(!(await page.content()).includes("secret-model"));
  await page.getByLabel("Access token").fill((await newUser()).accessToken);
  await button(page, "Sign in").click();
  await page.getByRole("heading", { name: "Tokens", exact: true }).waitFor();
  await openUsage(page);
  await page.getByRole("heading", { name: "Nothing used" }).waitFor();
  assert.deepEqual(await choices(page), ["All tokens"]);
});
