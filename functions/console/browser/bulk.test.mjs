// @ts-check
// Changes of several tokens at once.
import assert from "node:assert/strict";
import { alert, button, dialog, httpError, press, reported, scenario } from "./harness.mjs";

/** @param {import("playwright-core").Page} page */
const bar = (page) => page.getByRole("group", { name: "Selected tokens" });
const three = [{ name: "one", remain_quota: 1 }, { name: "two", remain_quota: 1 }, { name: "three", remain_quota: 1 }];

/**
 * @param {import("playwright-core").Page} page
 * @param {string} action
 */
async function bulk(page, action) {
  await bar(page).getByRole("button", { name: action }).click();
  await dialog(page).getByRole("button", { name: action }).click();
}

// The box Select all is checked, unchecked or indeterminate as the rows are.
scenario("selection is counted; Select all follows it", { tokens: three }, async ({ page }) => {
  const all = page.getByRole("checkbox", { name: "Select all tokens of this page" });
  await page.getByRole("checkbox", { name: "Select two" }).check();
  await bar(page).getByText("1 selected").waitFor();
  assert.deepEqual(await all.evaluate((/** @type {HTMLInputElement} */ e) => [e.checked, e.indeterminate]), [false, true]);
  await all.check();
  await bar(page).getByText("3 selected").waitFor();
  await page.getByRole("checkbox", { name: "Select one" }).uncheck();
  await bar(page).getByText("2 selected").waitFor();
  await bar(page).getByRole("button", { name: "Clear selection" }).click();
  await bar(page).waitFor({ state: "detached" });
  assert.equal(await page.getByRole("checkbox", { checked: true }).count(), 0);
  assert.notEqual(await page.evaluate(() => document.activeElement.tagName), "BODY");
});

scenario("tokens are enabled, disabled, deleted in bulk", { tokens: three }, async ({ page, user }) => {
  const choose = async () => {
    await page.getByRole("checkbox", { name: "Select one" }).check();
    await page.getByRole("checkbox", { name: "Select three" }).check();
  };
  const statuses = async () => Object.fromEntries((await user.list()).map(({ name, status }) => [name, status]));
  await choose();
  await bulk(page, "Disable");
  await reported(page, "2 tokens disabled.");
  assert.deepEqual(await statuses(), { one: 2, two: 1, three: 2 });
  await bar(page).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Enable one", exact: true }).waitFor();
  await choose();
  await bulk(page, "Enable");
  await reported(page, "2 tokens enabled.");
  assert.deepEqual(await statuses(), { one: 1, two: 1, three: 1 });
  await page.getByRole("button", { name: "Disable one", exact: true }).waitFor();
  await choose();
  await bar(page).getByRole("button", { name: "Delete" }).click();
  assert.ok(await dialog(page).getByRole("button", { name: "Delete" }).isDisabled());
  await page.getByLabel("Type delete 2 to confirm").fill("delete 2");
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await reported(page, "2 tokens deleted.");
  assert.deepEqual(await statuses(), { two: 1 });
  await page.getByText("Page 1 of 1 · 1 token").waitFor();
});

scenario("a partly failed bulk change shows both parts", { tokens: three }, async ({ page, user, tokens }) => {
  await page.getByRole("checkbox", { name: "Select all tokens of this page" }).check();
  await user.remove(tokens[1].id);
  await bulk(page, "Disable");
  await reported(page, "2 tokens disabled.");
  await page.getByRole("alert").filter({ hasText: `Token ${tokens[1].id}` }).waitFor();
  assert.deepEqual((await user.list()).map(({ status }) => status), [2, 2]);
});

scenario("a failure stays until it is dismissed", { tokens: three, allowedErrors: [httpError(409)] }, async ({ page, context }) => {
  await context.route("**/api/token/?status_only=true", (route) => route.fulfill({ status: 409, json: { success: false, code: "token_expired", message: "It is expired.", request_id: "x" } }));
  await button(page, "Disable two").click();
  await alert(page, "It is expired.").waitFor();
  await page.getByRole("button", { name: "New token" }).click();
  await press(page, "Cancel");
  await alert(page, "It is expired.").waitFor();
  await page.getByRole("button", { name: "Dismiss" }).click();
  await alert(page, "It is expired.").waitFor({ state: "detached" });
});
