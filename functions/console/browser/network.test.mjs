// A network that is slow, fails, or answers that it is too much.
import assert from "node:assert/strict";
import { answered, noAnswer, scenario } from "./kit.mjs";

const dialog = (page) => page.getByRole("dialog");
const api = "**/api/token/**";
const refusal = (status, message, headers = {}) => ({ status, headers, json: { success: false, code: "x", message, request_id: "req-1" } });

scenario("a list that is slow says that it loads", { signIn: false, tokens: [{ name: "late" }] }, async ({ page, user, context }) => {
  await page.getByLabel("Access token").fill(user.accessToken);
  let answer;
  const asked = new Promise((go) => { answer = go; });
  let calls = 0;
  await context.route(api, async (route) => { if (++calls > 1) await asked; await route.continue(); });
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Loading the tokens").waitFor({ state: "attached" });
  assert.equal(await page.locator("[aria-busy=true]").count(), 1);
  answer();
  await page.getByRole("rowheader", { name: "late" }).waitFor();
  assert.equal(await page.getByText("Loading the tokens").count(), 0);
});

scenario("an answer that comes late never replaces that of a newer search", { tokens: [{ name: "alpha" }, { name: "beta" }] }, async ({ page, context }) => {
  let release;
  const held = new Promise((go) => { release = go; });
  await context.route(/keyword=alpha/, async (route) => { await held; await route.continue().catch(() => {}); });
  const search = page.getByLabel("Search");
  const slow = page.waitForRequest(/keyword=alpha/);
  await search.fill("alpha");
  await slow;
  await search.fill("beta");
  await page.getByText("Page 1 of 1 · 1 token").waitFor();
  release();
  await page.waitForTimeout(300);
  assert.deepEqual(await page.getByRole("rowheader").count(), 1);
  assert.match(await page.getByRole("rowheader").innerText(), /beta/);
});

scenario("what is typed into an editor that still reads is kept, and saved against what was read", { tokens: [{ name: "slow", group: "stays" }] }, async ({ page, context, user, made: [token] }) => {
  let release;
  const held = new Promise((go) => { release = go; });
  await context.route(`**/api/token/${token.id}`, async (route) => { await held; await route.continue(); });
  await page.getByRole("button", { name: "Edit slow" }).click();
  await page.getByLabel("Name").fill("typed early");
  await page.getByLabel("Name").press("Enter");
  assert.ok(await dialog(page).getByRole("button", { name: /Save|moment/ }).isDisabled());
  release();
  await dialog(page).getByRole("button", { name: "Save", disabled: false }).waitFor();
  const sent = page.waitForRequest((request) => request.method() === "PUT");
  await page.getByLabel("Name").press("Enter");
  assert.deepEqual((await sent).postDataJSON(), { id: token.id, name: "typed early" });
  await page.getByRole("rowheader", { name: "typed early" }).waitFor();
});

scenario("an editor that could not read does not save, and reads again when asked", { tokens: [{ name: "unread" }], expect: [noAnswer] }, async ({ page, context, made: [token] }) => {
  await page.clock.install();
  await context.route(`**/api/token/${token.id}`, (route) => route.abort());
  await page.getByRole("button", { name: "Edit unread" }).click();
  const alert = dialog(page).getByRole("alert").filter({ hasText: "no answer from the server" });
  await passing(page, alert);
  assert.ok(await dialog(page).getByRole("button", { name: "Save" }).isDisabled());
  await context.unroute(`**/api/token/${token.id}`);
  await dialog(page).getByRole("button", { name: "Try again" }).click();
  await dialog(page).getByRole("button", { name: "Save", disabled: false }).waitFor();
});

scenario("a list that can't be read says why and is read again when asked", { tokens: [{ name: "back" }], expect: [noAnswer, answered(500, 502)] }, async ({ page, context }) => {
  await page.clock.install();
  await context.route(api, (route) => route.abort());
  await page.getByLabel("Rows").selectOption("25");
  await passing(page, page.getByText("no answer from the server"));
  assert.equal(await page.getByRole("table").count(), 0);
  await context.unroute(api);
  await context.route(api, (route) => route.fulfill(refusal(500, "Something is wrong on our side.")));
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Something is wrong on our side.").waitFor();
  await page.getByText("Request req-1").waitFor();
  await context.unroute(api);
  await context.route(api, (route) => route.fulfill({ status: 502, body: "<html>Bad gateway" }), { times: 1 });
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("The server answered 502").waitFor();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("rowheader", { name: "back" }).waitFor();
});

for (const status of [429, 503]) {
  scenario(`a ${status} is asked again after its Retry-After, and not before`, { expect: [answered(status)] }, async ({ page, context, user }) => {
    await page.clock.install();
    const asked = [];
    await context.route("**/api/token/", async (route) => {
      asked.push(route.request().headers()["idempotency-key"]);
      await (asked.length < 3 ? route.fulfill(refusal(status, "Too much: wait.", { "Retry-After": "7" })) : route.continue());
    });
    await page.clock.pauseAt(Date.now() + 60_000);
    await page.getByRole("button", { name: "New token" }).click();
    await page.getByLabel("Name").fill("patient");
    const first = page.waitForResponse(/\/api\/token\/$/);
    await dialog(page).getByRole("button", { name: "Create" }).click();
    await first;
    await page.waitForTimeout(200);
    await page.clock.runFor(6_500);
    await page.waitForTimeout(200);
    assert.equal(asked.length, 1);
    await passing(page, dialog(page).getByLabel("Key"));
    assert.equal(asked.length, 3);
    assert.equal(new Set(asked).size, 1);
    assert.equal((await user.list()).length, 1);
  });
}

scenario("a delete without an answer is not sent twice by itself, and says what it does not know", { tokens: [{ name: "gone" }], expect: [noAnswer] }, async ({ page, context, user }) => {
  let sent = 0;
  await context.route(/\/api\/token\/\d+$/, async (route) => {
    if (route.request().method() !== "DELETE") return route.continue();
    sent++;
    await route.fetch();
    await route.abort();
  });
  await page.getByRole("button", { name: "Delete gone" }).click();
  await page.getByLabel("Type gone to confirm").fill("gone");
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await dialog(page).getByText("may or may not have been done").waitFor();
  assert.equal(sent, 1);
  assert.deepEqual(await user.list(), []);
});

/** Lets the page's clock run until there is what is waited for. */
async function passing(page, what) {
  for (let i = 0; i < 60 && !(await what.count()); i++) {
    await page.clock.runFor(1000);
    await page.waitForTimeout(100);
  }
  await what.first().waitFor();
}
