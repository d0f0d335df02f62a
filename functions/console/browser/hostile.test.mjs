// @ts-check
// Names that contain markup, and names that are too wide.
import assert from "node:assert/strict";
import { button, dialog, httpError, scenario } from "./harness.mjs";

const wide = "W".repeat(50);
const model = "m".repeat(64);
const names = ["<img src=x onerror=alert(1)>", "\"><script>alert(2)</script>", "{{7*7}}${7*7}", "'-alert(3)-'", "<b>bold</b>&amp;", "javascript:alert(4)", "اسم عربي טוקן", "🔑 مفتاح key", wide, "x‎y zwj 👩‍👩‍👧"];

/**
 * Checks that nothing is wider than the window and that every control is inside it.
 * @param {import("playwright-core").Page} page
 * @param {string} where
 */
async function fits(page, where) {
  const found = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const canBeOutside = (/** @type {Element} */ e) => e.closest("pre, .sr-only, thead") !== null;
    const outside = [...document.querySelectorAll("button, input, select, a, p, th, td, dd, label, h2, .chip")].filter((e) => !canBeOutside(e))
      .filter((e) => { const box = e.getBoundingClientRect(); return box.width > 0 && (box.right > width + 1 || box.left < -1); });
    const scrolled = [...document.querySelectorAll("dialog, .results")].filter((e) => e.scrollWidth > e.clientWidth + 1);
    return { wide: document.documentElement.scrollWidth - width, outside: [...outside, ...scrolled].map((e) => e.outerHTML.slice(0, 120)) };
  });
  assert.deepEqual(found, { wide: 0, outside: [] }, where);
}

for (const [width, height] of [[1280, 800], [360, 740]]) {
  scenario(`hostile names are text and fit ${width} px`, {
    viewport: { width, height },
    tokens: names.map((name) => ({
      name, group: name, models: [model, name.replaceAll(/[,*]/g, ""), "third"], model_limits_enabled: true,
      windows: [{ period: "month", quota: Number.MAX_SAFE_INTEGER, timezone: "America/Argentina/ComodRivadavia" }], model_quotas: [{ model: `${name.replaceAll(/[,*]/g, "")}*`, quota: 1 }],
    })),
  }, async ({ page, user, tokens }) => {
    await user.update({ id: tokens[2].id, status: 2 });
    await user.verify(tokens[3].key, { quota: 1 });
    const shown = await page.getByRole("rowheader").evaluateAll((cells) => cells.map((cell) => /** @type {HTMLElement} */ (cell).innerText.split("\n")[0]));
    assert.deepEqual(shown, names.toReversed());
    assert.equal(await page.locator("#app :is(img:not(h1 img), script, b:not(.aside b))").count(), 0);
    await fits(page, "table");
    await page.getByRole("checkbox", { name: "Select all tokens of this page" }).check();
    await fits(page, "bulk bar");
    for (const name of names) {
      await button(page, `Edit ${name}`).click();
      await dialog(page).getByRole("heading", { name: `Edit ${name}`, exact: true }).waitFor();
      await dialog(page).getByRole("button", { name: "Save", disabled: false }).waitFor();
      assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), name);
      assert.equal(await page.getByLabel("Model", { exact: true }).inputValue(), `${name.replaceAll(/[,*]/g, "")}*`);
      assert.equal(await dialog(page).locator("img, script, b").count(), 0);
      if (name === wide) await fits(page, "editor");
      await page.keyboard.press("Escape");
    }
    for (const name of [names[0], wide]) {
      await button(page, `Delete ${name}`).click();
      await fits(page, "deletion");
      await dialog(page).getByRole("textbox").fill(name);
      await dialog(page).getByRole("button", { name: "Delete" }).click();
      await page.getByRole("status").filter({ hasText: `${name} is deleted.` }).waitFor();
      await fits(page, "notice");
    }
    await button(page, `Rotate the key of ${names[1]}`).click();
    await dialog(page).getByRole("button", { name: "Rotate" }).click();
    await dialog(page).getByRole("heading", { name: `${names[1]} has a new key` }).waitFor();
    assert.equal(await dialog(page).locator("img, script, b").count(), 0);
    await fits(page, "key");
  });
}

scenario("the table fits every width from 360 px", {
  tokens: [{ name: "production-app", remain_quota: 5_000_000_000, expired_time: 4_000_000_000, models: ["gpt-4o", "gpt-4o-mini", "o3"], model_limits_enabled: true, group: "product" }],
}, async ({ page }) => {
  for (const width of [360, 390, 480, 481, 768, 1024, 1152, 1153, 1248, 1249, 1280, 1440, 1920]) {
    await page.setViewportSize({ width, height: 800 });
    await fits(page, `${width} pixels`);
  }
});

scenario("an error that quotes markup is text", { allowedErrors: [httpError(400)] }, async ({ page, context }) => {
  const message = "name <img src=x onerror=alert(5)> is not a name";
  await context.route("**/api/token/", (route) => route.fulfill({ status: 400, json: { success: false, code: "invalid_parameter", message } }));
  await button(page, "New token").click();
  await dialog(page).getByRole("button", { name: "Create" }).click();
  await dialog(page).locator(".error", { hasText: message }).waitFor();
  assert.equal(await page.locator("dialog img").count(), 0);
});

scenario("the policy blocks scripts and other sites", { allowedErrors: [/Content Security Policy|Trusted(HTML|Script)/] }, async ({ page }) => {
  const outcome = await page.evaluate(async () => {
    const script = document.createElement("script");
    let inline = "refused", markup = "refused", other = "refused";
    try { script.textContent = "document.body.dataset.ran = 1"; document.body.append(script); } catch { /* refused */ }
    if (document.body.dataset.ran) inline = "ran";
    try { document.body.insertAdjacentHTML("beforeend", "<p>x</p>"); markup = "taken"; } catch { /* refused */ }
    try { await fetch("https://example.com/"); other = "sent"; } catch { /* refused */ }
    return { inline, markup, other };
  });
  assert.deepEqual(outcome, { inline: "refused", markup: "refused", other: "refused" });
});
