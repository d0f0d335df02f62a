// @ts-check
// Takes the screenshots of the documentation: SCREENSHOTS=docs make test-console.
import { dialog, openEditor, openNewToken, scenario } from "./harness.mjs";

const folder = process.env.SCREENSHOTS;
const day = 86_400;
const inDays = (/** @type {number} */ n) => Math.floor(Date.now() / 1000) + n * day + 60;

/** @type {import("./harness.mjs").TokenFields[]} */
const samples = [
  { name: "load-test", remain_quota: 250_000, group: "platform", expired_time: inDays(1) },
  { name: "old-prototype", remain_quota: 100_000, group: "research", models: ["gpt-4o-mini"], model_limits_enabled: true },
  { name: "nightly-evals", remain_quota: 300_000, group: "research", models: ["gpt-4o", "gpt-4o-mini", "o3"], model_limits_enabled: true },
  { name: "support-bot", remain_quota: 2_000_000, group: "support", models: ["gpt-4o-mini"], model_limits_enabled: true, expired_time: inDays(90) },
  { name: "on-call", unlimited_quota: true, group: "platform" },
  { name: "production-app", remain_quota: 5_000_000, group: "product", models: ["gpt-4o", "gpt-4o-mini"], model_limits_enabled: true, windows: [{ period: "day", quota: 2_000_000, timezone: "Europe/Berlin" }] },
];
const spent = [61_500, 0, 300_000, 1_284_000, 93_410, 1_730_000];

/** @type {Record<string, import("playwright-core").BrowserContextOptions>} */
const looks = {
  light: {}, dark: { colorScheme: "dark" },
  narrow: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};

const models = [["gpt-5", 9], ["claude-sonnet-4-5", 7], ["gpt-5-mini", 4], ["gemini-2.5-pro", 3], ["o3", 2], ["text-embedding-3-large", 1.4], ["claude-haiku-4-5", 1], ["whisper-1", 0.6]];
const today = inDays(0) - (inDays(0) % day);
/** A number from 0.5 to 1.5 that is always the same. @param {number} i */
const vary = (i) => 1 + Math.sin(i * 12.9898) / 2;
/** What a day of the week has of a weekday's use. @param {number} start */
const busy = (start) => ([0, 6].includes(new Date(start * 1000).getUTCDay()) ? 0.35 : 1);

/**
 * Answers with a month in place of the minute for which the server runs.
 * @param {import("playwright-core").BrowserContext} context
 * @param {import("./harness.mjs").Token[]} tokens
 */
const withMonth = (context, tokens) => context.route(/\/usage\?/, (route) => {
  const query = new URL(route.request().url()).searchParams;
  const row = (/** @type {number} */ i, /** @type {number} */ start, /** @type {number} */ share) => {
    const units = Math.round(share * vary(i * 31 + start / day) * busy(start) * 100_000);
    return { start, units, requests: Math.ceil(units / 900), dollars: (units / 500_000).toFixed(6) };
  };
  /** @type {Record<string, (start: number) => object[]>} */
  const rowsOf = {
    day: (start) => models.map(([model, share], i) => ({ model, ...row(i, start, Number(share)) })),
    token: (start) => (start === today ? tokens.map(({ id, name }, i) => ({ token_id: id, name, ...row(i, start, i + 1) })) : []),
    "token,day": (start) => tokens.filter((_, i) => i > 1).map(({ id, name }, i) => ({ token_id: id, name, ...row(i, start, i + 1) })),
  };
  const days = Array.from({ length: 30 }, (_, i) => today - (29 - i) * day);
  const rows = days.flatMap((start) => rowsOf[query.get("by")](start));
  return route.fulfill({ json: { success: true, message: "", data: { from: today - 29 * day, to: today + day, by: query.get("by"), rows, total: {}, refusals: { quota_exhausted: 12 }, behind_seconds: 41, measured_at: inDays(0) - 90 } } });
});

