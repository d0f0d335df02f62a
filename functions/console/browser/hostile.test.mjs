// Names that want to be markup, and names that want to be wide.
import assert from "node:assert/strict";
import { scenario } from "./kit.mjs";

const wide = "W".repeat(50);
const model = "m".repeat(64);
const names = ["<img src=x onerror=alert(1)>", "\"><script>alert(2)</script>", "{{7*7}}${7*7}", "'-alert(3)-'", "<b>bold</b>&amp;", "javascript:alert(4)", "اسم عربي טוקן", "🔑 مفتاح key", wide, "x‎y zwj 👩‍👩‍👧"];
const dialog = (page) => page.getByRole("dialog");
const icon = (page, name) => page.getByRole("button", { name, exact: true });

/** Nothing is wider than the window, and nothing that a user presses is out of it. */
async function fits(page, where) {
  const found = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const inside = (e) => e.closest("pre, .sr-only, thead") === null;
    const out = [...document.querySelectorAll("button, input, select, a, p, th, td, dd, label, h2, .chip")].filter(inside)
      .filter((e) => { const box = e.getBoundingClientRect(); return box.width > 0 && (box.right > width + 1 || box.left < -1); });
    const dialogs = [...document.querySelectorAll("dialog, .results")].filter((e) => e.scrollWidth > e.clientWidth + 1);
    return { wide: document.documentElement.scrollWidth - width, out: [...out, ...dialogs].map((e) => e.outerHTML.slice(0, 120)) };
  });
  assert.deepEqual(found, { wide: 0, out: [] }, where);
}

for (const [width, height] of [[1280, 800], [360, 740]]) {
  scenario(`hostile names, groups and models are text, and fit ${width} pixels`, {
    viewport: { width, height },
    tokens: names.map((name) => ({ name, group: name, models: [model, name.replaceAll(",", ""), "third"], model_limits_enabled: true })),
  }, async ({ page, user, made }) => {
    await user.change({ id: made[2].id, status: 2 });
    await user.verify(made[3].key, { quota: 1 });
    const shown = await page.getByRole("rowheader").evaluateAll((cells) => cells.map((cell) => cell.innerText.split("\n")[0]));
    assert.deepEqual(shown, names.toReversed());
    assert.equal(await page.locator("#app :is(img:not(h1 img), script, b:not(.aside b))").count(), 0);
    await fits(page, "table");
    await page.getByRole("checkbox", { name: "Select all tokens of this page" }).check();
    await fits(page, "bulk bar");
    for (const name of names) {
      await icon(page, `Edit ${name}`).click();
      await dialog(page).getByRole("heading", { name: `Edit ${name}`, exact: true }).waitFor();
      await dialog(page).getByRole("button", { name: "Save", disabled: false }).waitFor();
      assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), name);
      assert.equal(await dialog(page).locator("img, script, b").count(), 0);
      if (name === wide) await fits(page, "editor");
      await page.keyboard.press("Escape");
    }
    for (const name of [names[0], wide]) {
      await icon(page, `Delete ${name}`).click();
      await fits(page, "deletion");
      await dialog(page).getByRole("textbox").fill(name);
      await dialog(page).getByRole("button", { name: "Delete" }).click();
      await page.getByRole("status").filter({ hasText: `${name} is deleted.` }).waitFor();
      await fits(page, "notice");
    }
    await icon(page, `Rotate the key of ${names[1]}`).click();
    await dialog(page).getByRole("button", { name: "Rotate" }).click();
    await dialog(page).getByRole("heading", { name: `${names[1]} has a new key` }).waitFor();
    assert.equal(await dialog(page).locator("img, script, b").count(), 0);
    await fits(page, "key");
  });
}

scenario("the table fits every width from 360 pixels on", {
  tokens: [{ name: "production-app", remain_quota: 5_000_000_000, expired_time: 4_000_000_000, models: ["gpt-4o", "gpt-4o-mini", "o3"], model_limits_enabled: true, group: "product" }],
}, async ({ page }) => {
  for (const width of [360, 390, 480, 481, 768, 1024, 1152, 1153, 1248, 1249, 1280, 1440, 1920]) {
    await page.setViewportSize({ width, height: 800 });
    await fits(page, `${width} pixels`);
  }
});

scenario("an error that quotes markup is text", { expect: [/status of 400/] }, async ({ page, context }) => {
  const message = "name <img src=x onerror=alert(5)> is no name";
  await context.route("**/api/token/", (route) => route.fulfill({ status: 400, json: { success: false, code: "invalid_parameter", message } }));
  await icon(page, "New token").click();
  await dialog(page).getByRole("button", { name: "Create" }).click();
  await dialog(page).locator(".error", { hasText: message }).waitFor();
  assert.equal(await page.locator("dialog img").count(), 0);
});

scenario("the page refuses what its policy forbids: inline script, markup from strings, other origins", { expect: [/Content Security Policy|Trusted(HTML|Script)/] }, async ({ page }) => {
  const outcome = await page.evaluate(async () => {
    const script = document.createElement("script");
    let inline = "refused", markup = "refused", other = "refused";
    try { script.textContent = "window.ran = 1"; document.body.append(script); } catch { /* refused */ }
    if (window.ran) inline = "ran";
    try { document.body.insertAdjacentHTML("beforeend", "<p>x</p>"); markup = "taken"; } catch { /* refused */ }
    try { await fetch("https://example.com/"); other = "sent"; } catch { /* refused */ }
    return { inline, markup, other };
  });
  assert.deepEqual(outcome, { inline: "refused", markup: "refused", other: "refused" });
});
