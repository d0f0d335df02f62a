// @ts-check
// Signing in and out, and how a session ends.
import assert from "node:assert/strict";
import { barrier, button, focusedId, httpError, networkError, newUser, origin, scenario, tokenctl } from "./harness.mjs";

const three = ["one", "two", "three"].map((name) => ({ name, remain_quota: 100 }));
/** @param {import("playwright-core").Page} page */
const field = (page) => page.getByLabel("Access token");
/** @param {import("playwright-core").Page} page */
const submit = (page) => page.getByRole("button", { name: "Sign in" }).click();
/**
 * Everything that the page has stored.
 * @param {import("playwright-core").Page} page
 */
const stored = (page) => page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]));
const nothing = '[{},{},""]';

/**
 * Checks that an access token is refused with a message at its field.
 * @param {import("playwright-core").Page} page
 * @param {string} text
 * @param {RegExp} message
 */
async function refuse(page, text, message) {
  await field(page).fill(text);
  await submit(page);
  await page.getByText(message).first().waitFor();
  assert.equal(await field(page).getAttribute("aria-invalid"), "true");
  const described = await field(page).getAttribute("aria-describedby");
  assert.match(await page.locator(`#${described.split(" ").at(-1)}`).textContent(), message);
  assert.equal(await focusedId(page), "field-access", "the field has the focus");
  assert.equal(await stored(page), nothing);
}

scenario("an access token is kept in sessionStorage only", { signIn: false, tokens: [{ name: "first" }] }, async ({ page, user, context }) => {
  await field(page).fill(` ${user.accessToken}\n`);
  await field(page).press("Enter");
  await page.getByRole("rowheader", { name: "first" }).waitFor();
  assert.equal(page.url(), `${origin}/`);
  assert.equal(await stored(page), JSON.stringify([{ "latchkey-access-token": user.accessToken }, {}, ""]));
  assert.deepEqual(await context.cookies(), []);
  assert.ok(!(await page.content()).includes(user.accessToken), "the access token is not in the document");
});

scenario("a wrong access token is refused at its field", { signIn: false, allowedErrors: [httpError(401)] }, async ({ page, user }) => {
  assert.equal(await focusedId(page), "field-access");
  await refuse(page, "", /Enter your access token/);
  await refuse(page, "at-wrong", /access token/);
  await refuse(page, "two words", /no spaces/);
  await refuse(page, "ключ", /ASCII characters/);
  const { key } = await user.create({ name: "no access token" });
  await refuse(page, key, /access token/);
  await field(page).fill(user.accessToken);
  await submit(page);
  await page.getByRole("rowheader").waitFor();
});

scenario("signing in works after a network error", { signIn: false, allowedErrors: [networkError] }, async ({ page, context, user }) => {
  await context.route("**/api/token/**", (route) => route.abort());
  await refuse(page, user.accessToken, /No response from the server/);
  await context.unroute("**/api/token/**");
  await submit(page);
  await page.getByRole("heading", { name: "No tokens yet" }).waitFor();
});

scenario("a reload keeps the session, a new tab has none", { tokens: [{ name: "kept" }] }, async ({ page, context }) => {
  await page.reload();
  await page.getByRole("rowheader", { name: "kept" }).waitFor();
  const other = await context.newPage();
  await other.goto(origin);
  await field(other).waitFor();
  assert.equal(await stored(other), nothing);
});

scenario("signing out forgets everything", { tokens: [{ name: "secret-project" }] }, async ({ page }) => {
  await page.goto(`${origin}/docs`);
  await page.goto(origin);
  await page.getByRole("rowheader").waitFor();
  await page.getByLabel("Search").fill("secret");
  await page.getByRole("button", { name: "Sign out" }).click();
  await field(page).waitFor();
  assert.equal(await field(page).inputValue(), "");
  assert.equal(await focusedId(page), "field-access");
  await page.waitForTimeout(500); // longer than the delay of a search
  for (const move of [() => {}, () => history.back(), () => history.forward(), () => location.reload()]) {
    await page.evaluate(move);
    await page.waitForTimeout(1000); // a restored page may reload itself
    assert.equal(await stored(page), nothing);
    assert.ok(!(await page.content()).includes("secret-project"));
  }
  await field(page).waitFor();
});

// The user types a search and signs out before it starts.
scenario("the next session does not see the old search", { tokens: [{ name: "alpha" }, { name: "beta" }] }, async ({ page, user }) => {
  await page.getByLabel("Search").evaluate((/** @type {HTMLInputElement} */ search) => { // sign out before the search starts
    search.value = "alpha";
    search.dispatchEvent(new Event("input", { bubbles: true }));
    [...document.querySelectorAll("button")].find((element) => element.textContent === "Sign out").click();
  });
  await page.waitForTimeout(500);
  await field(page).fill(user.accessToken);
  await submit(page);
  await page.getByRole("rowheader", { name: "beta" }).waitFor();
  assert.equal(await page.getByLabel("Search").inputValue(), "");
});

scenario("a revoked access token ends the session", { tokens: [{ name: "seen" }], allowedErrors: [httpError(401)] }, async ({ page, user }) => {
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("Name").fill("too late");
  await tokenctl("user", "rotate", user.name);
  await tokenctl("user", "rotate", user.name, "--revoke");
  await page.getByRole("button", { name: "Create" }).click();
  await field(page).waitFor();
  assert.match(await page.locator("#field-access-error").textContent(), /access token/);
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.ok(!(await page.content()).includes("seen"));
  assert.equal(await stored(page), nothing);
  await page.reload();
  await field(page).waitFor();
});

scenario("a session that ended before a reload says why", { allowedErrors: [httpError(401)] }, async ({ page, context }) => {
  await context.route("**/api/token/**", (route) => route.fulfill({ status: 401, json: { success: false, code: "unauthorized", message: "The access token was revoked. Ask for another." } }));
  await page.reload();
  await page.getByText("The access token was revoked").first().waitFor();
  assert.equal(await stored(page), nothing);
});

// A late 401 to a request of the old session must not end the new one.
scenario("a request does not affect a later session", { tokens: three, allowedErrors: [httpError(401), networkError] }, async ({ page, context }) => {
  const { released, release } = barrier();
  await context.route("**/api/token/?status_only=true", async (route) => {
    await released;
    await route.fulfill({ status: 401, json: { success: false, code: "unauthorized", message: "No.", request_id: "x" } }).catch(() => {}); // the page aborted it
  });
  const other = await newUser();
  await other.createAll(three);
  await button(page, "Disable two").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Access token").fill(other.accessToken);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("rowheader", { name: "two" }).waitFor();
  assert.equal(await button(page, "Disable two").getAttribute("aria-disabled"), "false");
  release();
  await page.waitForTimeout(300);
  assert.ok(await page.getByRole("rowheader", { name: "two" }).isVisible());
  assert.equal(await page.locator(".notices .problem").count(), 0);
});

scenario("Back after signing out shows no tokens", { tokens: three }, async ({ page }) => {
  await page.goto(`${origin}/docs`);
  await page.goto(origin);
  await page.getByRole("rowheader", { name: "two" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  for (let i = 0; i < 2; i++) {
    await page.evaluate(() => history.back());
    await page.waitForTimeout(1000); // a restored page may reload itself
    assert.equal(await page.getByRole("rowheader").count(), 0);
  }
});
