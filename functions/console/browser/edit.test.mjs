// @ts-check
// Editing, rotating and deleting one token, alone and at the same time as others.
import assert from "node:assert/strict";
import { alert, button, confirmKeySaved, dialog, hasFocus, httpError, networkError, openEditor, press, reported, runAxe, scenario } from "./harness.mjs";

const one = [{ name: "app", remain_quota: 100, group: "old", models: ["m1"] }];

/**
 * Presses a button that saves, and returns the request.
 * @param {import("playwright-core").Page} page
 */
async function save(page, name = "Save") {
  const sent = page.waitForRequest((request) => request.method() === "PUT");
  await press(page, name);
  return sent;
}

scenario("a save sends the changes and If-Match only", { tokens: one }, async ({ page, user, tokens: [token] }) => {
  await openEditor(page, "app");
  await page.getByLabel("Group").fill("new");
  const request = await save(page);
  assert.deepEqual(request.postDataJSON(), { id: token.id, group: "new" });
  assert.match(await request.headerValue("If-Match"), /^"/);
  await reported(page, "app is saved.");
  assert.ok(await hasFocus(button(page, "Edit app")), "the focus returns");
  assert.equal((await user.get(token.id)).group, "new");
  await openEditor(page, "app");
  let sent = 0;
  page.on("request", (r) => { if (r.method() === "PUT") sent++; });
  await press(page, "Save");
  await dialog(page).waitFor({ state: "detached" });
  assert.equal(sent, 0, "a save without changes sends nothing");
});

scenario("adding to a quota keeps concurrent spending", { tokens: one }, async ({ page, user, tokens: [token] }) => {
  await openEditor(page, "app");
  await page.getByLabel("Add to the quota").fill("50");
  await user.verify(token.key, { model: "m1", quota: 30 });
  assert.deepEqual((await save(page)).postDataJSON(), { id: token.id, quota_delta: 50 });
  await page.getByText("120 left, 30 used").waitFor();
  await openEditor(page, "app");
  await page.getByRole("switch", { name: "Unlimited quota" }).check();
  await page.getByLabel("Expires").selectOption("In 1 day");
  await save(page);
  await page.getByText("unlimited").waitFor();
  await openEditor(page, "app");
  assert.equal(await page.getByLabel("Expires").inputValue(), "keep");
  await page.getByRole("switch", { name: "Unlimited quota" }).uncheck();
  await page.getByLabel("Quota", { exact: true }).fill("7");
  await page.getByLabel("Expires").selectOption("Never");
  assert.deepEqual((await save(page)).postDataJSON(), { id: token.id, unlimited_quota: false, expired_time: -1, remain_quota: 7 });
  await page.getByText("7 left, 30 used").waitFor();
});

scenario("an error appears at its field", { tokens: one, allowedErrors: [httpError(400)] }, async ({ page }) => {
  await openEditor(page, "app");
  await page.getByLabel("Add to the quota").fill("some");
  await press(page, "Save");
  await dialog(page).locator(".error", { hasText: /whole number of units/ }).waitFor();
  assert.ok(await page.getByLabel("Add to the quota").evaluate((e) => e === document.activeElement && e.getAttribute("aria-invalid") === "true"));
  await page.keyboard.press("Escape");
  await dialog(page).waitFor({ state: "detached" });
});

// A save never overwrites what somebody else saved after the editor was opened.
scenario("a conflict is shown; their version can be used", { tokens: one, allowedErrors: [httpError(412)] }, async ({ page, user, tokens: [token] }) => {
  await openEditor(page, "app");
  await page.getByLabel("Name").fill("mine");
  await user.update({ id: token.id, name: "theirs", models: ["m1", "m2"] });
  await save(page);
  const conflict = dialog(page).getByRole("alert").filter({ hasText: "Somebody else" });
  await conflict.waitFor();
  assert.match((await conflict.innerText()).replace(/\s+/g, " "), /Name theirs .*Models m1, m2/);
  assert.ok(await dialog(page).getByRole("button", { name: "Save", exact: true }).isDisabled());
  assert.equal((await user.get(token.id)).name, "theirs");
  await press(page, "Use their version");
  assert.equal(await page.getByLabel("Name").inputValue(), "theirs");
  assert.ok(await hasFocus(page.getByLabel("Name")));
  await page.getByLabel("Group").fill("both");
  assert.deepEqual((await save(page)).postDataJSON(), { id: token.id, group: "both" });
  await reported(page, "theirs is saved.");
});

// Overwriting keeps the fields that only the other changed.
scenario("overwriting can conflict again", { tokens: one, allowedErrors: [httpError(412)] }, async ({ page, user, tokens: [token] }) => {
  await openEditor(page, "app");
  await page.getByLabel("Name").fill("mine");
  await user.update({ id: token.id, name: "theirs", group: "theirs" });
  await save(page);
  await dialog(page).getByRole("button", { name: "Overwrite with mine" }).waitFor();
  await user.update({ id: token.id, name: "third" });
  await save(page, "Overwrite with mine");
  await dialog(page).locator("dd", { hasText: "third" }).waitFor();
  assert.equal((await user.get(token.id)).name, "third");
  await save(page, "Overwrite with mine");
  await reported(page, "mine is saved.");
  const { name, group } = await user.get(token.id);
  assert.deepEqual([name, group], ["mine", "theirs"]);
});

scenario("of two tabs, the second save is a conflict", { tokens: one, allowedErrors: [httpError(412)] }, async ({ page, openTab, user, tokens: [token] }) => {
  const other = await openTab();
  await Promise.all([openEditor(page, "app"), openEditor(other, "app")]);
  await page.getByLabel("Group").fill("first tab");
  await other.getByLabel("Group").fill("second tab");
  await Promise.all([save(page), save(other)]);
  const results = await Promise.all([page, other].map(async (tab) => {
    const saved = tab.getByRole("status").filter({ hasText: "app is saved." });
    const conflict = alert(tab, "Somebody else");
    await saved.or(conflict).waitFor();
    return await saved.count() > 0 ? "saved" : "conflict";
  }));
  assert.deepEqual(results.toSorted(), ["conflict", "saved"]);
  assert.equal((await user.get(token.id)).group, ["first tab", "second tab"][results.indexOf("saved")]);
});

// Both show the token as deleted.
scenario("two tabs can delete the same token", { tokens: one, allowedErrors: [httpError(404)] }, async ({ page, openTab, user }) => {
  const other = await openTab();
  for (const tab of [page, other]) {
    await button(tab, "Delete app").click();
    await tab.getByLabel("Type app to confirm").fill("app");
  }
  await Promise.all([press(page, "Delete"), press(other, "Delete")]);
  await Promise.all([page, other].map((tab) => tab.getByRole("heading", { name: "No tokens yet" }).waitFor()));
  assert.deepEqual(await user.list(), []);
});

scenario("a deleted token can't be edited", { tokens: one, allowedErrors: [httpError(404)] }, async ({ page, user, tokens: [token] }) => {
  await user.remove(token.id);
  const response = page.waitForResponse((candidate) => candidate.status() === 404);
  await button(page, "Edit app").click();
  const { code, message } = await (await response).json();
  assert.equal(code, "token_not_found");
  await alert(page, message).waitFor();
  assert.ok(await dialog(page).getByRole("button", { name: "Save" }).isDisabled(), "a token that was not read can't be saved");
  await press(page, "Cancel");
  await button(page, "Disable app").click();
  await alert(page, message).waitFor();
});

// If the response to a save is lost, the retry succeeds although the version has changed.
scenario("a retried save does not conflict with itself", { tokens: one, allowedErrors: [networkError, httpError(412)] }, async ({ page, user, context, tokens: [token] }) => {
  await openEditor(page, "app");
  await page.getByLabel("Group").fill("kept");
  let lost = false;
  await context.route("**/api/token/", async (route) => {
    if (lost) return route.continue();
    lost = true;
    await route.fetch();
    return route.abort();
  });
  await press(page, "Save");
  await dialog(page).getByText("may or may not have been made").waitFor();
  await press(page, "Save");
  await reported(page, "app is saved.");
  assert.equal((await user.get(token.id)).group, "kept");
});

scenario("Disable and Enable keep the focus in the row", { tokens: one }, async ({ page, user, tokens: [token] }) => {
  await button(page, "Disable app").focus();
  await page.keyboard.press("Enter");
  await reported(page, "app is disabled.");
  await button(page, "Enable app").waitFor();
  assert.equal((await user.get(token.id)).status, 2);
  assert.equal(await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).title), "Enable app");
  await page.keyboard.press("Space");
  await reported(page, "app is enabled.");
  await button(page, "Disable app").waitFor();
  assert.equal((await user.get(token.id)).status, 1);
});

