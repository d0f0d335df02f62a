// What the browser tests are made of: the server, the browser, and a scenario,
// which is a test with a user of its own. The make target names the folder of
// the npm packages as BROWSER_MODULES and tokenctl as TOKENCTL.
import { spawn, execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";

const modules = createRequire(process.env.BROWSER_MODULES + "/");
const { chromium } = modules("playwright-core");
const run = promisify(execFile);

const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const secret = /(sk|at)-[0-9A-Za-z]{32,}/;

const folder = await mkdtemp(join(tmpdir(), "latchkey-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
const [server, browser] = await Promise.all([serve(), chromium.launch({
  executablePath: process.env.CHROMIUM, ignoreDefaultArgs: true,
  args: [...flags, "--remote-debugging-pipe", `--user-data-dir=${join(folder, "profile")}`],
})]);
/** Where the console is. */
export const origin = server.origin;

after(async () => {
  await browser.close();
  await server.stop();
  if (secret.test(server.log)) throw new Error("the server's log has a whole key or access token");
  if (/"status":500|panic/.test(server.log)) throw new Error("the server answered 500: " + /.*("status":500|panic).*/.exec(server.log)[0]);
});

/** Starts the local server on a free port, with an engine and data of its own. */
async function serve() {
  const env = { ...process.env, PORT: "0", DATA_DIR: join(folder, "data") };
  delete env.DYNAMODB_ENDPOINT;
  const child = spawn(process.env.TOKENCTL, ["serve"], { env, stdio: ["ignore", "pipe", "pipe"] });
  process.on("exit", () => child.kill("SIGINT")); // if the tests could not end it
  const ended = new Promise((resolve) => { child.on("exit", resolve); });
  let text = "", log = "";
  child.stderr.on("data", (chunk) => { log += chunk; });
  await new Promise((resolve, reject) => {
    child.stdout.on("data", (chunk) => { text += chunk; if (text.includes("Stop with")) resolve(); });
    ended.then((code) => reject(new Error(`tokenctl serve ended with ${code}: ${log}`)));
  });
  return {
    origin: /ready at (\S+)/.exec(text)[1],
    engine: /Engine: +(\S+)/.exec(text)[1],
    get log() { return log; },
    stop: () => { child.kill("SIGINT"); return ended; },
  };
}

/** Runs tokenctl against the server's table and gives what it printed. */
export async function tokenctl(...args) {
  return (await run(process.env.TOKENCTL, args, { env: { ...process.env, DYNAMODB_ENDPOINT: server.engine } })).stdout;
}

let users = 0;

/** A user, and the API as this user calls it. */
export async function newUser() {
  const name = `user-${process.pid}-${++users}`;
  const accessToken = secret.exec(await tokenctl("user", "create", name))[0];
  const call = async (method, path, body, bearer = accessToken) => {
    const answer = await fetch(origin + path, {
      method, body: body && JSON.stringify(body), headers: { Authorization: `Bearer ${bearer}`, "Content-Type": "application/json" },
    });
    const { success, message, data } = await answer.json();
    if (!success) throw Object.assign(new Error(`${method} ${path}: ${message}`), { status: answer.status });
    return data;
  };
  return {
    name, accessToken,
    withoutLimits: () => tokenctl("user", "limit", name, "--max-tokens", "0", "--creates-per-second", "0"),
    create: (token) => call("POST", "/api/token/", token),
    createAll: async (tokens) => (await call("POST", "/api/token/batch/create", { tokens })).items,
    get: (id) => call("GET", `/api/token/${id}`),
    list: async () => (await call("GET", "/api/token/?p=1&page_size=100")).items,
    change: (token) => call("PUT", "/api/token/", token),
    remove: (id) => call("DELETE", `/api/token/${id}`),
    verify: (key, question = {}) => call("POST", "/api/token/verify", question, key),
  };
}

/**
 * A test whose name states a guarantee. Its body gets a user, a page that is
 * signed in (unless signIn is false) and what can be done with both. It fails
 * also for what nobody should see: a request to elsewhere, an error on the
 * console, a secret in a URL or in the body of a request. expect lists the
 * errors that belong to the test.
 */
export function scenario(name, { expect = [], signIn = true, tokens = [], skip, ...options }, body) {
  test(name, { skip, timeout: 120_000 }, async () => {
    const user = await newUser();
    const made = tokens.length ? await user.createAll(tokens) : [];
    const wrong = [];
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", timezoneId: "UTC", ...options });
    context.setDefaultTimeout(20_000);
    watch(context, wrong, expect);
    const session = {
      user, made, context, origin,
      /** Opens a tab and signs in there. */
      enter: async () => {
        const page = await context.newPage();
        await page.goto(origin);
        await page.getByLabel("Access token").fill(user.accessToken);
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.getByRole("heading", { name: "Tokens", exact: true }).waitFor();
        await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
        return page;
      },
    };
    try {
      session.page = signIn ? await session.enter() : await context.newPage();
      if (!signIn) await session.page.goto(origin);
      await body(session);
    } finally {
      await context.close();
    }
    if (wrong.length) throw new Error(wrong.join("\n"));
  });
}

function watch(context, wrong, expect) {
  const note = (what) => { if (!expect.some((expected) => expected.test(what))) wrong.push(what.replace(secret, "[secret]")); };
  context.on("request", (request) => {
    if (!request.url().startsWith(origin + "/") && !request.url().startsWith("blob:")) note(`request to ${request.url()}`);
    if (secret.test(request.url() + request.postData())) note(`a secret in ${request.method()} ${request.url()}`);
  });
  context.on("console", (message) => { if (["error", "warning"].includes(message.type())) note(`console: ${message.text()}`); });
  context.on("weberror", (error) => note(`page error: ${error.error()}`));
  context.on("dialog", (dialog) => { note(`a dialog says ${dialog.message()}`); dialog.dismiss(); });
  context.on("page", (page) => page.on("framenavigated", (frame) => { if (secret.test(frame.url())) note(`a secret in the address ${frame.url()}`); }));
}

/** The console says so itself when an answer is an error; this expects that. */
export const answered = (...statuses) => new RegExp(`Failed to load resource: the server responded with a status of (${statuses.join("|")})`);
export const noAnswer = /Failed to load resource: net::ERR_/;

const axeSource = await readFile(modules.resolve("axe-core/axe.min.js"), "utf8");
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What axe-core finds wrong with the page as it is, a line for each. */
export async function axe(page) {
  await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity).map((a) => a.finished)));
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axeSource);
  const { violations, passes } = await page.evaluate((values) => window.axe.run({ runOnly: { type: "tag", values } }), rules);
  if (passes.length < 10) throw new Error(`axe looked at next to nothing: ${passes.length} rules`);
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html.slice(0, 160) + " " + (node.any[0]?.message ?? "")).join(" | ")}`);
}