for (const [look, options] of Object.entries(looks)) {
  scenario(`console-${look}.png`, { ...options, tokens: samples }, async ({ page, context, user, tokens }) => {
    await withMonth(context, tokens);
    for (const [i, quota] of spent.entries()) if (quota) await user.verify(tokens[i].key, { model: "gpt-4o-mini", quota });
    await user.update({ id: tokens[0].id, expired_time: inDays(-2) });
    await user.update({ id: tokens[1].id, status: 2 });
    await page.reload();
    await page.locator(".spark").first().waitFor();
    await page.screenshot({ path: `${folder}/console-${look}.png` });
  });

  scenario(`console-usage-${look}.png`, { ...options, tokens: samples }, async ({ page, context, tokens }) => {
    await withMonth(context, tokens);
    await page.getByRole("link", { name: "Usage", exact: true }).click();
    await page.getByRole("img", { name: /by day and model/ }).waitFor();
    await page.getByRole("heading", { name: "Usage", exact: true }).blur();
    await page.screenshot({ path: `${folder}/console-usage-${look}.png` });
  });
}

scenario("console-history.png", { tokens: samples.slice(-1), viewport: { width: 1000, height: 900 } }, async ({ page, user, tokens: [app] }) => {
  await user.update({ id: app.id, models: ["gpt-5", "gpt-5-mini"], windows: [{ period: "month", quota: 40_000_000, timezone: "Europe/Berlin" }] });
  await user.update({ id: app.id, status: 2 });
  await user.update({ id: app.id, status: 1 });
  for (let i = 0; i < 100 && (await page.locator(".trail > li").count()) < 4; i++) {
    await page.waitForTimeout(500);
    if (await dialog(page).count()) await page.keyboard.press("Escape");
    await openEditor(page, app.name);
    await dialog(page).getByRole("tab", { name: "History" }).click();
    await page.locator(".trail, dialog p[role=status]").waitFor();
  }
  // Show an example in place of this machine.
  for (const line of await page.locator(".trail .aside").all()) await line.evaluate((e) => { for (const text of /** @type {Text[]} */ ([...e.childNodes])) text.data = text.data?.replace("127.0.0.1", "203.0.113.7"); });
  await dialog(page).screenshot({ path: `${folder}/console-history.png` });
});

scenario("console-form.png", { tokens: samples, viewport: { width: 1000, height: 1800 }, timezoneId: "Europe/Berlin" }, async ({ page, user, tokens }) => {
  await user.verify(tokens[5].key, { model: "gpt-4o-mini", quota: spent[5] });
  await openEditor(page, "production-app");
  await page.getByLabel("Expires").selectOption("On a date…");
  await page.getByLabel("Date and time").fill(`${new Date().getFullYear() + 1}-01-31T12:00`);
  await dialog(page).screenshot({ path: `${folder}/console-form.png` });
});

scenario("console-key.png", { tokens: samples }, async ({ page, user }) => {
  await openNewToken(page, "checkout");
  await dialog(page).getByRole("button", { name: "Create" }).click();
  await dialog(page).getByLabel("Key").waitFor();
  const [token] = await user.list();
  // Show an example in place of the key.
  await dialog(page).getByLabel("Key").evaluate((/** @type {HTMLInputElement} */ e) => { e.value = `sk-${"EXAMPLE0".repeat(7).slice(0, 54)}`; e.blur(); });
  await dialog(page).locator("pre").evaluate((e) => {
    for (const text of /** @type {Text[]} */ ([...e.querySelector("code").childNodes])) text.data = text.data?.replace(/sk-[0-9A-Za-z]+/, `sk-${"EXAMPLE0".repeat(7).slice(0, 54)}`).replace(/127\.0\.0\.1:\d+/, "127.0.0.1:3000");
  });
  await page.screenshot({ path: `${folder}/console-key.png` });
  await user.remove(token.id);
});
