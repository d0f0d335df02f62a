// @ts-check
// The units of the last days of each token in the list, in one call for all of them. It
// comes after the list and never fails it: without an answer there are no small charts.
import { readSparks, sparkDays, today, daySeconds } from "./usageread.js";

export class Sparks {
  #app;
  #loading = new AbortController(); // aborts the request that is running
  /** @type {Map<number, number[]>} */
  #units = new Map();

  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.#app = app;
  }

  /**
   * The units of the last days of a token, the oldest first.
   * @param {number} id
   */
  of(id) { return this.#units.get(id); }

  /** Forgets what was read, at the end of a session. */
  forget() {
    this.#loading.abort();
    this.#units = new Map();
  }

  /**
   * Reads those of the tokens of a page of the list.
   * @param {number[]} ids
   */
  async load(ids) {
    const { api } = this.#app.state;
    this.#loading.abort();
    if (!api || ids.length === 0) return;
    const loading = (this.#loading = new AbortController());
    try {
      const { rows } = await readSparks(api, ids, loading.signal);
      if (loading.signal.aborted || api !== this.#app.state.api) return;
      this.#units = unitsByToken(rows);
      this.#app.set({});
    } catch { /* the list says what is wrong with the connection or the session */ }
  }
}

/** @param {import("./usageread.js").UsageRow[]} rows */
function unitsByToken(rows) {
  const first = today() - (sparkDays - 1) * daySeconds;
  /** @type {Map<number, number[]>} */
  const all = new Map();
  for (const { token_id: id = 0, start = 0, units } of rows) {
    const days = all.get(id) ?? Array.from({ length: sparkDays }, () => 0);
    const day = (start - first) / daySeconds;
    if (day >= 0 && day < sparkDays) days[day] += units;
    all.set(id, days);
  }
  return all;
}
