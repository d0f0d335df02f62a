// @ts-check
// A client for the API. Its methods return a Response or throw a Problem.
import { Problem } from "./problem.js";

/**
 * A token as the API returns it.
 * @typedef {object} Token
 * @property {number} id
 * @property {string} name
 * @property {string} key masked, except in the response that creates or rotates the key
 * @property {string} [previous_key] the mask of the old key during its grace period
 * @property {number} previous_until Unix seconds
 * @property {number} status a key of `statuses`
 * @property {number} created_time Unix seconds
 * @property {number} accessed_time Unix seconds
 * @property {{time: number, network?: string, user_agent?: string}} [last_used]
 * @property {number} expired_time Unix seconds, or -1 for never
 * @property {boolean} unlimited_quota
 * @property {number} remain_quota
 * @property {number} used_quota
 * @property {boolean} model_limits_enabled
 * @property {string[]} models
 * @property {string} allow_ips one address or range per line
 * @property {string} group
 * @property {Extra} [extra] a raise of the quota
 * @property {Window[]} [windows]
 * @property {ModelQuota[]} [model_quotas]
 * @property {number} [requests_per_minute]
 * @property {number} [units_per_minute]
 * @property {number} [max_concurrent]
 * @property {number} [leaked_time] Unix seconds; if somebody has revoked the key because it had leaked
 * @property {string} [imported] the system whose key the token was imported with, such as litellm
 * @property {number} [resets_at] Unix seconds at which the windows that are used up renew
 */

/**
 * A quota that renews, as it is set. A newer API may have more properties.
 * @typedef {object} WindowInput
 * @property {string} period hour, day, week, month, or a length such as 5h
 * @property {number | string} quota
 * @property {string} [timezone]
 * @property {{ hour?: number, weekday?: number, day?: number }} [anchor] where in the calendar it begins
 */

/**
 * A raise of a quota, which ends by itself.
 * @typedef {{ units: number, until: number }} Extra
 */

/** @typedef {WindowInput & { quota: number, used: number, remaining: number, resets_at: number, extra?: Extra }} Window */
/** @typedef {{ model: string, quota: number | string }} ModelQuotaInput */
/** @typedef {ModelQuotaInput & { quota: number, used: number, remaining: number }} ModelQuota */

/**
 * Windows and model quotas replace those of the token. A rate of 0 is no limit.
 * @typedef {object} LimitsInput
 * @property {WindowInput[]} [windows]
 * @property {ModelQuotaInput[]} [model_quotas]
 * @property {number | string} [requests_per_minute]
 * @property {number | string} [units_per_minute]
 * @property {number | string} [max_concurrent]
 */

/**
 * What create and update accept. A quota that is not a number is sent as
 * typed, and the API explains what is wrong with it.
 * @typedef {LimitsInput & TokenSettings} TokenInput
 */

/**
 * @typedef {object} TokenSettings
 * @property {string} name
 * @property {number} [expired_time]
 * @property {boolean} unlimited_quota
 * @property {number | string} [remain_quota]
 * @property {number | string} [quota_delta]
 * @property {boolean} model_limits_enabled
 * @property {string[]} models
 * @property {string} allow_ips
 * @property {string} group
 */

/**
 * The user, with the units of its budget that no token has drawn, and those that
 * tokens have.
 * @typedef {{ quota: number, used_quota: number, unlimited_quota: boolean, resets_at?: number }} Self
 */

/** @typedef {{ items: Token[], total: number, next?: string }} TokenPage */
/** @typedef {{ id: number, success: boolean, message: string }} BatchResult */

/**
 * What to list: a page by its number, or what follows the cursor `after`.
 * @typedef {{ text: string, status: string, size: number, page: number, after?: string }} ListQuery
 */

/**
 * @template Data
 * @typedef {{ data: Data, results: BatchResult[], etag: string, link?: string }} Response
 */

