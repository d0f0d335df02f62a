// What nobody must be told or do wrongly: where an answer was lost, where a
// session has ended, where the page moved under a click.
import assert from "node:assert/strict";
import { answered, newUser, noAnswer, origin, scenario } from "./kit.mjs";

const dialog = (page) => page.getByRole("dialog");
const press = (page, name) => dialog(page).getByRole("button", { name, exact: true }).click();
const icon = (page, name) => page.getByRole("button", { name, exact: true });
const alert = (page, text) => page.getByRole("alert").filter({ hasText: text });
const three = ["one", "two", "three"].map((name) => ({ name, remain_quota: 100 }));

async function edit(page, name) {
  await icon(page, `Edit ${name}`).click();
  await dialog(page).getByRole("button", { name: "Save", disabled: false }).waitFor();
}

/** Lets calls of a method arrive, but not their answers. */
const loseAnswers = (context, method, times) => context.route("**/api/token/**", async (route) => {
  if (route.request().method() !== method || times-- <= 0) return route.fallback();
  await route.fetch();
  await route.abort();
});

scenario("a quota whose answer was lost is not taken for a rival's, nor added again", { tokens: three, expect: [noAnswer, answered(412)] }, async ({ page, context, user, made: [token] }) => {
  await loseAnswers(context, "PUT", 1);
  await edit(page, "one");
  await page.getByLabel("Add to the quota").fill("50");
  await press(page, "Save");
  await alert(page, "look before you try again").waitFor();
  await press(page, "Save");
  await alert(page, "perhaps by your own save").waitFor();
  assert.equal(await page.getByLabel("Add to the quota").inputValue(), "");
  await press(page, "Save mine over it");
  await dialog(page).waitFor({ state: "detached" });
  assert.equal((await user.get(token.id)).remain_quota, 150);
});

scenario("a rival's change that is none any more is not taken for a save of mine", { tokens: three, expect: [answered(412)] }, async ({ page, user, made: [token] }) => {
  await edit(page, "one");
  await page.getByLabel("Group").fill("mine");
  await user.change({ id: token.id, status: 2 });
  await user.change({ id: token.id, status: 1 });
  await press(page, "Save");
  await alert(page, "nothing of yours was saved").waitFor();
  await press(page, "Save mine over it");
  await dialog(page).waitFor({ state: "detached" });
  assert.equal((await user.get(token.id)).group, "mine");
});

scenario("a create that may have been done is tried again as it was, and not as another", { expect: [noAnswer] }, async ({ page, context, user }) => {
  await loseAnswers(context, "POST", 3);
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("Name").fill("once");
  await press(page, "Create");
  await alert(page, "it counts once").waitFor();
  assert.ok(await page.getByLabel("Name").isDisabled());
  await press(page, "Create");
  await dialog(page).getByLabel("Key", { exact: true }).waitFor();
  assert.equal((await user.list()).length, 1);
});

scenario("a dialog that is left in doubt reads the list again", { expect: [noAnswer] }, async ({ page, context }) => {
  await loseAnswers(context, "POST", 3);
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("Name").fill("there");
  await press(page, "Create");
  await alert(page, "it counts once").waitFor();
  await press(page, "Cancel");
  await page.getByRole("rowheader", { name: "there" }).waitFor();
});

scenario("a 404 of something before the API is no deletion", { tokens: three, expect: [answered(404)] }, async ({ page, context }) => {
  await context.route("**/api/token/*", (route) => (route.request().method() === "DELETE" ? route.fulfill({ status: 404, json: { message: "Not Found" } }) : route.fallback()));
  await icon(page, "Delete one").click();
  await page.getByLabel("Type one to confirm").fill("one");
  await press(page, "Delete");
  await dialog(page).getByText("Not Found").waitFor();
});

scenario("a token that was renamed meanwhile is not deleted by its old name", { tokens: three }, async ({ page, user, made: [token] }) => {
  await icon(page, "Delete one").click();
  await user.change({ id: token.id, name: "production" });
  await page.getByLabel("Type one to confirm").fill("one");
  await press(page, "Delete");
  await alert(page, "is called production by now").waitFor();
  assert.equal((await user.get(token.id)).name, "production");
});

scenario("a double click on Disable disables that token, and no other", { tokens: three }, async ({ page, user }) => {
  const box = await icon(page, "Disable two").boundingBox();
  const changes = [];
  page.on("request", (request) => { if (request.method() === "PUT") changes.push(request.postDataJSON()); });
  for (const clickCount of [1, 2]) {
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down({ clickCount });
    await page.mouse.up({ clickCount });
    await page.waitForTimeout(200);
  }
  await page.getByText("two is disabled.").waitFor();
  assert.equal(changes.length, 1);
  assert.deepEqual((await user.list()).map((token) => token.status), [1, 2, 1]);
});

