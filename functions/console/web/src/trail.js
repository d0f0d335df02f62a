// @ts-check
// An audit trail: of the user and all tokens, or of one token.
import { asProblem } from "./problem.js";

/** @typedef {import("./problem.js").Problem} Problem */

/**
 * An administrative change.
 * @typedef {object} Entry
 * @property {string} id
 * @property {number} time Unix milliseconds
 * @property {string} action such as token.updated
 * @property {number} [token_id]
 * @property {number} [webhook_id]
 * @property {string} [token_name] after the change
 * @property {string} by user, operator, key or service
 * @property {number} [access_token] the slot of the user's access token
 * @property {string} [address] of the client
 * @property {string} [request_id]
 * @property {string} [command] of the operator
 * @property {Change[]} changes
 */

/**
 * A setting that was changed. Values are as the API shows them.
 * @typedef {{ setting: string, before?: unknown, after?: unknown }} Change
 */

export class Trail {
  #app;
  #loading = new AbortController(); // aborts the request that is running
  id; // of a token, 0 for all
  /** @type {Entry[] | null} */
  entries = null;
  next = ""; // where the next page begins
  /** @type {number | undefined} */
  behindSeconds; // how long after it was made a change was in the trail; undefined: never measured
  measuredAt = 0; // when that was measured, in Unix seconds
  loading = false;
  /** @type {Problem | null} */
  problem = null;

  /**
   * @param {import("./app.js").App} app
   * @param {number} id of a token, 0 for the user and all tokens
   */
  constructor(app, id = 0) {
    this.#app = app;
    this.id = id;
  }

  /** Forgets what was read, at the end of a session. */
  forget() {
    this.#loading.abort();
    Object.assign(this, { entries: null, next: "", behindSeconds: undefined, measuredAt: 0, loading: false, problem: null });
  }

  /** Reads the newest entries. */
  load() {
    this.next = "";
    return this.#read([]);
  }

  /** Reads the entries before those that are shown. */
  async loadMore() {
    if (!this.loading) await this.#read(this.entries ?? []);
  }

  /** @param {Entry[]} newer */
  async #read(newer) {
    const { api } = this.#app.state;
    if (!api) return;
    this.#loading.abort();
    const loading = (this.#loading = new AbortController());
    this.#change({ loading: true, problem: null });
    const query = new URLSearchParams({ page_size: this.id === 0 ? "25" : "10" });
    if (this.next) query.set("after", this.next);
    try {
      const { items, next = "", behind_seconds: behindSeconds, measured_at: measuredAt = 0 } = await api.read(`api/${this.id === 0 ? "user/self" : `token/${this.id}`}/audit?${query}`, loading.signal);
      if (!loading.signal.aborted) this.#change({ entries: [...newer, ...items], next, behindSeconds, measuredAt, loading: false });
    } catch (error) {
      const problem = asProblem(error);
      if (!loading.signal.aborted && !this.#app.sessionEnded(problem, api)) this.#change({ problem, loading: false });
    }
  }

  /** @param {Partial<Trail>} change */
  #change(change) {
    Object.assign(this, change);
    this.#app.set({});
  }
}
