// The table: what it shows, and how tokens are found in it.
import assert from "node:assert/strict";
import { answered, scenario } from "./kit.mjs";

const names = (page) => page.getByRole("rowheader").evaluateAll((cells) => cells.map((cell) => cell.firstChild.nextSibling?.textContent ?? cell.textContent));
const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("rowheader", { name }) });
const pages = (page) => page.getByRole("navigation", { name: "Pages of tokens" });
const settled = (page) => page.locator("[aria-busy=true]").waitFor({ state: "detached" });
const many = (n, prefix = "token-") => Array.from({ length: n }, (_, i) => ({ name: `${prefix}${String(i + 1).padStart(2, "0")}` }));

/** Does something that asks the API, and waits until the answer is shown. */
async function asking(page, work) {
  const answer = page.waitForResponse(/\/api\/token\//);
  await work();
  await answer;
  await settled(page);
}

scenario("a row shows name, mask, status, quota, expiry, models and last use", {}, async ({ page, user }) => {
  const soon = Math.floor(Date.now() / 1000) + 3 * 86_400 + 60;
  const token = await user.create({ name: "shop", group: "web", remain_quota: 1_000_000, expired_time: soon, models: ["gpt-4o", "o3", "claude"], model_limits_enabled: true });
  await user.create({ name: "open", unlimited_quota: true });
  await user.verify(token.key, { model: "o3", quota: 250_000 });
  await page.reload();
  await row(page, "shop").waitFor();
  const cells = await row(page, "shop").getByRole("cell").allInnerTexts();
  assert.deepEqual(cells.slice(1, -1).map((text) => text.replace(/\s+/g, " ").trim()), [
    (await user.get(token.id)).key, "enabled", "750,000 left, 250,000 used", "in 3 days", "gpt-4o, o3 and 1 more", "just now",
  ]);
  assert.match(await row(page, "shop").getByRole("rowheader").innerText(), new RegExp(`shop\\s+#${token.id} · web`));
  const bar = row(page, "shop").getByRole("progressbar", { name: "Used 250,000 of 1,000,000" });
  assert.deepEqual(await bar.evaluate((e) => [e.value, e.max]), [250_000, 1_000_000]);
  const time = row(page, "shop").locator("time").first();
  const exactly = new Intl.DateTimeFormat("en", { dateStyle: "long", timeStyle: "long", timeZone: "UTC" }).format(soon * 1000);
  assert.equal((await time.getAttribute("title")).replace(/\s/g, " "), exactly.replace(/\s/g, " "));
  assert.equal(await time.getAttribute("datetime"), new Date(soon * 1000).toISOString());
  assert.equal(await row(page, "shop").getByTitle("gpt-4o, o3, claude").count(), 1);
  assert.match((await row(page, "open").innerText()).replace(/\s+/g, " "), /unlimited 0 used never all never/);
  assert.ok(!(await page.content()).includes(token.key), "the list has masks only");
});

scenario("pages follow each other, in the size that is chosen", { tokens: many(27) }, async ({ page }) => {
  const next = pages(page).getByRole("button", { name: "Next" }), previous = pages(page).getByRole("button", { name: "Previous" });
  assert.match(await pages(page).innerText(), /Page 1 of 3 · 27 tokens/);
  assert.equal(await page.getByRole("rowheader").count(), 10);
  assert.ok(await previous.isDisabled());
  await asking(page, () => next.click());
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Next", "the focus stays for the next page");
  await asking(page, () => next.click());
  assert.match(await pages(page).innerText(), /Page 3 of 3/);
  assert.deepEqual((await names(page)).length, 7);
  assert.ok(await next.isDisabled());
  await asking(page, () => page.getByLabel("Rows").selectOption("25"));
  assert.match(await pages(page).innerText(), /Page 1 of 2/);
  assert.equal(await page.getByRole("rowheader").count(), 25);
});

scenario("a page whose tokens are gone gives way to the last that is left", { tokens: many(11) }, async ({ page, user }) => {
  await asking(page, () => pages(page).getByRole("button", { name: "Next" }).click());
  const [last] = await user.list().then((tokens) => tokens.slice(-1));
  await row(page, "token-").getByRole("button", { name: /Delete/ }).click();
  await page.getByLabel(/Type/).fill(last.name);
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("Page 1 of 1 · 10 tokens").waitFor();
  assert.equal(await page.getByRole("rowheader").count(), 10);
});

scenario("a search finds a part of a name in any case, blanks included", { tokens: [{ name: "Blue whale" }, { name: "blue jay" }, { name: "red fox" }] }, async ({ page }) => {
  const search = page.getByLabel("Search");
  await asking(page, () => search.pressSequentially("BLUE "));
  assert.deepEqual((await page.getByRole("rowheader").count()), 2);
  await page.waitForTimeout(400);
  await asking(page, () => search.pressSequentially("whale"));
  assert.equal(await search.inputValue(), "BLUE whale");
  assert.equal(await page.getByRole("rowheader").count(), 1);
  await asking(page, async () => { await search.fill("nothing"); await search.press("Enter"); });
  await page.getByRole("heading", { name: "Nothing found" }).waitFor();
  await page.getByRole("button", { name: "Show all tokens" }).click();
  await page.getByText("3 tokens").waitFor();
  assert.equal(await search.inputValue(), "");
});

scenario("a key is found by its last four characters, and a whole key is sent nowhere", { tokens: many(3) }, async ({ page, made }) => {
  const search = page.getByLabel("Search");
  await asking(page, () => search.fill(`sk-${made[1].key.slice(-4)}`));
  await row(page, made[1].name).waitFor();
  assert.equal(await page.getByRole("rowheader").count(), 1);
  for (const whole of [made[0].key, ` ${made[0].key} `, `key=${made[0].key}`, made[0].key.slice(0, -1)]) {
    let asked = 0;
    page.on("request", () => { asked++; });
    await search.fill(whole);
    await page.getByText("This is a whole key").waitFor();
    await search.press("Enter");
    await page.waitForTimeout(350);
    assert.equal(asked, 0);
    assert.equal(await search.getAttribute("aria-invalid"), "true");
    await asking(page, () => search.fill(""));
    assert.equal(await search.getAttribute("aria-invalid"), null);
    page.removeAllListeners("request");
  }
});

scenario("each status can be filtered, and a filter that finds nothing says so", { tokens: [{ name: "works", remain_quota: 5 }, { name: "off", remain_quota: 5 }, { name: "old", remain_quota: 5 }, { name: "spent" }] }, async ({ page, user, made }) => {
  await user.change({ id: made[1].id, status: 2 });
  await user.change({ id: made[2].id, expired_time: 1_000_000_000 });
  const filter = page.getByLabel("Status");
  for (const [status, name] of [["Enabled", "works"], ["Disabled", "off"], ["Expired", "old"], ["Exhausted", "spent"]]) {
    await asking(page, () => filter.selectOption(status));
    assert.equal(await page.getByRole("rowheader").count(), 1);
    assert.match(await row(page, name).innerText(), new RegExp(status.toLowerCase()));
  }
  await asking(page, () => page.getByLabel("Search").fill("works"));
  await page.getByRole("heading", { name: "Nothing found" }).waitFor();
});

scenario("tokens beyond the 2,000 newest are searched when asked for", {}, async ({ page, user }) => {
  await user.withoutLimits();
  const [oldest] = await user.createAll([{ name: "needle" }]);
  for (let i = 0; i < 40; i++) await user.createAll(many(50, `straw-${i}-`));
  await asking(page, () => page.getByLabel("Search").fill("needle"));
  await page.getByText("there are older ones").waitFor();
  await asking(page, () => page.getByRole("button", { name: "Search older tokens" }).click());
  await row(page, "needle").waitFor();
  assert.match(await row(page, "needle").innerText(), new RegExp(`#${oldest.id}`));
  await asking(page, () => pages(page).getByRole("button", { name: "Previous" }).click());
  await page.getByText("there are older ones").waitFor();
});