scenario("what is selected can be seen", { tokens: Array.from({ length: 12 }, (_, i) => ({ name: `t${i + 1}` })) }, async ({ page, context }) => {
  let go;
  await context.route("**/api/token/?*p=2*", async (route) => { await new Promise((done) => { go = done; }); await route.continue(); });
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByLabel("Select t12", { exact: true }).check();
  await page.getByText("1 selected").waitFor();
  go();
  await page.getByRole("rowheader", { name: /^t1\b/ }).waitFor();
  await page.getByText("1 selected").waitFor({ state: "detached" });
});

scenario("what was begun in a session touches no later one", { tokens: three, expect: [answered(401), noAnswer] }, async ({ page, context }) => {
  let go;
  await context.route("**/api/token/?status_only=true", async (route) => {
    await new Promise((done) => { go = done; });
    await route.fulfill({ status: 401, json: { success: false, code: "unauthorized", message: "No.", request_id: "x" } }).catch(() => {}); // it was broken off
  });
  const other = await newUser();
  await other.createAll(three);
  await icon(page, "Disable two").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Access token").fill(other.accessToken);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("rowheader", { name: "two" }).waitFor();
  assert.equal(await icon(page, "Disable two").getAttribute("aria-disabled"), "false");
  go();
  await page.waitForTimeout(300);
  assert.ok(await page.getByRole("rowheader", { name: "two" }).isVisible());
  assert.equal(await page.locator(".notices .problem").count(), 0);
});

scenario("Back brings no page that was left signed in", { tokens: three }, async ({ page }) => {
  await page.goto(`${origin}/docs`);
  await page.goto(origin);
  await page.getByRole("rowheader", { name: "two" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  for (let i = 0; i < 2; i++) {
    await page.evaluate(() => history.back());
    await page.waitForTimeout(1000); // what Back brings may load itself again
    assert.equal(await page.getByRole("rowheader").count(), 0);
  }
});

scenario("a failure is told until it is dismissed", { tokens: three, expect: [answered(409)] }, async ({ page, context }) => {
  await context.route("**/api/token/?status_only=true", (route) => route.fulfill({ status: 409, json: { success: false, code: "token_expired", message: "It is expired.", request_id: "x" } }));
  await icon(page, "Disable two").click();
  await alert(page, "It is expired.").waitFor();
  await page.getByRole("button", { name: "New token" }).click();
  await press(page, "Cancel");
  await alert(page, "It is expired.").waitFor();
  await page.getByRole("button", { name: "Dismiss" }).click();
  await alert(page, "It is expired.").waitFor({ state: "detached" });
});

scenario("a page with a new key is not left unasked", {}, async ({ page }) => {
  const held = () => page.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("Name").fill("kept");
  assert.equal(await held(), false);
  await press(page, "Create");
  await dialog(page).getByLabel("Key", { exact: true }).waitFor();
  assert.equal(await held(), true);
  await page.waitForTimeout(800); // a click at once says nothing
  await press(page, "I have saved the key");
  await dialog(page).waitFor({ state: "detached" });
  assert.equal(await held(), false);
});

scenario("models that are pasted a line each are several, and the largest quota is one", {}, async ({ page, user }) => {
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("Name").fill("large");
  await page.getByLabel("Quota", { exact: true }).fill("9,007,199,254,740,991");
  await page.getByRole("switch", { name: "Only certain models" }).check();
  await page.getByLabel("Models", { exact: true }).evaluate((field) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text", "m1\nm2\r\nm3");
    field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  });
  await press(page, "Create");
  await dialog(page).getByLabel("Key", { exact: true }).waitFor();
  const [token] = await user.list();
  assert.deepEqual(token.models, ["m1", "m2", "m3"]);
  assert.equal(token.remain_quota, Number.MAX_SAFE_INTEGER);
});

scenario("a name with two blanks is shown as it has to be typed", { tokens: [{ name: "a  b" }] }, async ({ page, user }) => {
  await page.getByRole("button", { name: "Delete a  b" }).click();
  await dialog(page).getByRole("textbox").fill(await dialog(page).locator(".typed").innerText());
  await press(page, "Delete");
  await dialog(page).waitFor({ state: "detached" });
  assert.deepEqual(await user.list(), []);
});
