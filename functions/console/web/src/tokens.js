// @ts-check
import { html, nothing } from "./lib/lit-html.js";
import { frame } from "./frame.js";
import { raise, tightestWindow, windowName, worksAgainAt } from "./limits.js";
import { exactTime, iconButton, problemBox, relativeTime } from "./parts.js";
import { sparkline } from "./sparkline.js";
import { cursorOf } from "./tokenlist.js";
import { formatCount, formatDollars, formatNumber, statuses } from "./words.js";

/** @typedef {import("./app.js").App} App */
/** @typedef {import("./api.js").Token} Token */
/** @typedef {import("./api.js").TokenPage} TokenPage */

const searchDelayMs = 300; // a search starts after this pause in typing
/** @type {ReturnType<typeof setTimeout> | undefined} */
let searchTimer;

/**
 * The screen with the table of tokens.
 * @param {App} app
 */
export const tokensScreen = (app) => frame(app, html`
  <div class="heading"><h2 tabindex="-1">Tokens</h2><button type="button" id="new-token" class="primary" @click=${() => app.create()}>New token</button></div>
  ${filters(app)}
  ${bulkBar(app)}
  ${results(app)}`);

/** @param {App} app */
const filters = (app) => {
  const { query, searchError } = app.state;
  const search = (/** @type {string} */ text) => {
    clearTimeout(searchTimer);
    if (text.trim() !== app.state.query.text.trim()) app.list.search({ text });
  };
  return html`<form class="filters" role="search" @submit=${(e) => { e.preventDefault(); search(e.target.elements.text.value); }}>
    <div class="field grow"><label for="search">Search</label>
      <input id="search" name="text" type="search" placeholder="Name, or a key's last four: sk-wxyz" autocomplete="off" .value=${query.text}
        aria-describedby=${searchError ? "search-error" : nothing} aria-invalid=${searchError ? "true" : nothing}
        @input=${(e) => { clearTimeout(searchTimer); searchTimer = setTimeout(() => search(e.target.value), searchDelayMs); }}>
      ${searchError ? html`<p class="error" id="search-error" role="alert">${searchError}</p>` : nothing}</div>
    <div class="field"><label for="status">Status</label>
      <select id="status" .value=${query.status} @change=${(e) => app.list.search({ status: e.target.value })}>
        <option value="">Any</option>${Object.entries(statuses).map(([value, name]) => html`<option value=${value}>${capitalize(name)}</option>`)}
      </select></div>
    <div class="field"><label for="size">Rows</label>
      <select id="size" .value=${String(query.size)} @change=${(e) => app.list.search({ size: Number(e.target.value) })}>
        ${[10, 25, 50, 100].map((n) => html`<option value=${n} ?selected=${n === query.size}>${n}</option>`)}
      </select></div>
  </form>`;
};

/** @param {App} app */
const bulkBar = (app) => {
  const n = app.state.selected.size;
  if (!n) return nothing;
  return html`<div class="bulk" role="group" aria-label="Selected tokens">
    <span>${n} selected</span>
    <button type="button" @click=${() => app.bulk("enable")}>Enable</button>
    <button type="button" @click=${() => app.bulk("disable")}>Disable</button>
    <button type="button" class="danger" @click=${() => app.bulk("delete")}>Delete</button>
    <button type="button" class="quiet" @click=${() => app.set({ selected: new Set() })}>Clear selection</button>
  </div>`;
};

/** @param {App} app */
const results = (app) => {
  const { page, problem, loading, searchError } = app.state;
  if (problem) return problemBox(problem, html`<button type="button" @click=${() => app.list.load()}>Try again</button>`);
  if (searchError) return nothing;
  if (!page) return html`<div class="loading" role="status" aria-busy="true"><span class="sr-only">Loading the tokens…</span>${Array.from({ length: 5 }, () => html`<div class="placeholder"></div>`)}</div>`;
  return html`<div class=${loading ? "results stale" : "results"} aria-busy=${loading}>${page.items.length > 0 ? table(app, page) : empty(app, page)}</div>${pager(app, page)}`;
};

/**
 * @param {App} app
 * @param {TokenPage} page
 */
