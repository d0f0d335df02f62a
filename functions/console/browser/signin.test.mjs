// Signing in and out, and how a session ends.
import assert from "node:assert/strict";
import { answered, noAnswer, origin, scenario, tokenctl } from "./kit.mjs";

const field = (page) => page.getByLabel("Access token");
const submit = (page) => page.getByRole("button", { name: "Sign in" }).click();
const kept = (page) => page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]));
const nothing = '[{},{},""]';

async function refuse(page, text, message) {
  await field(page).fill(text);
  await submit(page);
  await page.getByText(message).first().waitFor();
  assert.equal(await field(page).getAttribute("aria-invalid"), "true");
  const described = await field(page).getAttribute("aria-describedby");
  assert.match(await page.locator(`#${described.split(" ").at(-1)}`).textContent(), message);
  assert.equal(await page.evaluate(() => document.activeElement.id), "field-access", "the field to correct has the focus");
  assert.equal(await kept(page), nothing);
}

scenario("an access token opens the list, and is kept in sessionStorage alone", { signIn: false, tokens: [{ name: "first" }] }, async ({ page, user, context }) => {
  await field(page).fill(` ${user.accessToken}\n`);
  await field(page).press("Enter");
  await page.getByRole("rowheader", { name: "first" }).waitFor();
  assert.equal(page.url(), `${origin}/`);
  assert.equal(await kept(page), JSON.stringify([{ "latchkey-access-token": user.accessToken }, {}, ""]));
  assert.deepEqual(await context.cookies(), []);
  assert.ok(!(await page.content()).includes(user.accessToken), "the token is nowhere in the document");
});

scenario("an access token that is wrong, empty or no access token is refused beside its field", { signIn: false, expect: [answered(401)] }, async ({ page, user, made }) => {
  assert.equal(await page.evaluate(() => document.activeElement.id), "field-access");
  await refuse(page, "", /Enter your access token/);
  await refuse(page, "at-wrong", /access token/);
  await refuse(page, "two words", /no spaces/);
  await refuse(page, "ключ", /plain letters/);
  const { key } = await user.create({ name: "no access token" });
  await refuse(page, key, /access token/);
  await field(page).fill(user.accessToken);
  await submit(page);
  await page.getByRole("rowheader").waitFor();
});

scenario("a sign-in without a network says so and works afterwards", { signIn: false, expect: [noAnswer] }, async ({ page, context, user }) => {
  await context.route("**/api/token/**", (route) => route.abort());
  await refuse(page, user.accessToken, /no answer from the server/);
  await context.unroute("**/api/token/**");
  await submit(page);
  await page.getByRole("heading", { name: "No tokens yet" }).waitFor();
});

scenario("a reload keeps the session, and another tab has none", { tokens: [{ name: "kept" }] }, async ({ page, context }) => {
  await page.reload();
  await page.getByRole("rowheader", { name: "kept" }).waitFor();
  const other = await context.newPage();
  await other.goto(origin);
  await field(other).waitFor();
  assert.equal(await kept(other), nothing);
});

scenario("signing out forgets the access token and all that was shown", { tokens: [{ name: "secret-project" }] }, async ({ page }) => {
  await page.goto(`${origin}/docs`);
  await page.goto(origin);
  await page.getByRole("rowheader").waitFor();
  await page.getByLabel("Search").fill("secret");
  await page.getByRole("button", { name: "Sign out" }).click();
  await field(page).waitFor();
  assert.equal(await field(page).inputValue(), "");
  assert.equal(await page.evaluate(() => document.activeElement.id), "field-access");
  await page.waitForTimeout(500); // longer than the pause after which a search begins
  for (const move of [() => {}, () => history.back(), () => history.forward(), () => location.reload()]) {
    await page.evaluate(move);
    await page.waitForTimeout(1000); // what Back brings may load itself again
    assert.equal(await kept(page), nothing);
    assert.ok(!(await page.content()).includes("secret-project"));
  }
  await field(page).waitFor();
});

scenario("whoever signs in next finds nothing of the search before", { tokens: [{ name: "alpha" }, { name: "beta" }] }, async ({ page, user }) => {
  await page.getByLabel("Search").evaluate((search) => { // and signs out before the search begins
    search.value = "alpha";
    search.dispatchEvent(new Event("input", { bubbles: true }));
    [...document.querySelectorAll("button")].find((button) => button.textContent === "Sign out").click();
  });
  await page.waitForTimeout(500);
  await field(page).fill(user.accessToken);
  await submit(page);
  await page.getByRole("rowheader", { name: "beta" }).waitFor();
  assert.equal(await page.getByLabel("Search").inputValue(), "");
});

scenario("a session whose access token is revoked ends with the reason", { tokens: [{ name: "seen" }], expect: [answered(401)] }, async ({ page, user }) => {
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("Name").fill("too late");
  await tokenctl("user", "rotate", user.name);
  await tokenctl("user", "rotate", user.name, "--revoke");
  await page.getByRole("button", { name: "Create" }).click();
  await field(page).waitFor();
  assert.match(await page.locator("#field-access-error").textContent(), /access token/);
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.ok(!(await page.content()).includes("seen"));
  assert.equal(await kept(page), nothing);
  await page.reload();
  await field(page).waitFor();
});

scenario("a session that ended before a reload ends with the reason too", { expect: [answered(401)] }, async ({ page, context }) => {
  await context.route("**/api/token/**", (route) => route.fulfill({ status: 401, json: { success: false, code: "unauthorized", message: "The access token has ended: ask for another." } }));
  await page.reload();
  await page.getByText("The access token has ended").first().waitFor();
  assert.equal(await kept(page), nothing);
});
