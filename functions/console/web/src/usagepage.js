// @ts-check
// The usage page: what of it is loaded, and what the user chooses on it.
import { asProblem } from "./problem.js";
import { chartOf } from "./series.js";
import { readCSV, readDays, readTokens, today } from "./usageread.js";

/** @typedef {import("./usageread.js").Usage} Usage */
/** @typedef {import("./usageread.js").UsageRow} UsageRow */
/** @typedef {import("./problem.js").Problem} Problem */

const maxChoices = 100;

export class UsagePage {
  #app;
  #loading = new AbortController(); // aborts the requests that are running
  id = 0; // of a token, 0 for all
  /** @type {import("./series.js").Measure} */
  measure = "units";
  /** @type {Usage | null} */
  usage = null;
  /** @type {import("./series.js").Chart | null} */
  chart = null;
  /** @type {UsageRow[]} */
  tokens = []; // those with the most units, which the user can choose
  hasMoreTokens = false;
  loading = false;
  saving = false;
  /** @type {Problem | null} */
  problem = null;

  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.#app = app;
  }

  /** Forgets what was read, at the end of a session. */
  forget() {
    this.#loading.abort();
    Object.assign(this, { id: 0, usage: null, chart: null, tokens: [], hasMoreTokens: false, loading: false, saving: false, problem: null });
  }

  /**
   * Shows what a token was used for.
   * @param {number} id 0 for all tokens
   */
  show(id) {
    if (id !== this.id) Object.assign(this, { id, usage: null, chart: null });
    this.#readTokens();
    return this.load();
  }

  async load() {
    const { api } = this.#app.state;
    if (!api) return;
    this.#loading.abort();
    const loading = (this.#loading = new AbortController());
    this.#change({ loading: true, problem: null });
    try {
      const usage = await readDays(api, this.id, loading.signal);
      if (!loading.signal.aborted) this.#change({ usage, chart: chartOf(usage), loading: false });
    } catch (error) {
      const problem = asProblem(error);
      if (!loading.signal.aborted && !this.#app.sessionEnded(problem, api)) this.#change({ problem, loading: false });
    }
  }

  /** Reads the tokens to choose from. Without them, all tokens are one choice. */
  async #readTokens() {
    const { api } = this.#app.state;
    if (!api || this.tokens.length > 0) return;
    try {
      const { rows, next } = await readTokens(api, new AbortController().signal);
      if (api !== this.#app.state.api) return;
      const tokens = rows.toSorted((a, b) => b.units - a.units || b.requests - a.requests);
      this.#change({ tokens: tokens.slice(0, maxChoices), hasMoreTokens: tokens.length > maxChoices || next !== undefined });
    } catch { /* load says what is wrong */ }
  }

  /** Saves what the chart shows as a CSV file. */
  async save() {
    const { api } = this.#app.state;
    if (!api || this.saving) return;
    this.#change({ saving: true });
    try {
      const text = await readCSV(api, this.id);
      if (api !== this.#app.state.api) return;
      saveFile(`usage${this.id === 0 ? "" : `-token-${this.id}`}-${new Date(today() * 1000).toISOString().slice(0, 10)}.csv`, text);
    } catch (error) {
      const problem = asProblem(error);
      if (this.#app.sessionEnded(problem, api)) return;
      this.#app.set({ notice: { problem } });
    }
    this.#change({ saving: false });
  }

  /** @param {import("./series.js").Measure} measure */
  choose(measure) { this.#change({ measure }); }

  /** @param {Partial<UsagePage>} change */
  #change(change) {
    Object.assign(this, change);
    this.#app.set({});
  }
}

/**
 * Has the browser save a text. A link can't do that alone: the API needs the access token.
 * @param {string} name
 * @param {string} text
 */
function saveFile(name, text) {
  const href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  Object.assign(document.createElement("a"), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000); // some browsers read it late
}