const empty = (app, page) => {
  const { query, searched } = app.state;
  if (query.text.trim() === "" && query.status === "") {
    return html`<div class="empty"><h3>No tokens yet</h3><p>A token lets an application call models. You set its quota, its expiry and the models.</p>
      <button type="button" class="primary" @click=${() => app.create()}>Create the first token</button></div>`;
  }
  if (searched) {
    return html`<div class="empty"><h3>Nothing found so far</h3><p role="status">Searching older tokens…</p>
      <progress aria-label="Searched tokens" max=${searched.from} value=${searched.from - searched.below}></progress>
      <button type="button" @click=${() => app.list.stop()}>Stop</button></div>`;
  }
  const goOn = page.next ? html`<button type="button" @click=${() => app.list.load()}>Search older tokens</button>` : nothing;
  const older = query.cursors.length > 0 ? "No older token" : "No token";
  return html`<div class="empty"><h3>Nothing found</h3><p>${page.next ? "No match among the tokens searched so far. There are older tokens." : `${older} matches the search.`}</p>
    ${goOn}<button type="button" @click=${() => app.list.search({ text: "", status: "" })}>Show all tokens</button></div>`;
};

/**
 * The table states the roles of its elements because the narrow layout shows
 * them as blocks, which have no roles.
 * @param {App} app
 * @param {TokenPage} page
 */
const table = (app, page) => {
  const { selected } = app.state;
  const ids = page.items.map((token) => token.id);
  const all = ids.every((id) => selected.has(id));
  return html`<table role="table" aria-label="Tokens">
    <thead role="rowgroup"><tr role="row">
      <th role="columnheader" class="choose"><label><input type="checkbox" aria-label="Select all tokens of this page" .checked=${all}
        .indeterminate=${!all && selected.size > 0} @change=${(e) => app.list.select(ids, e.target.checked)}><span>Select all</span></label></th>
      ${["Name", "Key", "Status", "Quota", "Expires", "Models", "Last used"].map((name) => html`<th role="columnheader" scope="col">${name}</th>`)}
      <th role="columnheader"><span class="sr-only">Actions</span></th>
    </tr></thead>
    <tbody role="rowgroup">${page.items.map((token) => row(app, token))}</tbody>
  </table>`;
};

/**
 * @param {App} app
 * @param {Token} token
 */
const row = (app, token) => {
  const { selected, busy } = app.state;
  const isBusy = busy.has(token.id);
  return html`<tr role="row" class=${selected.has(token.id) ? "selected" : ""} aria-busy=${isBusy}>
    <td role="cell" class="choose"><input type="checkbox" aria-label="Select ${token.name}" .checked=${selected.has(token.id)} @change=${(e) => app.list.select([token.id], e.target.checked)}></td>
    <th role="rowheader" scope="row" class="name">${token.name}<span class="aside">#${token.id}${token.group ? ` · ${token.group}` : ""}</span>${token.imported ? html`<span class="aside">imported from ${token.imported}</span>` : nothing}</th>
    <td role="cell" data-label="Key"><code>${token.key}</code>${token.previous_key ? html`<span class="aside">${token.previous_key} expires ${relativeTime(token.previous_until)}</span>` : nothing}</td>
    <td role="cell" data-label="Status"><span class="status s${token.status}">${statuses[token.status]}</span>${token.leaked_time ? html`<span class="aside">key leaked ${relativeTime(token.leaked_time)}: rotate it</span>` : nothing}${worksAgainAt(token) ? html`<span class="aside">used up until ${exactTime(worksAgainAt(token))}</span>` : nothing}</td>
    <td role="cell" data-label="Quota">${quota(token, app.state.unitsPerDollar)}${token.extra ? html`<span class="aside window">${raise(token.extra)}</span>` : nothing}${tightest(token)}${sparkline(app.sparks.of(token.id), token)}</td>
    <td role="cell" data-label="Expires">${token.expired_time === -1 ? "never" : relativeTime(token.expired_time)}</td>
    <td role="cell" data-label="Models" class="models">${models(token)}</td>
    <td role="cell" data-label="Last used">${lastUse(token)}</td>
    <td role="cell" class="actions">
      ${iconButton("edit", `Edit ${token.name}`, () => app.edit(token), isBusy)}
      ${iconButton("rotate", `Rotate the key of ${token.name}`, () => app.rotate(token), isBusy)}
      ${token.leaked_time ? nothing : statusButton(app, token, isBusy)}
      ${iconButton("delete", `Delete ${token.name}`, () => app.delete(token), isBusy)}
    </td>
  </tr>`;
};

