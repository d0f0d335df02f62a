// @ts-check
// Starts a server and a browser for the tests of this file's importer, and
// runs scenarios: tests that have a user and a page of their own. The
// environment names the programs: TOKENCTL and CHROMIUM.
import { execFile, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import axeCore from "axe-core";
import { chromium } from "playwright-core";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").BrowserContext} BrowserContext */
/** @typedef {import("../web/src/api.js").Token} Token */
/** @typedef {Partial<import("../web/src/api.js").TokenInput> & { status?: number }} TokenFields */

const tokenctlPath = process.env.TOKENCTL ?? "";
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP console.test 127.0.0.1"];
const secretPattern = /(sk|at)-[0-9A-Za-z]{32,}/;

const folder = await mkdtemp(join(tmpdir(), "latchkey-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
const [server, browser] = await Promise.all([startServer(), chromium.launch({
  executablePath: process.env.CHROMIUM, ignoreDefaultArgs: true,
  args: [...flags, "--remote-debugging-pipe", `--user-data-dir=${join(folder, "profile")}`],
})]);

/** The origin of the console. */
export const origin = server.origin;

/**
 * The console's origin on plain http under a name that is not this machine's. Browsers
 * withhold some functions from such a page, as they do in a company's network.
 */
export const plainOrigin = origin.replace("127.0.0.1", "console.test");

after(async () => {
  await browser.close();
  const log = await server.stop();
  if (secretPattern.test(log)) throw new Error("the server's log contains a whole key or access token");
  const failure = /.*("status":500|panic).*/.exec(log);
  if (failure) throw new Error(`the server failed: ${failure[0]}`);
});

/** Starts the local server on a free port, with its own engine and data. */
async function startServer() {
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, PORT: "0", DATA_DIR: join(folder, "data") };
  delete env.DYNAMODB_ENDPOINT;
  const child = spawn(tokenctlPath, ["serve"], { env, stdio: ["ignore", "pipe", "pipe"] });
  process.on("exit", () => child.kill("SIGINT")); // if the tests did not get to stop it
  const exited = new Promise((resolve) => { child.on("exit", resolve); });
  let output = "", log = "";
  child.stderr.on("data", (chunk) => { log += chunk; });
  await new Promise((resolve, reject) => {
    child.stdout.on("data", (chunk) => { output += chunk; if (output.includes("Ctrl-C")) resolve(undefined); }); // its last line
    setTimeout(() => reject(new Error(`tokenctl serve did not start within 30 s: ${output}${log}`)), 30_000).unref();
    exited.then((code) => reject(new Error(`tokenctl serve exited with ${code}: ${log}`)));
  });
  return {
    origin: /ready at (\S+)/.exec(output)?.[1] ?? "",
    engine: /Engine: +(\S+)/.exec(output)?.[1] ?? "",
    /** Stops the server and returns its log. */
    stop: async () => { child.kill("SIGINT"); await exited; return log; },
  };
}

/**
 * Runs tokenctl against the server's table and returns what it prints.
 * @param {string[]} args
 */
export async function tokenctl(...args) {
  return (await promisify(execFile)(tokenctlPath, args, { env: { ...process.env, DYNAMODB_ENDPOINT: server.engine } })).stdout;
}

let userCount = 0;

/** Creates a user and returns the API as this user calls it. */
export async function newUser() {
  const name = `user-${process.pid}-${++userCount}`;
  const accessToken = secretPattern.exec(await tokenctl("user", "create", name))?.[0] ?? "";
  /**
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  const call = async (method, path, body, bearer = accessToken) => {
    const response = await fetch(origin + path, {
      method, body: body && JSON.stringify(body), headers: { Authorization: `Bearer ${bearer}`, "Content-Type": "application/json" },
    });
    const { success, message, data } = await response.json();
    if (!success) throw Object.assign(new Error(`${method} ${path}: ${message}`), { status: response.status });
    return data;
  };
  return {
    name, accessToken,
    removeLimits: () => tokenctl("user", "limit", name, "--max-tokens", "0", "--creates-per-second", "0", "--changes-per-second", "0"),
    /** @param {TokenFields} token @returns {Promise<Token>} */
    create: (token) => call("POST", "/api/token/", token),
    /** @param {TokenFields[]} tokens @returns {Promise<Token[]>} */
    createAll: async (tokens) => (await call("POST", "/api/token/batch/create", { tokens })).items,
    /** @param {number} id @returns {Promise<Token>} */
    get: (id) => call("GET", `/api/token/${id}`),
    /** @returns {Promise<Token[]>} */
    list: async () => (await call("GET", "/api/token/?p=1&page_size=100")).items,
    /** @param {TokenFields & { id: number }} token @returns {Promise<Token>} */
    update: (token) => call("PUT", "/api/token/", token),
    /** @param {number} id @param {{ units: number, until: number, window?: string }} extra @returns {Promise<Token>} */
    raise: (id, extra) => call("POST", `/api/token/${id}/extra`, extra),
    /** @param {number} id */
    remove: (id) => call("DELETE", `/api/token/${id}`),
    /** @param {string} key @returns {Promise<{ valid: boolean, code: string }>} */
    verify: (key, question = {}) => call("POST", "/api/token/verify", question, key),
    /**
     * Waits until every request with the keys of tokens is counted in their history.
     * @param {Token[]} tokens
     */
    counted: async (...tokens) => {
      for (const { id } of tokens) {
        for (let i = 0; !(await call("GET", `/api/token/${id}/usage`)).complete; i++) {
          if (i > 600) throw new Error(`the history of token ${id} is not complete after two minutes`);
          await new Promise((resolve) => { setTimeout(resolve, 200); });
        }
      }
    },
    /** @param {string} key */
    revoke: (key) => call("POST", "/api/token/revoke", { key }),
  };
}

/**
 * What a scenario works with: a user, the user's tokens, and a page.
 * @typedef {object} Session
 * @property {Awaited<ReturnType<typeof newUser>>} user
 * @property {Token[]} tokens those that the scenario asked for
 * @property {BrowserContext} context
 * @property {Page} page
 * @property {() => Promise<Page>} openTab opens another tab and signs in there
 */

/**
 * @typedef {object} ScenarioOptions
 * @property {string} [at] the console's URL, without a slash at its end; by default the origin of this machine
 * @property {boolean} [signIn] whether the page is signed in; true by default
 * @property {TokenFields[]} [tokens] the tokens to create
 * @property {RegExp[]} [allowedErrors] the errors that the scenario causes
 */

/**
 * Declares a test in a page of its own. It fails too if the page sends a
 * request to another site, logs an error that allowedErrors does not list, or
 * puts a secret into a URL or the body of a request.
 * @param {string} name
 * @param {ScenarioOptions & import("playwright-core").BrowserContextOptions} options
 * @param {(session: Session) => Promise<void>} body
 */
export function scenario(name, { allowedErrors = [], at = origin, signIn = true, tokens = [], ...options }, body) {
  test(name, { timeout: 240_000 }, async () => {
    const user = await newUser();
    const created = tokens.length > 0 ? await user.createAll(tokens) : [];
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", timezoneId: "UTC", ...options });
    context.setDefaultTimeout(60_000);
    const faults = recordFaults(context, at, at === plainOrigin ? [...allowedErrors, ignoredHeader] : allowedErrors);
    const openTab = async () => {
      const page = await context.newPage();
      await page.goto(at);
      await page.getByLabel("Access token").fill(user.accessToken);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("heading", { name: "Tokens", exact: true }).waitFor();
      await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
      return page;
    };
    try {
      const page = signIn ? await openTab() : await context.newPage();
      if (!signIn) await page.goto(at);
      await body({ user, tokens: created, context, page, openTab });
    } finally {
      await context.close();
    }
    if (faults.length > 0) throw new Error(faults.join("\n"));
  });
}

/**
 * Returns a list that grows with each fault that is not allowed.
 * @param {BrowserContext} context
 * @param {string} at the console's URL
 * @param {RegExp[]} allowed
 */
function recordFaults(context, at, allowed) {
  /** @type {string[]} */
  const faults = [];
  const record = (/** @type {string} */ fault) => {
    if (!allowed.some((pattern) => pattern.test(fault))) faults.push(fault.replace(secretPattern, "[secret]"));
  };
  context.on("request", (request) => {
    const isOwn = request.url() === at || request.url().startsWith(`${at}/`) || request.url().startsWith("blob:");
    if (!isOwn) record(`request to ${request.url()}`);
    if (secretPattern.test(request.url() + request.postData())) record(`a secret in ${request.method()} ${request.url()}`);
  });
  context.on("console", (message) => { if (["error", "warning"].includes(message.type())) record(`console: ${message.text()}`); });
  context.on("weberror", (error) => record(`page error: ${error.error()}`));
  context.on("dialog", (dialog) => { record(`a dialog opens: ${dialog.message()}`); dialog.dismiss(); });
  context.on("page", (page) => page.on("framenavigated", (frame) => { if (secretPattern.test(frame.url())) record(`a secret in the address ${frame.url()}`); }));
  return faults;
}

/**
 * The console message of Chromium for responses with an error status.
 * @param {number[]} statuses
 */
export const httpError = (...statuses) => new RegExp(`Failed to load resource: the server responded with a status of (${statuses.join("|")})`);

/** The console message of Chromium for a header that it ignores on plain http. */
const ignoredHeader = /The Cross-Origin-Opener-Policy header has been ignored/;

/** The console message of Chromium for a request without a response. */
export const networkError = /Failed to load resource: net::ERR_/;

/**
 * The dialog that is open.
 * @param {Page} page
 */
export const dialog = (page) => page.getByRole("dialog");

/**
 * Presses a button of the dialog.
 * @param {Page} page
 * @param {string} name
 */
export const press = (page, name) => dialog(page).getByRole("button", { name, exact: true }).click();

/**
 * A button by its exact name.
 * @param {Page} page
 * @param {string} name
 */
export const button = (page, name) => page.getByRole("button", { name, exact: true });

/**
 * An error message that contains a text.
 * @param {Page} page
 * @param {string | RegExp} text
 */
export const alert = (page, text) => page.getByRole("alert").filter({ hasText: text });

/**
 * Waits until the page reports a success with a text.
 * @param {Page} page
 * @param {string} text
 */
export const reported = (page, text) => page.getByRole("status").filter({ hasText: text }).waitFor();

/**
 * Opens the editor of a token and waits until it has read the token.
 * @param {Page} page
 * @param {string} name
 */
export async function openEditor(page, name) {
  await button(page, `Edit ${name}`).click();
  await dialog(page).getByRole("button", { name: "Save", disabled: false }).waitFor();
}

/**
 * Opens the dialog for a new token and fills in its name.
 * @param {Page} page
 * @param {string} name
 */
export async function openNewToken(page, name) {
  await button(page, "New token").click();
  await dialog(page).getByLabel("Name").fill(name);
}

/**
 * Closes the dialog that shows a key. For 700 ms the dialog ignores its
 * button, because the click may be the second of a double click.
 * @param {Page} page
 */
export async function confirmKeySaved(page) {
  await page.waitForTimeout(800);
  await press(page, "I have saved the key");
  await dialog(page).waitFor({ state: "detached" });
}

/**
 * Makes the server's responses to the next requests of a method get lost. The
 * server carries the requests out.
 * @param {BrowserContext} context
 * @param {string} method
 * @param {number} times
 */
export async function loseResponses(context, method, times) {
  let left = times;
  await context.route("**/api/token/**", async (route) => {
    if (route.request().method() !== method || left-- <= 0) return route.fallback();
    await route.fetch();
    return route.abort();
  });
}

/** Returns a promise and the function that resolves it. */
export function barrier() {
  let release = () => {};
  const released = new Promise((resolve) => { release = () => resolve(undefined); });
  return { released, release };
}

/**
 * The ID of the element that has the focus.
 * @param {Page} page
 */
export const focusedId = (page) => page.evaluate(() => document.activeElement?.id);

/**
 * Whether an element has the focus.
 * @param {import("playwright-core").Locator} locator
 */
export const hasFocus = (locator) => locator.evaluate((element) => element === document.activeElement);

const axeTags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/**
 * Runs axe-core on the page and returns a line for each violation.
 * @param {Page} page
 */
export async function runAxe(page) {
  await page.evaluate(() => Promise.all(document.getAnimations()
    .filter((animation) => animation.effect?.getTiming().iterations !== Infinity).map((animation) => animation.finished)));
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axeCore.source);
  const { violations, passes } = await page.evaluate(
    (values) => /** @type {any} */ (window).axe.run({ runOnly: { type: "tag", values } }), axeTags,
  );
  if (passes.length < 10) throw new Error(`axe-core checked too little: only ${passes.length} rules passed`);
  return /** @type {import("axe-core").Result[]} */ (violations).map(({ id, help, nodes }) =>
    `${id}: ${help}: ${nodes.map((node) => `${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`).join(" | ")}`);
}