// The new key is shown once. Without a grace period the old key stops working immediately.
scenario("a rotated key works for its grace period", { tokens: one }, async ({ page, user, tokens: [token] }) => {
  const rotate = async (/** @type {string} */ grace) => {
    await button(page, "Rotate the key of app").click();
    await page.getByLabel("The old key expires").selectOption(grace);
    await press(page, "Rotate");
    await page.getByText("you won't see it again").waitFor();
    const key = await page.getByLabel("Key", { exact: true }).inputValue();
    await page.waitForTimeout(750);
    await press(page, "I have saved the key");
    return key;
  };
  const works = async (/** @type {string} */ key) => (await user.verify(key, { model: "m1" })).valid;
  const second = await rotate("in 1 hour");
  await page.getByText(/expires in (1 hour|60 minutes)/).waitFor();
  assert.deepEqual([await works(token.key), await works(second)], [true, true]);
  const third = await rotate("immediately");
  assert.deepEqual([await works(second), await works(third)], [false, true]);
});

// A token whose key was revoked says so, and can only be rotated.
scenario("a leaked key asks for a rotation", { tokens: [...one, { name: "other" }] }, async ({ page, user, tokens: [token] }) => {
  await user.revoke(token.key);
  await page.reload();
  const row = page.getByRole("row").filter({ hasText: "key leaked just now: rotate it" });
  assert.match(await row.innerText(), /app[\s\S]*disabled/);
  assert.equal(await row.count(), 1);
  assert.equal(await button(page, "Enable app").count(), 0);
  await openEditor(page, "app");
  await dialog(page).getByText("Rotate the token to use it again.").waitFor();
  await press(page, "Cancel");
  await button(page, "Rotate the key of app").click();
  await dialog(page).getByText("It doesn't work any more.").waitFor();
  assert.equal(await page.getByLabel("The old key expires").count(), 0);
  assert.deepEqual(await runAxe(page), []);
  await press(page, "Rotate");
  const key = await page.getByLabel("Key", { exact: true }).inputValue();
  await confirmKeySaved(page);
  await row.waitFor({ state: "detached" });
  assert.deepEqual([(await user.verify(token.key)).valid, (await user.verify(key, { model: "m1" })).valid], [false, true]);
});

