// @ts-check
// Slow, failing and lost responses, and servers that are too busy.
import assert from "node:assert/strict";
import { alert, barrier, button, dialog, httpError, loseResponses, networkError, openEditor, press, scenario } from "./harness.mjs";

const three = ["one", "two", "three"].map((name) => ({ name, remain_quota: 100 }));
const api = "**/api/token/**";

/**
 * @param {number} status
 * @param {string} message
 */
const errorResponse = (status, message, headers = {}) => ({ status, headers, json: { success: false, code: "x", message, request_id: "req-1" } });

/**
 * Advances the page's clock until an element appears.
 * @param {import("playwright-core").Page} page
 * @param {import("playwright-core").Locator} element
 */
async function advanceUntil(page, element) {
  for (let i = 0; i < 60 && !(await element.count()); i++) {
    await page.clock.runFor(1000);
    await page.waitForTimeout(100);
  }
  await element.first().waitFor();
}

scenario("a slow list shows that it is loading", { signIn: false, tokens: [{ name: "late" }] }, async ({ page, user, context }) => {
  await page.getByLabel("Access token").fill(user.accessToken);
  const { released, release } = barrier();
  let calls = 0;
  await context.route(api, async (route) => { if (++calls > 1) await released; await route.continue(); });
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Loading the tokens").waitFor({ state: "attached" });
  assert.equal(await page.locator("[aria-busy=true]").count(), 1);
  release();
  await page.getByRole("rowheader", { name: "late" }).waitFor();
  assert.equal(await page.getByText("Loading the tokens").count(), 0);
});

