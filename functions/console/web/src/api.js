// The API as the console calls it. A call gives {data, results, etag}, or
// throws a Problem.

const attempts = 3;
const patience = 20_000; // milliseconds for one attempt

/** What the API, or the way to it, has to say when a call failed. */
export class Problem extends Error {
  constructor(message, { status = 0, code = "", requestId = "", retryAfter = 0 } = {}) {
    super(message);
    Object.assign(this, { status, code, requestId, retryAfter });
  }

  /** The field of the input that the message is about, or "". */
  get field() {
    if (this.code !== "invalid_parameter") return "";
    return /^[a-z_]+/.exec(this.message)?.[0] ?? "";
  }
}

const silence = "There is no answer from the server: check your connection and try again.";
const doubt = "There is no answer from the server, so this may or may not have been done: try again, it counts once.";

export class Api {
  #accessToken;

  constructor(accessToken) {
    this.#accessToken = accessToken;
  }

  /** A page of the tokens that match; an empty query is a list of all. */
  list({ text, status, page, size, after }, signal) {
    const query = new URLSearchParams({ page_size: size });
    if (after) query.set("after", after);
    else query.set("p", page);
    const search = text.trim() !== "" || status !== "";
    if (text.trim() !== "") query.set(...wordOrKey(text.trim()));
    if (status !== "") query.set("status", status);
    return this.#call("GET", `${search ? "search" : ""}?${query}`, { signal });
  }

  get(id) { return this.#call("GET", id); }
  create(token, once) { return this.#call("POST", "", { body: token, once }); }
  update(token, etag) { return this.#call("PUT", "", { body: token, etag }); }
  setStatus(id, status) { return this.#call("PUT", "?status_only=true", { body: { id, status } }); }
  rotate(id, graceSeconds, once) { return this.#call("POST", `${id}/rotate`, { body: { grace_seconds: graceSeconds }, once }); }
  delete(id) { return this.#call("DELETE", id); }
  setStatusAll(ids, status, once) { return this.#call("POST", "batch/status", { body: { ids, status }, once }); }
  deleteAll(ids, once) { return this.#call("POST", "batch", { body: { ids }, once }); }

  // A call is made again if it asks, or carries a key for once, and also if it
  // was refused with 429: then nothing was done.
  async #call(method, rest, options = {}) {
    const safe = method === "GET" || options.once !== undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#send(method, rest, options);
      } catch (problem) {
        const again = problem.status === 429 || (safe && (problem.status === 0 || problem.status === 503));
        if (attempt === attempts || !again || options.signal?.aborted) throw problem;
        await pause(1000 * (problem.retryAfter || attempt / 2), options.signal);
      }
    }
  }

  async #send(method, rest, { body, etag, once, signal }) {
    const headers = { Authorization: `Bearer ${this.#accessToken}` };
    if (body) headers["Content-Type"] = "application/json";
    if (etag) headers["If-Match"] = etag;
    if (once) headers["Idempotency-Key"] = once;
    const timeout = AbortSignal.timeout(patience);
    let answer, envelope;
    try {
      answer = await fetch(`/api/token/${rest}`, {
        method, headers, body: body && JSON.stringify(body),
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
        cache: "no-store", credentials: "omit", redirect: "error",
      });
      envelope = await answer.json();
    } catch {
      throw new Problem(method === "GET" ? silence : doubt);
    }
    if (answer.ok && envelope.success) {
      return { data: envelope.data, results: envelope.results, etag: answer.headers.get("ETag") };
    }
    throw new Problem(envelope.message || `The server answered ${answer.status}: try again.`, {
      status: answer.status, code: envelope.code, requestId: envelope.request_id,
      retryAfter: Number(answer.headers.get("Retry-After")),
    });
  }
}

// The last four characters of a key are written as sk-wxyz; a mask has stars.
function wordOrKey(text) {
  if (/^sk-.*\*/.test(text)) return ["token", text];
  return /^sk-[0-9A-Za-z]{4}$/.test(text) ? ["token", text.slice(3)] : ["keyword", text];
}

function pause(milliseconds, signal) {
  return new Promise((done) => {
    setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done, { once: true });
  });
}
