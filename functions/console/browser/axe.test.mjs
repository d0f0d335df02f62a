// @ts-check
// axe-core finds no violation in any state of the console: light, dark, and
// 360 pixels wide.
import assert from "node:assert/strict";
import { barrier, dialog, httpError, networkError, runAxe, scenario } from "./harness.mjs";

/** @type {Record<string, import("playwright-core").BrowserContextOptions>} */
const looks = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  narrow: { viewport: { width: 360, height: 740 } },
};

for (const [look, options] of Object.entries(looks)) {
  scenario(`axe passes: sign-in, empty list (${look})`, { ...options, signIn: false, allowedErrors: [httpError(401), networkError] }, async ({ page, user, context }) => {
    await clean(page, "sign-in");
    await page.getByLabel("Access token").fill("at-wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator(".error").waitFor();
    await clean(page, "sign-in with an error");
    await page.getByLabel("Access token").fill(user.accessToken);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "No tokens yet" }).waitFor();
    await clean(page, "empty");
    const { released, release } = barrier();
    await context.route("**/api/token/**", async (route) => { await released; await route.abort(); });
    await page.reload();
    await page.getByText("Loading the tokens").waitFor({ state: "attached" });
    await clean(page, "loading");
    await page.clock.install();
    release();
    for (let i = 0; i < 20 && !(await page.getByRole("button", { name: "Try again" }).count()); i++) { await page.clock.runFor(1000); await page.waitForTimeout(100); }
    await page.clock.resume();
    await page.getByRole("button", { name: "Try again" }).waitFor();
    await clean(page, "error");
  });

  scenario(`axe passes: table and dialogs (${look})`, {
    ...options, allowedErrors: [httpError(400, 412)],
    tokens: [{ name: "plain", remain_quota: 10 }, { name: "disabled", unlimited_quota: true }, { name: "expired", remain_quota: 1 }, { name: "exhausted", group: "g" }, { name: "limited", remain_quota: 9, models: ["a", "b", "c"], model_limits_enabled: true }],
  }, async ({ page, user, tokens }) => {
    await user.update({ id: tokens[1].id, status: 2 });
    await user.update({ id: tokens[2].id, expired_time: 1_000_000_000 });
    await user.verify(tokens[4].key, { model: "a", quota: 4 });
    await page.reload();
    await page.getByText("expired", { exact: true }).first().waitFor();
    await clean(page, "table");
    await page.getByRole("checkbox", { name: "Select all tokens of this page" }).check();
    await clean(page, "bulk bar and selected rows");
    await page.getByRole("group", { name: "Selected tokens" }).getByRole("button", { name: "Delete" }).click();
    await clean(page, "bulk deletion");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Clear selection" }).click();
    await page.getByLabel("Status").selectOption("Disabled");
    await page.getByLabel("Search").fill("nothing");
    await page.getByRole("heading", { name: "Nothing found" }).waitFor();
    await clean(page, "nothing found");
    await page.getByLabel("Search").fill(`sk-${"x".repeat(54)}`);
    await page.getByText("This is a whole key").waitFor();
    await clean(page, "whole key");
    await page.getByLabel("Search").fill("");
    await page.getByLabel("Status").selectOption("Any");

    await page.getByRole("button", { name: "Delete plain" }).click();
    await clean(page, "deletion");
    await page.getByLabel("Type plain to confirm").fill("plain");
    await clean(page, "deletion that is confirmed");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Edit limited" }).click();
    await dialog(page).getByRole("button", { name: "Save", disabled: false }).waitFor();
    await clean(page, "editor of a token");
    await page.getByLabel("Name").fill("mine");
    await user.update({ id: tokens[4].id, name: "theirs" });
    await dialog(page).getByRole("button", { name: "Save" }).click();
    await dialog(page).getByRole("button", { name: "Use their version" }).waitFor();
    await clean(page, "conflict");
    await page.keyboard.press("Escape");

    await page.getByRole("button", { name: "New token" }).click();
    await page.getByRole("switch", { name: "Only certain models" }).check();
    await page.getByLabel("Models", { exact: true }).fill("gpt-4o,");
    await page.getByLabel("Expires").selectOption("On a date…");
    await addLimits(page);
    await clean(page, "editor with limits");
    await dialog(page).getByRole("button", { name: "Create" }).click();
    await dialog(page).locator(".error").waitFor();
    await clean(page, "editor with an error");
    await page.getByLabel("Name").fill("new");
    await page.getByLabel("Expires").selectOption("Never");
    await dialog(page).getByRole("button", { name: "Create" }).click();
    await dialog(page).getByLabel("Key").waitFor();
    await clean(page, "key");
    await page.waitForTimeout(750);
    await dialog(page).getByRole("button", { name: "I have saved the key" }).click();
    await page.getByRole("button", { name: "Disable new" }).click();
    await page.getByText("new is disabled.").waitFor();
    await page.getByRole("button", { name: "Rotate the key of new" }).click();
    await clean(page, "rotation");
  });
}

/**
 * @param {import("playwright-core").Page} page
 * @param {string} state
 */
async function clean(page, state) {
  const found = await runAxe(page);
  assert.deepEqual(found, [], `${state}: ${found.join("\n")}`);
}

/** @param {import("playwright-core").Page} page */
async function addLimits(page) {
  await dialog(page).getByText("More limits").click();
  for (const period of ["month", "week", "length"]) {
    await dialog(page).getByRole("button", { name: "Add a window" }).click();
    await dialog(page).getByLabel("Every").last().selectOption(period);
    await dialog(page).getByLabel("Units", { exact: true }).last().fill("5");
  }
  await dialog(page).getByLabel("Length").fill("5h");
  await dialog(page).getByRole("button", { name: "Add a model quota" }).click();
}