scenario("a late response never replaces a newer one", { tokens: [{ name: "alpha" }, { name: "beta" }] }, async ({ page, context }) => {
  const { released, release } = barrier();
  await context.route(/keyword=alpha/, async (route) => { await released; await route.continue().catch(() => {}); });
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

// The save then sends only what differs from the version that was read.
scenario("typing is kept while the editor loads", { tokens: [{ name: "slow", group: "stays" }] }, async ({ page, context, tokens: [token] }) => {
  const { released, release } = barrier();
  await context.route(`**/api/token/${token.id}`, async (route) => { await released; await route.continue(); });
  await page.getByRole("button", { name: "Edit slow" }).click();
  await page.getByLabel("Name").fill("typed early");
  await page.getByLabel("Name").press("Enter");
  assert.ok(await dialog(page).getByRole("button", { name: /Save|Working/ }).isDisabled());
  release();
  await dialog(page).getByRole("button", { name: "Save", disabled: false }).waitFor();
  const sent = page.waitForRequest((request) => request.method() === "PUT");
  await page.getByLabel("Name").press("Enter");
  assert.deepEqual((await sent).postDataJSON(), { id: token.id, name: "typed early" });
  await page.getByRole("rowheader", { name: "typed early" }).waitFor();
});

scenario("an editor that failed to load can't save", { tokens: [{ name: "unread" }], allowedErrors: [networkError] }, async ({ page, context, tokens: [token] }) => {
  await page.clock.install();
  await context.route(`**/api/token/${token.id}`, (route) => route.abort());
  await page.getByRole("button", { name: "Edit unread" }).click();
  const problem = dialog(page).getByRole("alert").filter({ hasText: "No response from the server" });
  await advanceUntil(page, problem);
  assert.ok(await dialog(page).getByRole("button", { name: "Save" }).isDisabled());
  await context.unroute(`**/api/token/${token.id}`);
  await dialog(page).getByRole("button", { name: "Try again" }).click();
  await dialog(page).getByRole("button", { name: "Save", disabled: false }).waitFor();
});

scenario("a list that failed to load can be retried", { tokens: [{ name: "back" }], allowedErrors: [networkError, httpError(500, 502)] }, async ({ page, context }) => {
  await page.clock.install();
  await context.route(api, (route) => route.abort());
  await page.getByLabel("Rows").selectOption("25");
  await advanceUntil(page, page.getByText("No response from the server"));
  assert.equal(await page.getByRole("table").count(), 0);
  await context.unroute(api);
  await context.route(api, (route) => route.fulfill(errorResponse(500, "Internal error.")));
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Internal error.").waitFor();
  await page.getByText("Request ID req-1").waitFor();
  await context.unroute(api);
  await context.route(api, (route) => route.fulfill({ status: 502, body: "<html>Bad gateway" }), { times: 1 });
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("The server responded with status 502").waitFor();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("rowheader", { name: "back" }).waitFor();
});

for (const status of [429, 503]) {
  scenario(`a ${status} is retried after its Retry-After`, { allowedErrors: [httpError(status)] }, async ({ page, context, user }) => {
    await page.clock.install();
    /** @type {string[]} */
    const idempotencyKeys = [];
    await context.route("**/api/token/", async (route) => {
      idempotencyKeys.push(route.request().headers()["idempotency-key"]);
      await (idempotencyKeys.length < 3 ? route.fulfill(errorResponse(status, "Too many requests.", { "Retry-After": "7" })) : route.continue());
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
    assert.equal(idempotencyKeys.length, 1);
    await advanceUntil(page, dialog(page).getByLabel("Key"));
    assert.equal(idempotencyKeys.length, 3);
    assert.equal(new Set(idempotencyKeys).size, 1);
    assert.equal((await user.list()).length, 1);
  });
}

// A delete has no idempotency key, so the page says that the outcome is unknown.
scenario("a delete without a response is not retried", { tokens: [{ name: "gone" }], allowedErrors: [networkError] }, async ({ page, context, user }) => {
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
  await dialog(page).getByText("may or may not have been made").waitFor();
  assert.equal(sent, 1);
  assert.deepEqual(await user.list(), []);
});

// The save may have been carried out, so the amount is cleared before the user overwrites.
scenario("a lost quota change is not added again", { tokens: three, allowedErrors: [networkError, httpError(412)] }, async ({ page, context, user, tokens: [token] }) => {
  await loseResponses(context, "PUT", 1);
  await openEditor(page, "one");
  await page.getByLabel("Add to the quota").fill("50");
  await press(page, "Save");
  await alert(page, "Check before you try again").waitFor();
  await press(page, "Save");
  await alert(page, "possibly by your own save").waitFor();
  assert.equal(await page.getByLabel("Add to the quota").inputValue(), "");
  await press(page, "Overwrite with mine");
  await dialog(page).waitFor({ state: "detached" });
  assert.equal((await user.get(token.id)).remain_quota, 150);
});

// The user can only send the same request again.
scenario("an uncertain create can't be changed", { allowedErrors: [networkError] }, async ({ page, context, user }) => {
  await loseResponses(context, "POST", 3);
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("Name").fill("once");
  await press(page, "Create");
  await alert(page, "it is made only once").waitFor();
  assert.ok(await page.getByLabel("Name").isDisabled());
  await press(page, "Create");
  await dialog(page).getByLabel("Key", { exact: true }).waitFor();
  assert.equal((await user.list()).length, 1);
});

scenario("closing an uncertain dialog reloads the list", { allowedErrors: [networkError] }, async ({ page, context }) => {
  await loseResponses(context, "POST", 3);
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("Name").fill("there");
  await press(page, "Create");
  await alert(page, "it is made only once").waitFor();
  await press(page, "Cancel");
  await page.getByRole("rowheader", { name: "there" }).waitFor();
});

scenario("a 404 from a proxy does not mean deleted", { tokens: three, allowedErrors: [httpError(404)] }, async ({ page, context }) => {
  await context.route("**/api/token/*", (route) => (route.request().method() === "DELETE" ? route.fulfill({ status: 404, json: { message: "Not Found" } }) : route.fallback()));
  await button(page, "Delete one").click();
  await page.getByLabel("Type one to confirm").fill("one");
  await press(page, "Delete");
  await dialog(page).getByText("Not Found").waitFor();
});
