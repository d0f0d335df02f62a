// @ts-check
// The table of tokens: what it shows, and how to search it.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { barrier, button, dialog, httpError, openEditor, press, scenario, tokenctl } from "./harness.mjs";

const three = ["one", "two", "three"].map((name) => ({ name, remain_quota: 100 }));
/** @param {import("playwright-core").Page} page */
const names = (page) => page.getByRole("rowheader").evaluateAll((cells) => cells.map((cell) => cell.firstChild.nextSibling?.textContent ?? cell.textContent));
/**
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("rowheader", { name }) });
/** @param {import("playwright-core").Page} page */
const pager = (page) => page.getByRole("navigation", { name: "Pages of tokens" });
/** @param {import("playwright-core").Page} page */
const settled = (page) => page.locator("[aria-busy=true]").waitFor({ state: "detached" });
/** @param {number} n */
const many = (n, prefix = "token-") => Array.from({ length: n }, (_, i) => ({ name: `${prefix}${String(i + 1).padStart(2, "0")}` }));

/**
 * Does something that sends a request, and waits until the page shows the response.
 * @param {import("playwright-core").Page} page
 * @param {() => Promise<unknown>} work
 */
async function withRequest(page, work) {
  const response = page.waitForResponse(/\/api\/token\//);
  await work();
  await response;
  await settled(page);
}

scenario("a row shows all that it should", {}, async ({ page, user }) => {
  const soon = Math.floor(Date.now() / 1000) + 3 * 86_400 + 60;
  const token = await user.create({ name: "shop", group: "web", remain_quota: 1_000_000, expired_time: soon, models: ["gpt-4o", "o3", "claude"], model_limits_enabled: true });
  await user.create({ name: "open", unlimited_quota: true });
  await user.verify(token.key, { model: "o3", quota: 250_000 });
  await page.reload();
  await row(page, "shop").waitFor();
  const cells = await row(page, "shop").getByRole("cell").allInnerTexts();
  assert.deepEqual(cells.slice(1, -1).map((text) => text.replace(/\s+/g, " ").trim()), [
    (await user.get(token.id)).key, "enabled", "750,000 left, 250,000 used", "in 3 days", "gpt-4o, o3 and 1 more", "just now 127.0.0.0/24 · node",
  ]);
  assert.match(await row(page, "shop").getByRole("rowheader").innerText(), new RegExp(`shop\\s+#${token.id} · web`));
  const bar = row(page, "shop").getByRole("progressbar", { name: "Used 250,000 of 1,000,000" });
  assert.deepEqual(await bar.evaluate((/** @type {HTMLProgressElement} */ e) => [e.value, e.max]), [250_000, 1_000_000]);
  const time = row(page, "shop").locator("time").first();
  const exactly = new Intl.DateTimeFormat("en", { dateStyle: "long", timeStyle: "long", timeZone: "UTC" }).format(soon * 1000);
  assert.equal((await time.getAttribute("title")).replace(/\s/g, " "), exactly.replace(/\s/g, " "));
  assert.equal(await time.getAttribute("datetime"), new Date(soon * 1000).toISOString());
  assert.equal(await row(page, "shop").getByTitle("gpt-4o, o3, claude").count(), 1);
  assert.match((await row(page, "open").innerText()).replace(/\s+/g, " "), /unlimited 0 used never all never/);
  assert.ok(!(await page.content()).includes(token.key), "the list shows only masks");
});

scenario("an imported token says from where it comes", { tokens: [{ name: "made here" }] }, async ({ page, user }) => {
  const folder = await mkdtemp(join(tmpdir(), "latchkey-"));
  const file = join(folder, "export.json");
  await writeFile(file, JSON.stringify([{ token: createHash("sha256").update(user.name).digest("hex"), key_name: "sk-...AB12", key_alias: "came", spend: 0, max_budget: 10, expires: null, models: [], blocked: null }]));
  await tokenctl("import", file, "--keep-keys", "--user", user.name, "--units-per-dollar", "500000");
  await rm(folder, { recursive: true });
  await page.reload();
  await row(page, "came").getByText("imported from litellm").waitFor();
  assert.equal(await page.getByText("imported from").count(), 1);
  await openEditor(page, "came");
  await dialog(page).getByText("Imported from litellm with its key.").waitFor();
  await press(page, "Cancel");
  await openEditor(page, "made here");
  assert.equal(await dialog(page).getByText("Imported from").count(), 0);
});

scenario("with prices, quota is shown in dollars", {}, async ({ page, context, user }) => {
  await context.route("**/api/status", (route) => route.fulfill({ json: { success: true, message: "", data: { system_name: "Latchkey", version: "1", quota_per_unit: 500_000 } } }));
  const token = await user.create({ name: "shop", remain_quota: 750_000 });
  await user.verify(token.key, { quota: 1250 });
  await page.reload();
  await row(page, "shop").getByText("$1.4975 left, $0.0025 used").waitFor();
  await row(page, "shop").getByRole("button", { name: "Edit shop" }).click();
  await page.getByText("748,750 units left ($1.4975). 500,000 units are $1.00.").waitFor();
});

scenario("a budget is shown with what is left of it", {}, async ({ page, user }) => {
  const token = await user.create({ name: "shop", unlimited_quota: true });
  assert.equal(await page.getByText("Budget:").count(), 0, "no budget, nothing to show");
  await tokenctl("user", "budget", user.name, "--units", "6400", "--per", "month");
  await user.verify(token.key, { quota: 10 }); // draws a 64th
  await page.reload();
  await page.getByText(/Budget: 6,300 of 6,400 units left, renews in /).waitFor();
  await tokenctl("user", "budget", user.name, "--none");
  await page.reload();
  await row(page, "shop").waitFor();
  assert.equal(await page.getByText("Budget:").count(), 0, "the budget was removed");
});

scenario("pages turn and have the chosen size", { tokens: many(27) }, async ({ page }) => {
  const next = pager(page).getByRole("button", { name: "Next" }), previous = pager(page).getByRole("button", { name: "Previous" });
  assert.match(await pager(page).innerText(), /Page 1 of 3 · 27 tokens/);
  assert.equal(await page.getByRole("rowheader").count(), 10);
  assert.ok(await previous.isDisabled());
  await withRequest(page, () => next.click());
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Next", "the focus stays on the button");
  await withRequest(page, () => next.click());
  assert.match(await pager(page).innerText(), /Page 3 of 3/);
  assert.deepEqual((await names(page)).length, 7);
  assert.ok(await next.isDisabled());
  await withRequest(page, () => page.getByLabel("Rows").selectOption("25"));
  assert.match(await pager(page).innerText(), /Page 1 of 2/);
  assert.equal(await page.getByRole("rowheader").count(), 25);
});

// This happens when the last token of the last page is deleted.
scenario("an emptied page gives way to the last page", { tokens: many(11) }, async ({ page, user }) => {
  await withRequest(page, () => pager(page).getByRole("button", { name: "Next" }).click());
  const [last] = await user.list().then((all) => all.slice(-1));
  await row(page, "token-").getByRole("button", { name: /Delete/ }).click();
  await page.getByLabel(/Type/).fill(last.name);
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("Page 1 of 1 · 10 tokens").waitFor();
  assert.equal(await page.getByRole("rowheader").count(), 10);
});

scenario("a search ignores case and keeps spaces", { tokens: [{ name: "Blue whale" }, { name: "blue jay" }, { name: "red fox" }] }, async ({ page }) => {
  const search = page.getByLabel("Search");
  await withRequest(page, () => search.pressSequentially("BLUE "));
  assert.deepEqual((await page.getByRole("rowheader").count()), 2);
  await page.waitForTimeout(400);
  await withRequest(page, () => search.pressSequentially("whale"));
  assert.equal(await search.inputValue(), "BLUE whale");
  assert.equal(await page.getByRole("rowheader").count(), 1);
  await withRequest(page, async () => { await search.fill("nothing"); await search.press("Enter"); });
  await page.getByRole("heading", { name: "Nothing found" }).waitFor();
  await page.getByRole("button", { name: "Show all tokens" }).click();
  await page.getByText("3 tokens").waitFor();
  assert.equal(await search.inputValue(), "");
});

// A key is found by its last four characters.
scenario("a whole key is never sent as a search", { tokens: many(3) }, async ({ page, tokens }) => {
  const search = page.getByLabel("Search");
  await withRequest(page, () => search.fill(`sk-${tokens[1].key.slice(-4)}`));
  await row(page, tokens[1].name).waitFor();
  assert.equal(await page.getByRole("rowheader").count(), 1);
  for (const whole of [tokens[0].key, ` ${tokens[0].key} `, `key=${tokens[0].key}`, tokens[0].key.slice(0, -1)]) {
    let requests = 0;
    page.on("request", () => { requests++; });
    await search.fill(whole);
    await page.getByText("This is a whole key").waitFor();
    await search.press("Enter");
    await page.waitForTimeout(350);
    assert.equal(requests, 0);
    assert.equal(await search.getAttribute("aria-invalid"), "true");
    await withRequest(page, () => search.fill(""));
    assert.equal(await search.getAttribute("aria-invalid"), null);
    page.removeAllListeners("request");
  }
});

scenario("each status can be filtered", { tokens: [{ name: "works", remain_quota: 5 }, { name: "off", remain_quota: 5 }, { name: "old", remain_quota: 5 }, { name: "spent" }] }, async ({ page, user, tokens }) => {
  await user.update({ id: tokens[1].id, status: 2 });
  await user.update({ id: tokens[2].id, expired_time: 1_000_000_000 });
  const filter = page.getByLabel("Status");
  for (const [status, name] of [["Enabled", "works"], ["Disabled", "off"], ["Expired", "old"], ["Exhausted", "spent"]]) {
    await withRequest(page, () => filter.selectOption(status));
    assert.equal(await page.getByRole("rowheader").count(), 1);
    assert.match(await row(page, name).innerText(), new RegExp(status.toLowerCase()));
  }
  await withRequest(page, () => page.getByLabel("Search").fill("works"));
  await page.getByRole("heading", { name: "Nothing found" }).waitFor();
});

scenario("tokens beyond the newest 2,000 can be searched", { allowedErrors: [httpError(503)] }, async ({ page, context, user }) => {
  await user.removeLimits();
  const [oldest] = await user.createAll([{ name: "needle" }]);
  for (let i = 0; i < 40; i++) await user.createAll(many(50, `straw-${i}-`));
  const { released, release } = barrier();
  await context.route("**/api/token/search?*after=*", async (route) => { await released; await route.continue(); });
  const search = page.getByLabel("Search"), progress = page.getByLabel("Searched tokens");
  await search.fill("needle");
  await progress.waitFor(); // the older tokens are searched without a click
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("There are older tokens").waitFor();
  await page.getByRole("button", { name: "Search older tokens" }).click();
  release();
  await row(page, "needle").waitFor();
  assert.match(await row(page, "needle").innerText(), new RegExp(`#${oldest.id}`));
  assert.equal(await pager(page).getByRole("button", { name: "Previous" }).getAttribute("aria-disabled"), "true", "no newer token matches");
  await search.fill("straw-39-");
  await page.getByText("Page 1 of 5").waitFor();
  await search.fill("in no name");
  await page.getByText("No token matches the search.").waitFor();
});

// After the first click, the button below the pointer is another one.
scenario("a double click on Disable changes one token", { tokens: three }, async ({ page, user }) => {
  const box = await button(page, "Disable two").boundingBox();
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

scenario("only visible tokens stay selected", { tokens: Array.from({ length: 12 }, (_, i) => ({ name: `t${i + 1}` })) }, async ({ page, context }) => {
  const { released, release } = barrier();
  await context.route("**/api/token/?*p=2*", async (route) => { await released; await route.continue(); });
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByLabel("Select t12", { exact: true }).check();
  await page.getByText("1 selected").waitFor();
  release();
  await page.getByRole("rowheader", { name: /^t1\b/ }).waitFor();
  await page.getByText("1 selected").waitFor({ state: "detached" });
});
