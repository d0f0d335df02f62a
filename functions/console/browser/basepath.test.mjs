// @ts-check
// The console and the reference work below a base path, as behind a custom domain.
import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { after } from "node:test";
import { confirmKeySaved, dialog, openNewToken, origin, press, scenario } from "./harness.mjs";

const base = "/internal/keys";

// Takes the base path off, as the functions do, and knows no other path.
const server = createServer((incoming, answer) => {
  const path = incoming.url ?? "";
  if (path === base) return void answer.writeHead(308, { Location: `${base}/` }).end();
  if (!path.startsWith(`${base}/`)) return void answer.writeHead(404).end();
  const onward = request(origin + path.slice(base.length), { method: incoming.method, headers: incoming.headers }, (got) => {
    answer.writeHead(got.statusCode ?? 502, got.headers);
    got.pipe(answer);
  });
  onward.on("error", () => answer.writeHead(502).end());
  incoming.pipe(onward);
});
await new Promise((resolve) => { server.listen(0, "127.0.0.1", () => resolve(undefined)); });
after(() => server.close());
const at = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}${base}`;

scenario("sign in, create, read the reference, come back", { at }, async ({ page, user }) => {
  await openNewToken(page, "app");
  await page.getByRole("switch", { name: "Unlimited quota" }).check();
  await press(page, "Create");
  assert.match(await dialog(page).locator("code").innerText(), new RegExp(`${at}/api/usage/token/`));
  await confirmKeySaved(page);
  assert.deepEqual((await user.list()).map(({ name }) => name), ["app"]);

  await page.getByRole("link", { name: "API reference" }).click();
  await page.waitForURL(`${at}/docs`);
  await page.locator(".opblock").first().waitFor();
  await page.getByRole("link", { name: "Console" }).click();
  await page.waitForURL(`${at}/`);
  await page.getByRole("rowheader", { name: "app" }).waitFor();
});

scenario("a slash after the reference's path", { at, signIn: false }, async ({ page }) => {
  await page.goto(`${at}/docs/?a=1`);
  await page.waitForURL(`${at}/docs?a=1`);
  await page.locator(".opblock").first().waitFor();
});
