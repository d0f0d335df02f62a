// The API as the console calls it. A call gives {data, results, etag}, or
// throws a Problem.

const attempts = 3;
const patience = 20_000; // milliseconds for one attempt
const longest = 10; // seconds to wait for the next; a person is asked to wait longer

/** What the API, or the way to it, has to say when a call failed. */
export class Problem extends Error {
  constructor(message, { status = 0, code = "", requestId = "", retryAfter = 0 } = {}) {
    super(message);
    Object.assign(this, { status, code, requestId, retryAfter });
  }

  /** Whether it is unknown if the call was carried out. */
  get doubtful() { return this.status === 0 || this.status >= 500; }

  /** The field of the input that the message is about, or "". */
  get field() {
    if (this.code !== "invalid_parameter") return "";
    return /^[a-z_]+/.exec(this.message)?.[0] ?? "";
  }
}

// What is said where no answer came: of a read, of what counts once, and of
// other changes.
const silence = "There is no answer from the server: check your connection and try again.";
const once = "There is no answer from the server, so this may or may not have been done: try again, it counts once.";
const doubt = "There is no answer from the server, so this may or may not have been done: look before you try again.";

export class Api {
  #accessToken;
  #over = new AbortController();

  constructor(accessToken) {
    this.#accessToken = accessToken;
  }

  /** Breaks off what is under way, and lets nothing more go out. */
  end() { this.#over.abort(); }

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
  delete(id, etag) { return this.#call("DELETE", id, { etag }); }
  setStatusAll(ids, status, once) { return this.#call("POST", "batch/status", { body: { ids, status }, once }); }
  deleteAll(ids, once) { return this.#call("POST", "batch", { body: { ids }, once }); }

  // A call is made again if it asks, or carries a key for once, and also if it
  // was refused with 429: then nothing was done.
  async #call(method, rest, { signal, ...given } = {}) {
    const options = { ...given, signal: signal ? AbortSignal.any([signal, this.#over.signal]) : this.#over.signal };
    const safe = method === "GET" || options.once !== undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#send(method, rest, options);
      } catch (problem) {
        const again = problem.status === 429 || (safe && (problem.status === 0 || problem.status === 503));
        const wait = problem.retryAfter || attempt / 2;
        if (attempt === attempts || !again || wait > longest) throw problem;
        await pause(1000 * wait, options.signal);
        if (options.signal.aborted) throw problem;
      }
    }
  }

  async #send(method, rest, options) {
    const { body, etag, signal } = options;
    const headers = { Authorization: `Bearer ${this.#accessToken}` };
    if (body) headers["Content-Type"] = "application/json";
    if (etag) headers["If-Match"] = etag;
    if (options.once) headers["Idempotency-Key"] = options.once;
    const lost = new Problem(method === "GET" ? silence : options.once ? once : doubt);
    const answer = await fetch(`/api/token/${rest}`, {
      method, headers, body: body && JSON.stringify(body), signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]),
      cache: "no-store", credentials: "omit", redirect: "error",
    }).catch(() => { throw lost; });
    const envelope = (await answer.json().catch(() => null)) ?? {}; // a proxy's may be HTML
    if (answer.ok && envelope.success) {
      return { data: envelope.data, results: envelope.results, etag: answer.headers.get("ETag") };
    }
    if (answer.ok) throw lost;
    throw new Problem(envelope.message || `The server answered ${answer.status}: try again.`, {
      status: answer.status, code: envelope.code, requestId: envelope.request_id,
      retryAfter: Number(answer.headers.get("Retry-After")) || 0,
    });
  }
}

// What is searched for: a mask, the last four characters of a key, or a word.
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
