// @ts-check
// The usage page: a chart of the last days, and tables with the same numbers.
import { html, nothing } from "./lib/lit-html.js";
import { usageChart } from "./chart.js";
import { frame } from "./frame.js";
import { problemBox, relativeTime } from "./parts.js";
import { usageLink } from "./route.js";
import { formatAmount, measures } from "./series.js";
import { chartDays } from "./usageread.js";
import { dayTable, legend, modelTable } from "./usagetables.js";
import { formatCount, formatDuration, formatNumber } from "./words.js";

/** @typedef {import("./app.js").App} App */
/** @typedef {import("./usagepage.js").UsagePage} UsagePage */
/** @typedef {import("./usageread.js").Usage} Usage */

/** @param {App} app */
export const usageScreen = (app) => frame(app, html`
  <div class="heading"><h2 tabindex="-1">Usage</h2>
    <button type="button" aria-disabled=${app.usage.saving} @click=${() => app.usage.save()}>${app.usage.saving ? "Saving…" : "Save as CSV"}</button></div>
  ${choices(app.usage)}
  ${results(app.usage)}`);

/** @param {UsagePage} page */
const choices = (page) => {
  const { id, tokens, hasMoreTokens, measure } = page;
  const isListed = id === 0 || tokens.some((token) => token.token_id === id);
  const hint = hasMoreTokens ? `The ${formatNumber(tokens.length)} tokens with the most units. Open others from the list of tokens.` : "";
  return html`<div class="filters">
    <div class="field grow"><label for="usage-token">Tokens</label>
      <select id="usage-token" aria-describedby=${hint ? "usage-token-hint" : nothing} @change=${(e) => { location.hash = usageLink(Number(e.target.value)); }}>
        <option value="0" ?selected=${id === 0}>All tokens</option>
        ${isListed ? nothing : html`<option value=${id} selected>#${id}</option>`}
        ${tokens.map(({ token_id: its = 0, name }) => html`<option value=${its} ?selected=${its === id}>${name || "No name"} · #${its}</option>`)}
      </select>
      ${hint ? html`<p class="hint" id="usage-token-hint">${hint}</p>` : nothing}</div>
    <fieldset class="tabs measures"><legend>Show</legend>${Object.entries(measures).map(([value, label]) =>
      html`<label><input type="radio" name="measure" value=${value} .checked=${value === measure} @change=${() => page.choose(/** @type {any} */ (value))}>${label}</label>`)}</fieldset>
  </div>`;
};

/** @param {UsagePage} page */
const results = (page) => {
  const { usage, chart, problem, loading, measure } = page;
  if (problem) return problemBox(problem, html`<button type="button" @click=${() => page.load()}>Try again</button>`);
  if (!usage || !chart) return html`<div class="loading" role="status" aria-busy="true"><span class="sr-only">Loading the usage…</span><div class="placeholder tall"></div><div class="placeholder"></div></div>`;
  const isEmpty = chart.total.requests === 0;
  return html`<div class=${loading ? "usage stale" : "usage"} aria-busy=${loading}>
    <section class="card" aria-label="Chart">
      <p class="total" role="status"><b>${formatAmount(chart.total, measure)}</b> ${measure === "dollars" ? "" : measures[measure].toLowerCase()} in the last ${chartDays} days</p>
      ${isEmpty ? empty(page.id) : html`${usageChart(chart, measure)}${legend(chart)}`}
      ${notes(page, usage)}
    </section>
    ${isEmpty ? nothing : html`${modelTable(chart)}${dayTable(chart, measure)}`}
  </div>`;
};

/** @param {number} id */
const empty = (id) => html`<div class="empty"><h3>Nothing used</h3><p>${id === 0 ? "None of your tokens was" : "This token was not"} used in the last ${chartDays} days.</p></div>`;

/**
 * What the numbers have and what they don't have.
 * @param {UsagePage} page
 * @param {Usage} usage
 */
const notes = (page, usage) => {
  const refused = Object.values(usage.refusals).reduce((a, b) => a + b, 0);
  return html`<div class="notes aside">
    <p>Days are those of UTC. ${behind(usage)} <button type="button" class="quiet inline" aria-disabled=${page.loading} @click=${() => page.loading || page.load()}>Read again</button></p>
    ${page.measure === "dollars" ? html`<p>Dollars are what the price table said. Requests that were charged in units, without a usage, have none.</p>` : nothing}
    ${refused > 0 ? html`<p>At least ${formatCount(refused, "request")} ${refused === 1 ? "was" : "were"} refused: ${Object.entries(usage.refusals).map(([reason, n]) => `${formatNumber(n)} ${reason}`).join(", ")}.</p>` : nothing}
    ${usage.next ? html`<p><b>You have more tokens than this page reads.</b> The chart has the newest ones; <code>tokenctl usage</code> has all of them.</p>` : nothing}
  </div>`;
};

/**
 * How far the numbers are behind.
 * @param {Usage} usage
 */
const behind = ({ complete, behind_seconds: seconds, measured_at: at }) => {
  if (complete) return "Every request until now is counted.";
  if (seconds === undefined) return "The newest requests may be missing.";
  return html`The newest requests may be missing: a request was counted ${formatDuration(seconds)} after it was charged, measured ${relativeTime(at ?? 0)}.`;
};
