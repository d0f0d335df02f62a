// @ts-check
// The console works alike on this machine and on plain http under another name,
// where browsers have no crypto.randomUUID, navigator.clipboard and others.
import assert from "node:assert/strict";
import { button, confirmKeySaved, dialog, openEditor, openNewToken, origin, plainOrigin, press, reported, scenario } from "./harness.mjs";

/** @typedef {import("playwright-core").Page} Page */

/** @param {Page} page */
const shownKey = (page) => dialog(page).getByLabel("Key", { exact: true }).inputValue();

/**
 * Returns what is on the clipboard, by pasting it.
 * @param {Page} page
 */
async function pasted(page) {
  await page.evaluate(() => document.body.appendChild(document.createElement("textarea")).focus());
  await page.keyboard.press("Control+V");
  return page.evaluate(() => {
    const area = document.querySelector("body > textarea");
    area.remove();
    return /** @type {HTMLTextAreaElement} */ (area).value;
  });
}

for (const [where, at] of Object.entries({ "this machine": origin, "plain http": plainOrigin })) {
  scenario(`create, copy, save, rotate, delete (${where})`, { at }, async ({ page, user, context }) => {
    if (at === origin) await context.grantPermissions(["clipboard-write"]);
    assert.equal(await page.evaluate(() => isSecureContext), at === origin);
    const copies = async (/** @type {string} */ name, /** @type {string} */ text) => {
      await press(page, name);
      await dialog(page).getByText("is copied.").waitFor();
      await confirmKeySaved(page);
      assert.equal((await pasted(page)).trimEnd(), text);
    };

    await openNewToken(page, "app");
    await page.getByRole("switch", { name: "Unlimited quota" }).check();
    await press(page, "Create");
    const key = await shownKey(page);
    await copies("Copy", key);
    assert.equal((await user.verify(key)).valid, true);

    await openEditor(page, "app");
    await page.getByLabel("Group").fill("team");
    await press(page, "Save");
    await reported(page, "app is saved.");

    await button(page, "Rotate the key of app").click();
    await press(page, "Rotate");
    const next = await shownKey(page);
    await page.getByRole("radio", { name: "Python" }).check();
    await copies("Copy the example", await dialog(page).locator("code").innerText());
    assert.deepEqual([(await user.verify(key)).valid, (await user.verify(next)).valid], [false, true]);

    await page.getByRole("checkbox", { name: "Select app" }).check();
    await page.getByRole("group", { name: "Selected tokens" }).getByRole("button", { name: "Disable" }).click();
    await press(page, "Disable");
    await reported(page, "1 token disabled.");
    assert.deepEqual((await user.list()).map(({ group, status }) => [group, status]), [["team", 2]]);

    await button(page, "Delete app").click();
    await page.getByLabel("Type app to confirm").fill("app");
    await press(page, "Delete");
    await reported(page, "app is deleted.");
    assert.deepEqual(await user.list(), []);
  });

  scenario(`the sign-in says if nothing is encrypted (${where})`, { at, signIn: false }, async ({ page }) => {
    await page.getByLabel("Access token").waitFor();
    assert.equal(await page.getByText("are sent unencrypted").count(), at === origin ? 0 : 1);
  });
}

scenario("the reference is shown (plain http)", { at: plainOrigin, signIn: false }, async ({ page }) => {
  await page.goto(`${plainOrigin}/docs`);
  await page.locator(".opblock button").first().click();
  await page.locator(".opblock.is-open").waitFor();
});
