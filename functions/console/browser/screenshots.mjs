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

for (const [look, options] of Object.entries(looks)) {
  scenario(`console-${look}.png`, { ...options, tokens: samples }, async ({ page, user, tokens }) => {
    for (const [i, quota] of spent.entries()) if (quota) await user.verify(tokens[i].key, { model: "gpt-4o-mini", quota });
    await user.update({ id: tokens[0].id, expired_time: inDays(-2) });
    await user.update({ id: tokens[1].id, status: 2 });
    await page.reload();
    await page.getByRole("rowheader").first().waitFor();
    await page.screenshot({ path: `${folder}/console-${look}.png` });
  });
}

scenario("console-form.png", { tokens: samples, viewport: { width: 1000, height: 1720 }, timezoneId: "Europe/Berlin" }, async ({ page, user, tokens }) => {
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