/**
 * @param {App} app
 * @param {Token} token
 * @param {boolean} isBusy
 */
const statusButton = (app, token, isBusy) => token.status === 2
  ? iconButton("enable", `Enable ${token.name}`, () => app.list.setStatus(token, 1), isBusy)
  : iconButton("disable", `Disable ${token.name}`, () => app.list.setStatus(token, 2), isBusy);

/**
 * When a token was last used, and from where.
 * @param {Token} token
 */
const lastUse = ({ last_used: use }) => {
  if (!use) return "never";
  const from = [use.network, use.user_agent].filter(Boolean).join(" · ");
  return html`<span class="use">${relativeTime(use.time)}${from ? html` <span class="aside">${from}</span>` : nothing}</span>`;
};

/**
 * @param {Token} token
 * @param {number} unitsPerDollar
 */
const quota = ({ unlimited_quota: unlimited, remain_quota: left, used_quota: used }, unitsPerDollar) => {
  const worth = unitsPerDollar ? html`<span class="aside">${unlimited ? "" : `${formatDollars(left, unitsPerDollar)} left, `}${formatDollars(used, unitsPerDollar)} used</span>` : nothing;
  if (unlimited) return html`unlimited<span class="aside">${formatNumber(used)} used</span>${worth}`;
  return html`<progress aria-label="Used ${formatNumber(used)} of ${formatNumber(used + left)}" max=${Math.max(1, used + left)} value=${used}></progress>
    <span class="aside"><b>${formatNumber(left)}</b> left, ${formatNumber(used)} used</span>${worth}`;
};

/**
 * The window of a token with the smallest part left. The tooltip names all.
 * @param {Token} token
 */
const tightest = (token) => {
  const window = tightestWindow(token);
  if (!window) return nothing;
  const { remaining, quota: all, period, extra } = window;
  const title = token.windows?.map((w) => `${formatNumber(w.remaining)} of ${formatNumber(w.quota)} left ${windowName(w)}${w.extra ? `, ${raise(w.extra)}` : ""}`).join("\n");
  return html`<span class="aside window" title=${title}><b>${formatNumber(remaining)}</b> of ${formatNumber(all + (extra?.units ?? 0))} left per ${period}</span>`;
};

/** @param {Token} token */
const models = ({ model_limits_enabled: limited, models: names }) => {
  if (!limited) return "all";
  const shown = names.slice(0, 2).join(", ");
  return names.length > 2 ? html`<span title=${names.join(", ")}>${shown} and ${names.length - 2} more</span>` : shown;
};

/**
 * Buttons to turn pages. Pages have numbers up to the end of what the API
 * counts; older tokens follow by cursor.
 * @param {App} app
 * @param {TokenPage} page
 */
const pager = (app, page) => {
  const { query, loading } = app.state;
  const lastPage = Math.max(1, Math.ceil(page.total / query.size));
  const isOlder = cursorOf(query) !== undefined;
  /**
   * @param {string} label
   * @param {Partial<import("./state.js").Query>} change
   */
  const button = (label, change, possible = true) =>
    html`<button type="button" aria-disabled=${!possible || loading} @click=${() => possible && !loading && app.list.load(change)}>${label}</button>`;
  const previous = () => isOlder
    ? button("Previous", { cursors: query.cursors.slice(0, -1) }, query.cursors.length > 0)
    : button("Previous", { page: query.page - 1 }, query.page > 1);
  const next = () => {
    if (page.next && page.items.length > 0 && (isOlder || query.page >= lastPage)) return button("Search older tokens", { cursors: [...query.cursors, page.next] });
    return isOlder ? nothing : button("Next", { page: query.page + 1 }, query.page < lastPage);
  };
  const position = isOlder
    ? formatCount(page.items.length, "token")
    : `Page ${formatNumber(query.page)} of ${formatNumber(lastPage)} · ${formatCount(page.total, "token")}`;
  return html`<nav class="pager" aria-label="Pages of tokens">${previous()}<span role="status">${position}</span>${next()}</nav>`;
};

/** @param {string} text */
const capitalize = (text) => text[0].toUpperCase() + text.slice(1);
