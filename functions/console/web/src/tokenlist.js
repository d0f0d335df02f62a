// @ts-check
// The list of tokens: what of it is loaded, and what the user does in it.
import { asProblem } from "./problem.js";
import { undismissedFailure } from "./state.js";

/** @typedef {import("./api.js").Token} Token */
/** @typedef {import("./state.js").Query} Query */

export class TokenList {
  #app;
  #loading = new AbortController(); // aborts the request that is running

  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.#app = app;
  }

  /**
   * Changes the search and loads its first page.
   * @param {Partial<Query>} change
   */
  search(change) {
    return this.load({ page: 1, start: "", cursors: [], ...change });
  }

  /** Ends a search of older tokens; load() goes on with it. */
  stop() {
    this.#loading.abort();
    this.#app.set({ loading: false, searched: null });
  }

  /**
   * Loads the list, after a change of what it shows if one is given.
   * @param {Partial<Query>} [change]
   * @returns {Promise<void>}
   */
  async load(change = {}) {
    const { api } = this.#app.state;
    if (!api) return; // signed out during another request
    let query = { ...this.#app.state.query, ...change };
    this.#loading.abort();
    const cleared = Object.keys(change).length > 0 && { selected: new Set(), notice: undismissedFailure(this.#app.state) };
    this.#app.set({ query, searchError: searchError(query.text), loading: true, searched: null, problem: null, ...cleared });
    if (this.#app.state.searchError) return this.#app.set({ loading: false });
    const loading = (this.#loading = new AbortController());
    try {
      let { data } = await api.list({ ...query, after: cursorOf(query) }, loading.signal);
      if (loading.signal.aborted) return;
      const lastPage = Math.max(1, Math.ceil(data.total / query.size));
      if (data.items.length === 0 && query.cursors.length === 0 && query.page > lastPage) return this.load({ page: lastPage }); // its tokens were deleted
      for (const from = Number(data.next); data.items.length === 0 && data.next;) { // nothing matches so far
        query = query.cursors.length > 0 ? { ...query, cursors: [...query.cursors.slice(0, -1), data.next] } : { ...query, start: data.next };
        this.#app.set({ page: data, query, searched: { from, below: Number(data.next) } });
        ({ data } = await api.list({ ...query, after: cursorOf(query) }, loading.signal));
        if (loading.signal.aborted) return;
      }
      const selected = data.items.map((token) => token.id).filter((id) => this.#app.state.selected.has(id)); // only tokens that are visible
      this.#app.set({ page: data, loading: false, searched: null, selected: new Set(selected) });
      this.#app.sparks.load(data.items.map((token) => token.id));
    } catch (error) {
      const problem = asProblem(error);
      if (!loading.signal.aborted && !this.#app.sessionEnded(problem, api)) this.#app.set({ problem, loading: false, searched: null, selected: new Set() });
    }
  }

  /**
   * @param {Token} token
   * @param {number} status
   */
  async setStatus(token, status) {
    const { api } = this.#app.state;
    if (!api) return;
    this.#app.set({ busy: new Set(this.#app.state.busy).add(token.id), notice: null });
    try {
      await api.setStatus(token.id, status);
      if (api !== this.#app.state.api) return;
      this.#app.set({ notice: { text: `${token.name} is ${status === 1 ? "enabled" : "disabled"}.` } });
    } catch (error) {
      const problem = asProblem(error);
      if (this.#app.sessionEnded(problem, api)) return;
      this.#app.set({ notice: { problem } });
    }
    this.#app.set({ busy: new Set([...this.#app.state.busy].filter((id) => id !== token.id)) });
    this.load();
  }

  /**
   * @param {number[]} ids
   * @param {boolean} isSelected
   */
  select(ids, isSelected) {
    const selected = new Set(this.#app.state.selected);
    for (const id of ids) {
      if (isSelected) selected.add(id);
      else selected.delete(id);
    }
    this.#app.set({ selected });
  }
}

/**
 * Returns the cursor that a page follows, if it has no number.
 * @param {Query} query
 */
export const cursorOf = ({ cursors, start }) => cursors.at(-1) ?? (start || undefined);

/**
 * Refuses to search for a whole key: it would be sent in a URL, and URLs are
 * written to logs. The server decides by its own pattern, which is the
 * reference: shared/credential/redact.go.
 * @param {string} text
 */
function searchError(text) {
  const isKey = /[0-9A-Za-z]{40}|(sk|at)-[0-9A-Za-z]{16}/.test(text);
  return isKey ? "This is a whole key. Search by its last four characters, for example sk-wxyz." : "";
}
