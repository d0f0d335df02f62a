// @ts-check
// The keyboard is enough for everything, and the focus is always visible.
import assert from "node:assert/strict";
import { dialog, httpError, scenario } from "./harness.mjs";

/**
 * The element that has the focus, and whether the focus is visible.
 * @param {import("playwright-core").Page} page
 */
const focus = (page) => page.evaluate(() => {
  const e = /** @type {HTMLInputElement} */ (document.activeElement);
  const ring = e.closest(".chips") ?? e;
  const style = getComputedStyle(ring);
  const box = e.getBoundingClientRect();
  const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return {
    tag: e.tagName, name: e.getAttribute("aria-label") || e.labels?.[0]?.innerText.trim() || e.innerText?.trim() || "",
    isVisible: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1, isUncovered: hit !== null && (e.contains(hit) || hit.contains(e)), // in the window, with nothing over it
  };
});

/**
 * Presses Tab until the focus is on the element with a name, and checks each stop.
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
async function tabTo(page, name, key = "Tab") {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press(key);
    const at = await focus(page);
    if (at.tag === "BODY") continue;
    assert.ok(at.isVisible, `the focus on ${at.tag} "${at.name}" is visible`);
    assert.ok(at.isUncovered, `${at.tag} "${at.name}" is in the window with nothing over it`);
    if (at.name === name) return;
  }
  assert.fail(`Tab does not reach ${name}`);
}

/**
 * Creates the token by-keyboard.
 * @param {import("playwright-core").Page} page
 */
async function createToken(page) {
  const { keyboard } = page;
  await tabTo(page, "Create the first token");
  await keyboard.press("Enter");
  assert.equal((await focus(page)).name, "Name");
  await keyboard.type("by-keyboard");
  await tabTo(page, "Expires");
  await keyboard.press("ArrowDown"); // Never
  await keyboard.press("ArrowDown"); // In 1 hour
  await tabTo(page, "Unlimited quota");
  await keyboard.press("Space");
  await tabTo(page, "Only certain models");
  await keyboard.press("Space");
  await tabTo(page, "Models");
  await keyboard.type("m1,m2");
  await keyboard.press("Enter");
  await tabTo(page, "Remove m1", "Shift+Tab");
  await keyboard.press("Enter");
  assert.equal((await focus(page)).name, "Models");
  await tabTo(page, "Create");
  await keyboard.press("Enter");
  await dialog(page).getByLabel("Key").waitFor();
  assert.equal((await focus(page)).name, "Key");
  await tabTo(page, "curl");
  await keyboard.press("ArrowRight");
  assert.match(await page.locator("pre").innerText(), /urllib/);
  await page.waitForTimeout(750);
  await tabTo(page, "I have saved the key");
  await keyboard.press("Enter");
  await page.getByRole("rowheader", { name: "by-keyboard" }).waitFor();
  assert.equal((await focus(page)).name, "New token");
}

/**
 * Renames it to renamed.
 * @param {import("playwright-core").Page} page
 */
async function renameToken(page) {
  const { keyboard } = page;
  await tabTo(page, "Edit by-keyboard");
  await keyboard.press("Enter");
  await dialog(page).getByRole("button", { name: "Save", disabled: false }).waitFor();
  await keyboard.press("Escape");
  assert.equal((await focus(page)).name, "Edit by-keyboard", "Escape returns the focus");
  await keyboard.press("Enter");
  await dialog(page).getByRole("button", { name: "Save", disabled: false }).waitFor();
  await keyboard.press("Control+A");
  await keyboard.type("renamed");
  await keyboard.press("Enter");
  await page.getByRole("rowheader", { name: "renamed" }).waitFor();
  assert.equal((await focus(page)).name, "Edit renamed");
}

/**
 * Opens the rotation, cancels it, and deletes the token.
 * @param {import("playwright-core").Page} page
 */
async function deleteToken(page) {
  const { keyboard } = page;
  await tabTo(page, "Rotate the key of renamed");
  await keyboard.press("Space");
  await tabTo(page, "Cancel");
  await keyboard.press("Space");
  assert.equal((await focus(page)).name, "Rotate the key of renamed");

  await tabTo(page, "Delete renamed");
  await keyboard.press("Enter");
  await keyboard.type("renamed");
  await keyboard.press("Enter");
  await page.getByRole("heading", { name: "No tokens yet" }).waitFor();
  assert.equal((await focus(page)).name, "New token", "the focus moves on when its element is gone");
}

for (const viewport of [{ width: 1280, height: 800 }, { width: 360, height: 740 }]) {
  scenario(`the keyboard is enough at ${viewport.width} px`, { signIn: false, viewport }, async ({ page, user }) => {
    const { keyboard } = page;
    await keyboard.type(user.accessToken); // the field has the focus
    await keyboard.press("Enter");
    await page.getByRole("heading", { name: "No tokens yet" }).waitFor();

    await createToken(page);
    const [token] = await user.list();
    assert.deepEqual([token.models, token.unlimited_quota, token.expired_time > 0], [["m2"], true, true]);
    await renameToken(page);
    await deleteToken(page);
    await tabTo(page, "Sign out", "Shift+Tab");
    await keyboard.press("Enter");
    assert.equal((await focus(page)).name, "Access token");
  });
}

scenario("Tab stays inside an open dialog", { tokens: [{ name: "behind" }] }, async ({ page }) => {
  await page.getByRole("button", { name: "New token" }).press("Enter");
  for (let i = 0; i < 25; i++) {
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest("dialog") !== null));
  }
});

scenario("the keyboard is enough for bulk changes", { tokens: [{ name: "k1" }, { name: "k2" }], viewport: { width: 360, height: 740 } }, async ({ page, user }) => {
  await tabTo(page, "Select k2");
  await page.keyboard.press("Space");
  await tabTo(page, "Select k1");
  await page.keyboard.press("Space");
  await tabTo(page, "Disable", "Shift+Tab");
  await page.keyboard.press("Enter");
  await tabTo(page, "Disable");
  await page.keyboard.press("Enter");
  await page.getByRole("status").filter({ hasText: "2 tokens disabled." }).waitFor();
  assert.equal((await focus(page)).name, "New token");
  assert.deepEqual((await user.list()).map(({ status }) => status), [2, 2]);
});

// Screen readers announce a message only if its live region was in the document before.
scenario("live regions exist before their messages", { tokens: [{ name: "told" }], allowedErrors: [httpError(400)] }, async ({ page }) => {
  const notice = page.locator(".notice");
  assert.equal(await notice.getAttribute("role"), "status");
  assert.equal(await notice.innerText(), "");
  const handle = await notice.elementHandle();
  await page.getByRole("button", { name: "Disable told" }).click();
  await page.getByText("told is disabled.").waitFor();
  assert.equal(await handle.evaluate((e) => e.isConnected && e.textContent), "told is disabled.");
  await page.getByRole("button", { name: "New token" }).click();
  await dialog(page).getByRole("button", { name: "Create" }).click();
  await dialog(page).getByRole("alert").filter({ hasText: /^name / }).waitFor();
});
