// @ts-check
// An exception that no code expects is shown, wherever the user is.
import assert from "node:assert/strict";
import { alert, button, dialog, openEditor, openNewToken, press, scenario } from "./harness.mjs";

/** @typedef {import("playwright-core").Page} Page */

const message = "Unexpected error in this page. Reload it and try again.";
const allowedErrors = [/Error: broken/];
const one = [{ name: "app", remain_quota: 100 }];

/**
 * Makes handlers throw that need random bits.
 * @param {Page} page
 */
const breakRandom = (page) => page.evaluate(() => { crypto.getRandomValues = () => { throw new Error("broken"); }; });

/**
 * Throws in a handler that belongs to no screen.
 * @param {Page} page
 */
const throwAnywhere = (page) => page.evaluate(() => { setTimeout(() => { throw new Error("broken"); }); });

scenario("a handler that throws shows it in its dialog", { tokens: one, allowedErrors }, async ({ page, user }) => {
  await breakRandom(page);
  await openNewToken(page, "new");
  await press(page, "Create");
  await alert(page, message).waitFor();
  await press(page, "Cancel");
  await button(page, "Rotate the key of app").click();
  await press(page, "Rotate");
  await alert(page, message).waitFor();
  await press(page, "Cancel");
  await openEditor(page, "app");
  await page.getByLabel("Group").fill("team");
  await press(page, "Save");
  await alert(page, message).waitFor();
  assert.deepEqual((await user.list()).map(({ name, group }) => [name, group]), [["app", ""]]);
});

scenario("an exception is shown above the list", { tokens: one, allowedErrors }, async ({ page }) => {
  await throwAnywhere(page);
  await alert(page, message).waitFor();
  await button(page, "Dismiss").click();
  await page.evaluate(() => { Promise.reject(new Error("broken")); });
  await alert(page, message).waitFor();
});

scenario("an exception is shown at the sign-in", { signIn: false, allowedErrors }, async ({ page }) => {
  await page.getByLabel("Access token").waitFor();
  await throwAnywhere(page);
  await page.locator(".error", { hasText: message }).waitFor();
});

scenario("an exception leaves a new key on the screen", { allowedErrors }, async ({ page }) => {
  await openNewToken(page, "new");
  await press(page, "Create");
  await dialog(page).getByLabel("Key", { exact: true }).waitFor();
  await throwAnywhere(page);
  await alert(page, message).waitFor();
  assert.match(await dialog(page).getByLabel("Key", { exact: true }).inputValue(), /^sk-/);
});

scenario("an exception in what renders is shown", { tokens: one, allowedErrors }, async ({ page }) => {
  await button(page, "Rotate the key of app").click();
  await page.evaluate(() => Object.defineProperty(document, "activeElement", { get() { throw new Error("broken"); } }));
  await press(page, "Rotate");
  await alert(page, message).waitFor();
  assert.equal(await alert(page, message).count(), 1);
});
