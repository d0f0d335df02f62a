// Changing, rotating and deleting one token, also while somebody else does.
import assert from "node:assert/strict";
import { answered, noAnswer, scenario } from "./kit.mjs";

const dialog = (page) => page.getByRole("dialog");
const press = (page, name) => dialog(page).getByRole("button", { name, exact: true }).click();
const icon = (page, name) => page.getByRole("button", { name, exact: true });
const one = [{ name: "app", remain_quota: 100, group: "old", models: ["m1"] }];

async function edit(page, name = "app") {
  await icon(page, `Edit ${name}`).click();
  await dialog(page).getByRole("button", { name: "Save", disabled: false }).waitFor();
}

/** Saves, and gives the request that went out. */
async function save(page, button = "Save") {
  const sent = page.waitForRequest((request) => request.method() === "PUT");
  await press(page, button);
  return sent;
}

const said = (page, text) => page.getByRole("status").filter({ hasText: text }).waitFor();

scenario("a save sends what was changed and the version that was read, and no more", { tokens: one }, async ({ page, user, made: [token] }) => {
  await edit(page);
  await page.getByLabel("Group").fill("new");
  const request = await save(page);
  assert.deepEqual(request.postDataJSON(), { id: token.id, group: "new" });
  assert.match(await request.headerValue("If-Match"), /^"/);
  await said(page, "app is saved.");
  assert.ok(await icon(page, "Edit app").evaluate((e) => e === document.activeElement), "the focus is back where it was");
  assert.equal((await user.get(token.id)).group, "new");
  await edit(page);
  let sent = 0;
  page.on("request", (r) => { if (r.method() === "PUT") sent++; });
  await press(page, "Save");
  await dialog(page).waitFor({ state: "detached" });
  assert.equal(sent, 0, "nothing changed is nothing sent");
});

scenario("what is added to a quota keeps what is spent meanwhile", { tokens: one }, async ({ page, user, made: [token] }) => {
  await edit(page);
  await page.getByLabel("Add to the quota").fill("50");
  await user.verify(token.key, { model: "m1", quota: 30 });
  assert.deepEqual((await save(page)).postDataJSON(), { id: token.id, quota_delta: 50 });
  await page.getByText("120 left, 30 used").waitFor();
  await edit(page);
  await page.getByRole("switch", { name: "Unlimited quota" }).check();
  await page.getByLabel("Expires").selectOption("In 1 day");
  await save(page);
  await page.getByText("unlimited").waitFor();
  await edit(page);
  assert.equal(await page.getByLabel("Expires").inputValue(), "keep");
  await page.getByRole("switch", { name: "Unlimited quota" }).uncheck();
  await page.getByLabel("Quota", { exact: true }).fill("7");
  await page.getByLabel("Expires").selectOption("Never");
  assert.deepEqual((await save(page)).postDataJSON(), { id: token.id, unlimited_quota: false, expired_time: -1, remain_quota: 7 });
  await page.getByText("7 left, 30 used").waitFor();
});

scenario("a change that the server refuses is told beside its field", { tokens: one, expect: [answered(400)] }, async ({ page }) => {
  await edit(page);
  await page.getByLabel("Add to the quota").fill("some");
  await press(page, "Save");
  await dialog(page).locator(".error", { hasText: /^quota_delta must be/ }).waitFor();
  assert.ok(await page.getByLabel("Add to the quota").evaluate((e) => e === document.activeElement && e.getAttribute("aria-invalid") === "true"));
  await page.keyboard.press("Escape");
  await dialog(page).waitFor({ state: "detached" });
});

scenario("a rival's change is shown and not overwritten; it can be taken", { tokens: one, expect: [answered(412)] }, async ({ page, user, made: [token] }) => {
  await edit(page);
  await page.getByLabel("Name").fill("mine");
  await user.change({ id: token.id, name: "theirs", models: ["m1", "m2"] });
  await save(page);
  const conflict = dialog(page).getByRole("alert").filter({ hasText: "Somebody else" });
  await conflict.waitFor();
  assert.match((await conflict.innerText()).replace(/\s+/g, " "), /Name theirs .*Models m1, m2/);
  assert.ok(await dialog(page).getByRole("button", { name: "Save", exact: true }).isDisabled());
  assert.equal((await user.get(token.id)).name, "theirs");
  await press(page, "Take theirs");
  assert.equal(await page.getByLabel("Name").inputValue(), "theirs");
  assert.ok(await page.getByLabel("Name").evaluate((e) => e === document.activeElement));
  await page.getByLabel("Group").fill("both");
  assert.deepEqual((await save(page)).postDataJSON(), { id: token.id, group: "both" });
  await said(page, "theirs is saved.");
});

scenario("a change over a rival's is made knowingly, keeps what only the rival changed, and can meet the next rival", { tokens: one, expect: [answered(412)] }, async ({ page, user, made: [token] }) => {
  await edit(page);
  await page.getByLabel("Name").fill("mine");
  await user.change({ id: token.id, name: "theirs", group: "theirs" });
  await save(page);
  await dialog(page).getByRole("button", { name: "Save mine over it" }).waitFor();
  await user.change({ id: token.id, name: "third" });
  await save(page, "Save mine over it");
  await dialog(page).locator("dd", { hasText: "third" }).waitFor();
  assert.equal((await user.get(token.id)).name, "third");
  await save(page, "Save mine over it");
  await said(page, "mine is saved.");
  const { name, group } = await user.get(token.id);
  assert.deepEqual([name, group], ["mine", "theirs"]);
});

scenario("of two tabs that edit one token, the second is told of the first", { tokens: one, expect: [answered(412)] }, async ({ page, enter, user, made: [token] }) => {
  const other = await enter();
  await Promise.all([edit(page), edit(other)]);
  await page.getByLabel("Group").fill("first tab");
  await other.getByLabel("Group").fill("second tab");
  await Promise.all([save(page), save(other)]);
  const done = (tab) => tab.getByRole("status").filter({ hasText: "app is saved." });
  const lost = (tab) => tab.getByRole("alert").filter({ hasText: "Somebody else" });
  await Promise.all([page, other].map((tab) => done(tab).or(lost(tab)).waitFor()));
  const [won] = (await Promise.all([page, other].map(async (tab, i) => (await done(tab).count()) ? i : -1))).filter((i) => i >= 0);
  assert.equal(await lost(page).count() + await lost(other).count(), 1, "one of both is told");
  assert.equal((await user.get(token.id)).group, ["first tab", "second tab"][won]);
});

scenario("of two tabs that delete one token, both find it gone", { tokens: one, expect: [answered(404)] }, async ({ page, enter, user }) => {
  const other = await enter();
  for (const tab of [page, other]) {
    await icon(tab, "Delete app").click();
    await tab.getByLabel("Type app to confirm").fill("app");
  }
  await Promise.all([press(page, "Delete"), press(other, "Delete")]);
  await Promise.all([page, other].map((tab) => tab.getByRole("heading", { name: "No tokens yet" }).waitFor()));
  assert.deepEqual(await user.list(), []);
});

scenario("a token that was deleted meanwhile can't be edited, and the list says so", { tokens: one, expect: [answered(404)] }, async ({ page, user, made: [token] }) => {
  await user.remove(token.id);
  await icon(page, "Edit app").click();
  await dialog(page).getByRole("alert").filter({ hasText: "no such token" }).waitFor();
  assert.ok(await dialog(page).getByRole("button", { name: "Save" }).isDisabled(), "what was not read is not saved");
  await press(page, "Cancel");
  await icon(page, "Disable app").click();
  await page.getByRole("alert").filter({ hasText: "no such token" }).waitFor();
});

scenario("a save whose answer is lost is done once more, and no rival of itself", { tokens: one, expect: [noAnswer, answered(412)] }, async ({ page, user, context, made: [token] }) => {
  await edit(page);
  await page.getByLabel("Group").fill("kept");
  let lost = false;
  await context.route("**/api/token/", async (route) => {
    if (lost) return route.continue();
    lost = true;
    await route.fetch();
    return route.abort();
  });
  await press(page, "Save");
  await dialog(page).getByText("may or may not have been done").waitFor();
  await press(page, "Save");
  await said(page, "app is saved.");
  assert.equal((await user.get(token.id)).group, "kept");
});

scenario("a token is disabled and enabled in its row, and the focus stays there", { tokens: one }, async ({ page, user, made: [token] }) => {
  await icon(page, "Disable app").focus();
  await page.keyboard.press("Enter");
  await said(page, "app is disabled.");
  await icon(page, "Enable app").waitFor();
  assert.equal((await user.get(token.id)).status, 2);
  assert.equal(await page.evaluate(() => document.activeElement.title), "Enable app");
  await page.keyboard.press("Space");
  await said(page, "app is enabled.");
  await icon(page, "Disable app").waitFor();
  assert.equal((await user.get(token.id)).status, 1);
});

scenario("a rotation shows the new key once; the old one ends at once or after its grace", { tokens: one }, async ({ page, user, made: [token] }) => {
  const rotate = async (grace) => {
    await icon(page, "Rotate the key of app").click();
    await page.getByLabel("The old key ends").selectOption(grace);
    await press(page, "Rotate");
    await page.getByText("you won't see it again").waitFor();
    const key = await page.getByLabel("Key", { exact: true }).inputValue();
    await page.waitForTimeout(750);
    await press(page, "I have saved the key");
    return key;
  };
  const works = async (key) => (await user.verify(key, { model: "m1" })).valid;
  const second = await rotate("in 1 hour");
  await page.getByText(/ends in (1 hour|60 minutes)/).waitFor();
  assert.deepEqual([await works(token.key), await works(second)], [true, true]);
  const third = await rotate("at once");
  assert.deepEqual([await works(second), await works(third)], [false, true]);
});

scenario("a deletion needs the exact name and is then final", { tokens: [...one, { name: "other" }] }, async ({ page, user, made: [token] }) => {
  await icon(page, "Delete app").click();
  const button = dialog(page).getByRole("button", { name: "Delete" }), confirm = page.getByLabel("Type app to confirm");
  for (const wrong of ["", "ap", "App", "apps", "other"]) {
    await confirm.fill(wrong);
    assert.ok(await button.isDisabled(), `"${wrong}" is not the name`);
    await confirm.press("Enter");
  }
  assert.equal((await user.list()).length, 2);
  await confirm.fill("app");
  await confirm.press("Enter");
  await said(page, "app is deleted.");
  await icon(page, "Delete app").waitFor({ state: "detached" });
  assert.deepEqual((await user.list()).map(({ name }) => name), ["other"]);
  assert.equal((await user.verify(token.key)).valid, false);
});
