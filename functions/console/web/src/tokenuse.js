// @ts-check
// What a token was used for today and this month, and its last use: a tab of its dialog.
import { html, nothing } from "./lib/lit-html.js";
import { exactTime, problemBox } from "./parts.js";
import { asProblem } from "./problem.js";
import { usageLink } from "./route.js";
import { formatAmount, measures, sum } from "./series.js";
import { readMonth, today } from "./usageread.js";

/** @typedef {import("./api.js").Token} Token */

export class TokenUse {
  #app;
  #id;
  /** @type {import("./usageread.js").Usage | null} */
  #usage = null;
  /** @type {import("./problem.js").Problem | null} */
  #problem = null;

  /**
   * @param {import("./app.js").App} app
   * @param {number} id
   */
  constructor(app, id) {
    this.#app = app;
    this.#id = id;
  }

  async load() {
    const { api } = this.#app.state;
    if (!api) return;
    this.#problem = null;
    this.#app.set({});
    try {
      this.#usage = await readMonth(api, this.#id);
    } catch (error) {
      const problem = asProblem(error);
      if (this.#app.sessionEnded(problem, api)) return;
      this.#problem = problem;
    }
    this.#app.set({});
  }

  /** @param {Token} token */
  view({ last_used: use }) {
    return html`${this.#sums()}
      <dl class="facts">
        <div><dt>Last used</dt><dd>${use ? exactTime(use.time) : "never"}</dd></div>
        ${use?.network ? html`<div><dt>From</dt><dd>${use.network}</dd></div>` : nothing}
        ${use?.user_agent ? html`<div><dt>By</dt><dd>${use.user_agent}</dd></div>` : nothing}
      </dl>
      <p><a href=${usageLink(this.#id)}>Chart of the last 30 days</a></p>`;
  }

  #sums() {
    if (this.#problem) return problemBox(this.#problem, html`<button type="button" @click=${() => this.load()}>Try again</button>`);
    if (!this.#usage) return html`<div class="loading" role="status" aria-busy="true"><span class="sr-only">Loading the usage…</span><div class="placeholder"></div><div class="placeholder"></div></div>`;
    const { rows, complete } = this.#usage;
    const all = /** @type {import("./series.js").Measure[]} */ (Object.keys(measures));
    const row = (/** @type {string} */ label, /** @type {import("./usageread.js").UsageRow[]} */ its) => {
      const amount = sum(its);
      return html`<tr><th scope="row">${label}</th>${all.map((measure) => html`<td class="number">${formatAmount(amount, measure)}</td>`)}</tr>`;
    };
    return html`<table class="sums">
      <caption>Days and months are those of UTC. ${complete ? "Every request until now is counted." : "The newest requests may be missing."}</caption>
      <thead><tr><td></td>${all.map((measure) => html`<th scope="col" class="number">${measures[measure]}</th>`)}</tr></thead>
      <tbody>${row("Today", rows.filter(({ start }) => start === today()))}${row("This month", rows)}</tbody>
    </table>`;
  }
}
