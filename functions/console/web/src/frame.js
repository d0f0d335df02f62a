// @ts-check
// What all pages have: the header with the links, and the messages about the last action.
import { html, nothing } from "./lib/lit-html.js";
import { problemBox, relativeTime } from "./parts.js";
import { links } from "./route.js";
import { formatDollars, formatNumber } from "./words.js";

/** @typedef {import("./app.js").App} App */

/** @type {[import("./route.js").Route["page"], string][]} */
const pages = [["tokens", "Tokens"], ["usage", "Usage"], ["history", "History"]];

/**
 * A page with its content.
 * @param {App} app
 * @param {import("./lib/lit-html.js").TemplateResult} content
 */
export const frame = (app, content) => html`<div class="page">
  <header class="bar">
    <h1><img src="console/icon.svg" alt="" width="28" height="28">Latchkey</h1>
    ${budget(app)}
    <nav aria-label="Pages">${pages.map(([page, label]) => html`<a href=${links[page]} aria-current=${page === app.state.route.page ? "page" : nothing}>${label}</a>`)}<a href="docs">API reference</a></nav>
    <button type="button" @click=${() => app.signOut()}>Sign out</button>
  </header>
  <main>${content}</main>
  ${notices(app)}
</div>`;

/**
 * What is left of the budget of all tokens, as of the start of the session.
 * @param {App} app
 */
const budget = ({ state: { budget: self, unitsPerDollar } }) => {
  if (!self) return nothing;
  const { quota: left, used_quota: drawn, resets_at: resetsAt } = self;
  const worth = unitsPerDollar ? ` (${formatDollars(left, unitsPerDollar)} of ${formatDollars(left + drawn, unitsPerDollar)})` : "";
  const text = `Budget: ${formatNumber(left)} of ${formatNumber(left + drawn)} units left${worth}`;
  return html`<p class="budget" title="All of your tokens share it. Units that a token has drawn and not yet used are not counted as left.">${text}${resetsAt ? html`, renews ${relativeTime(resetsAt)}` : nothing}</p>`;
};

/**
 * Messages about the last action. They lie over the page, so that they move
 * nothing that the user is about to click.
 * @param {App} app
 */
const notices = (app) => {
  const { text, problem } = app.state.notice ?? {};
  const dismiss = html`<button type="button" class="quiet" @click=${() => app.set({ notice: null })}>Dismiss</button>`;
  return html`<div class="notices"><div role="status" class="notice">${text ?? ""}</div>${problemBox(problem, dismiss)}</div>`;
};