/** @typedef {{ body?: object, etag?: string, idempotencyKey?: string, signal: AbortSignal, asText?: boolean }} RequestOptions */

const maxAttempts = 3;
const timeoutMs = 20_000; // for each attempt
const maxRetryWaitSeconds = 10; // after a longer Retry-After the user decides

/**
 * The message for a request without a response.
 * @param {string} method
 * @param {RequestOptions} options
 */
function noResponseMessage(method, { idempotencyKey }) {
  if (method === "GET") return "No response from the server. Check your connection and try again.";
  const unknown = "No response from the server: the change may or may not have been made.";
  return idempotencyKey ? `${unknown} Try again; it is made only once.` : `${unknown} Check before you try again.`;
}

export class Api {
  #accessToken;
  #session = new AbortController();

  /** @param {string} accessToken */
  constructor(accessToken) {
    this.#accessToken = accessToken;
  }

  /** Aborts all requests and prevents new ones. */
  close() { this.#session.abort(); }

  /**
   * Returns a page of the tokens that match. An empty query matches all.
   * @param {ListQuery} query
   * @param {AbortSignal} [signal]
   * @returns {Promise<Response<TokenPage>>}
   */
  list({ text, status, page, size, after }, signal) {
    const parameters = new URLSearchParams({ page_size: String(size) });
    if (after) parameters.set("after", after);
    else parameters.set("p", String(page));
    const isSearch = text.trim() !== "" || status !== "";
    if (text.trim() !== "") parameters.set(...searchParameter(text.trim()));
    if (status !== "") parameters.set("status", status);
    return this.#request("GET", `${isSearch ? "search" : ""}?${parameters}`, { signal });
  }

  /** Returns how many units a dollar has, or 0 if the operator has set no prices. @returns {Promise<number>} */
  async unitsPerDollar() {
    const { data } = await this.#request("GET", "api/status");
    return data.quota_per_unit ?? 0;
  }

  /** @returns {Promise<Response<Self>>} */
  self() { return this.#request("GET", "api/user/self"); }

  /**
   * Reads from a path below api/.
   * @param {string} path
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>} the data of the answer
   */
  async read(path, signal) { return (await this.#request("GET", path, { signal })).data; }

  /**
   * Reads a file from a path below api/.
   * @param {string} path
   * @returns {Promise<{ text: string, link: string }>} link is the header Link
   */
  async readFile(path) {
    const { data, link = "" } = await this.#request("GET", path, { asText: true });
    return { text: data, link };
  }

  /** @param {number} id @returns {Promise<Response<Token>>} */
  get(id) { return this.#request("GET", String(id)); }

  /** @param {Partial<TokenInput>} input @param {string} idempotencyKey @returns {Promise<Response<Token>>} */
  create(input, idempotencyKey) { return this.#request("POST", "", { body: input, idempotencyKey }); }

  /** @param {{ id: number } & Partial<TokenInput>} change @param {string} etag @returns {Promise<Response<Token>>} */
  update(change, etag) { return this.#request("PUT", "", { body: change, etag }); }

  /** @param {number} id @param {number} status @returns {Promise<Response<Token>>} */
  setStatus(id, status) { return this.#request("PUT", "?status_only=true", { body: { id, status } }); }

  /** @param {number} id @param {number} graceSeconds @param {string} idempotencyKey @returns {Promise<Response<Token>>} */
  rotate(id, graceSeconds, idempotencyKey) {
    return this.#request("POST", `${id}/rotate`, { body: { grace_seconds: graceSeconds }, idempotencyKey });
  }

  /** @param {number} id @param {string} etag @returns {Promise<Response<unknown>>} */
  delete(id, etag) { return this.#request("DELETE", String(id), { etag }); }

  /** @param {number[]} ids @param {number} status @param {string} idempotencyKey @returns {Promise<Response<unknown>>} */
  setStatusOfMany(ids, status, idempotencyKey) {
    return this.#request("POST", "batch/status", { body: { ids, status }, idempotencyKey });
  }

  /** @param {number[]} ids @param {string} idempotencyKey @returns {Promise<Response<unknown>>} */
  deleteMany(ids, idempotencyKey) { return this.#request("POST", "batch", { body: { ids }, idempotencyKey }); }

  /**
   * Sends a request, and retries it where that is safe: a read, a request with
   * an idempotency key, and any request refused with 429, which did nothing.
   * @param {string} method
   * @param {string} path
   * @param {Partial<RequestOptions>} [given]
   * @returns {Promise<Response<any>>}
   */
  async #request(method, path, { signal, ...given } = {}) {
    const session = this.#session.signal;
    const options = { ...given, signal: signal ? AbortSignal.any([signal, session]) : session };
    const isSafe = method === "GET" || options.idempotencyKey !== undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#send(method, path, options);
      } catch (error) {
        const problem = /** @type {Problem} */ (error);
        const canRetry = problem.status === 429 || (isSafe && (problem.status === 0 || problem.status === 503));
        const waitSeconds = problem.retryAfter || attempt / 2;
        if (attempt === maxAttempts || !canRetry || waitSeconds > maxRetryWaitSeconds) throw problem;
        await sleep(1000 * waitSeconds, options.signal);
        if (options.signal.aborted) throw problem;
      }
    }
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {RequestOptions} options
   * @returns {Promise<Response<any>>}
   */
  async #send(method, path, options) {
    const { body, etag, signal } = options;
    /** @type {Record<string, string>} */
    const headers = { Authorization: `Bearer ${this.#accessToken}` };
    if (body) headers["Content-Type"] = "application/json";
    if (etag) headers["If-Match"] = etag;
    if (options.idempotencyKey) headers["Idempotency-Key"] = options.idempotencyKey;
    const noResponse = new Problem(noResponseMessage(method, options));
    let response;
    try {
      response = await fetch(path.startsWith("api/") ? path : `api/token/${path}`, {
        method, headers, body: body && JSON.stringify(body), signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
        cache: "no-store", credentials: "omit", redirect: "error",
      });
    } catch {
      throw noResponse;
    }
    if (response.ok && options.asText) return readText(response, noResponse);
    const envelope = await readEnvelope(response);
    if (response.ok && envelope.success) {
      return { data: envelope.data, results: envelope.results, etag: response.headers.get("ETag") ?? "" };
    }
    if (response.ok) throw noResponse; // the body was cut off
    throw new Problem(envelope.message || `The server responded with status ${response.status}. Try again.`, {
      status: response.status, code: envelope.code, requestId: envelope.request_id,
      retryAfter: Number(response.headers.get("Retry-After")) || 0,
    });
  }
}

/**
 * Returns the text of a response, and where the next part of it is.
 * @param {globalThis.Response} response
 * @param {Problem} noResponse
 * @returns {Promise<Response<string>>}
 */
async function readText(response, noResponse) {
  try {
    return { data: await response.text(), results: [], etag: "", link: response.headers.get("Link") ?? "" };
  } catch {
    throw noResponse; // the body was cut off
  }
}

/**
 * Returns the JSON of a response, or an empty object. A proxy may respond with HTML.
 * @param {globalThis.Response} response
 */
async function readEnvelope(response) {
  try {
    return (await response.json()) ?? {};
  } catch {
    return {};
  }
}

/**
 * The search parameter for a text: a masked key, the last four characters of a
 * key, or a part of a name.
 * @param {string} text
 * @returns {[string, string]}
 */
function searchParameter(text) {
  if (/^sk-.*\*/.test(text)) return ["token", text];
  return /^sk-[0-9A-Za-z]{4}$/.test(text) ? ["token", text.slice(3)] : ["keyword", text];
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal ends the sleep early
 */
function sleep(ms, signal) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
    signal.addEventListener("abort", resolve, { once: true });
  });
}