scenario("a deletion needs the exact name", { tokens: [...one, { name: "other" }] }, async ({ page, user, tokens: [token] }) => {
  await button(page, "Delete app").click();
  const submit = dialog(page).getByRole("button", { name: "Delete" }), confirm = page.getByLabel("Type app to confirm");
  for (const wrong of ["", "ap", "App", "apps", "other"]) {
    await confirm.fill(wrong);
    assert.ok(await submit.isDisabled(), `"${wrong}" is not the name`);
    await confirm.press("Enter");
  }
  assert.equal((await user.list()).length, 2);
  await confirm.fill("app");
  await confirm.press("Enter");
  await reported(page, "app is deleted.");
  await button(page, "Delete app").waitFor({ state: "detached" });
  assert.deepEqual((await user.list()).map(({ name }) => name), ["other"]);
  assert.equal((await user.verify(token.key)).valid, false);
});

// The token has the same values again, but the save was refused: it must not be reported as saved.
scenario("a reverted conflict still counts as a conflict", { tokens: [{ name: "one", remain_quota: 100 }], allowedErrors: [httpError(412)] }, async ({ page, user, tokens: [token] }) => {
  await openEditor(page, "one");
  await page.getByLabel("Group").fill("mine");
  await user.update({ id: token.id, status: 2 });
  await user.update({ id: token.id, status: 1 });
  await press(page, "Save");
  await alert(page, "Your changes were not saved").waitFor();
  await press(page, "Overwrite with mine");
  await dialog(page).waitFor({ state: "detached" });
  assert.equal((await user.get(token.id)).group, "mine");
});

// The user confirmed the deletion by typing the old name.
scenario("a renamed token is not deleted", { tokens: [{ name: "one", remain_quota: 100 }] }, async ({ page, user, tokens: [token] }) => {
  await button(page, "Delete one").click();
  await user.update({ id: token.id, name: "production" });
  await page.getByLabel("Type one to confirm").fill("one");
  await press(page, "Delete");
  await alert(page, "it is now named production").waitFor();
  assert.equal((await user.get(token.id)).name, "production");
});

scenario("a name with two spaces can be confirmed", { tokens: [{ name: "a  b" }] }, async ({ page, user }) => {
  await page.getByRole("button", { name: "Delete a  b" }).click();
  await dialog(page).getByRole("textbox").fill(await dialog(page).locator(".typed").innerText());
  await press(page, "Delete");
  await dialog(page).waitFor({ state: "detached" });
  assert.deepEqual(await user.list(), []);
});
