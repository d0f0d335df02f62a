// @ts-check
// The list of an audit trail: when, who, and what was before and after.
import { html, nothing } from "./lib/lit-html.js";
import { settingLabel } from "./draft.js";
import { windowName } from "./limits.js";
import { exactTime, problemBox, relativeTime } from "./parts.js";
import { formatDuration, formatExact, formatNumber, statuses } from "./words.js";

/** @typedef {import("./trail.js").Change} Change */
/** @typedef {import("./trail.js").Entry} Entry */
/** @typedef {import("./trail.js").Trail} Trail */

/** @type {Record<string, string>} */
const actions = {
  "token.created": "Created", "token.imported": "Imported", "token.updated": "Changed", "token.raised": "Quota raised",
  "token.disabled": "Disabled", "token.enabled": "Enabled", "token.rotated": "Key rotated", "token.leaked": "Key revoked as leaked",
  "token.deleted": "Deleted", "token.restored": "Restored", "token.purged": "Removed after its expiry",
  "user.created": "Account created", "user.updated": "Account changed", "user.disabled": "Account disabled", "user.enabled": "Account enabled",
  "user.keys_stopped": "All keys stopped", "user.keys_started": "All keys work again", "user.access_tokens": "Access tokens changed",
  "user.deleted": "Account deleted", "user.recounted": "Counts repaired", "policy.set": "Policy set", "budget.set": "Budget set",
  "webhook.created": "Webhook created", "webhook.updated": "Webhook changed", "webhook.disabled": "Webhook disabled", "webhook.enabled": "Webhook enabled",
  "webhook.rotated": "Secret of webhook rotated", "webhook.deleted": "Webhook deleted", "webhook.restored": "Webhook restored",
};

/** @type {Record<string, string>} */
const labels = {
  max_tokens: "Tokens", creates_per_second: "Creates per second", create_burst: "Creates at once", changes_per_second: "Changes per second",
  change_burst: "Changes at once", role: "Role", extra: "Raise", leaked_time: "Key revoked", previous_until: "Old key works until",
  url: "URL", types: "Types of events", disabled_reason: "Reason", previous_secret_until: "Old secret signs until",
};

/**
 * The entries that are loaded, and a button for older ones.
 * @param {Trail} trail
 */
export function trailView(trail) {
  const { entries, next, loading, problem } = trail;
  const retry = problemBox(problem, html`<button type="button" @click=${() => (entries ? trail.loadMore() : trail.load())}>Try again</button>`);
  if (!entries) return problem ? retry : html`<div class="loading" role="status" aria-busy="true"><span class="sr-only">Loading the history…</span>${[1, 2, 3].map(() => html`<div class="placeholder"></div>`)}</div>`;
  if (entries.length === 0) return html`<p class="aside" role="status">No changes in the last 400 days. ${behind(trail)}</p>`;
  return html`<ol class="trail" aria-busy=${loading}>${entries.map((one) => entry(one, trail.id === 0))}</ol>
    ${retry}
    ${next ? html`<button type="button" class="older" aria-disabled=${loading} @click=${() => trail.loadMore()}>${loading ? "Loading…" : "Load more"}</button>` : nothing}
    <p class="aside">${next ? nothing : "These are all changes of the last 400 days. "}${behind(trail)}</p>`;
}

/**
 * How far the entries are behind.
 * @param {Trail} trail
 */
const behind = ({ behindSeconds, measuredAt }) => (behindSeconds === undefined ? "The newest changes may be missing."
  : html`The newest changes may be missing: a change appeared ${formatDuration(behindSeconds)} after it was made, measured ${relativeTime(measuredAt)}.`);

/**
 * @param {Entry} one
 * @param {boolean} namesToken
 */
const entry = (one, namesToken) => html`<li>
  <p><b>${actions[one.action] ?? one.action}</b>${namesToken && one.token_id ? html` <span class="target">${one.token_name || "No name"} <span class="aside">#${one.token_id}</span></span>` : nothing}${one.webhook_id ? html` <span class="target"><span class="aside">#${one.webhook_id}</span></span>` : nothing}</p>
  <p class="aside">${exactTime(Math.floor(one.time / 1000))} · ${author(one)}${one.address ? ` · ${one.address}` : ""}${one.request_id ? html` · <span class="request">request ${one.request_id}</span>` : nothing}</p>
  ${one.changes.length > 0 ? html`<dl>${one.changes.map(change)}</dl>` : nothing}
</li>`;

/** @param {Entry} one */
const author = ({ by, access_token: slot, command }) => {
  if (by === "user") return `you, with access token ${slot ?? ""}`;
  if (by === "operator") return command ? `the operator, by ${command}` : "the operator";
  if (by === "key") return "somebody who had the key";
  return by === "service" ? "Latchkey" : by;
};

/** @param {Change} change */
const change = ({ setting, before, after }) => html`<div><dt>${labels[setting] ?? settingLabel(setting).replace(/^access_token_/, "Access token ")}</dt>
  <dd>${before === undefined ? nothing : html`<del><span class="sr-only">before: </span>${format(setting, before)}</del> <span aria-hidden="true">→</span> `}<ins><span class="sr-only">after: </span>${format(setting, after)}</ins></dd></div>`;

/**
 * A value in words. A newer API may have settings and values that this page does not know.
 * @param {string} setting
 * @param {unknown} value
 * @returns {string}
 */
function format(setting, value) {
  if (value === undefined || value === null || value === "") return "none";
  if (setting === "types" && Array.isArray(value) && value.length === 0) return "all";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return formatInteger(setting, value);
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.map((one) => format("", one)).join(", ");
  if (typeof value === "object") return formatObject(/** @type {Record<string, any>} */ (value));
  return String(value);
}

/** @param {Record<string, any>} value */
function formatObject(value) {
  const { period, model, quota } = value;
  if (period !== undefined && quota !== undefined) return `${formatNumber(quota)} units, ${windowName(/** @type {any} */ (value))}`;
  if (model !== undefined && quota !== undefined) return `${formatNumber(quota)} units for ${model}`;
  return Object.entries(value).map(([name, one]) => `${name} ${format(name, one)}`).join(", ");
}

/**
 * @param {string} setting
 * @param {number} n
 */
function formatInteger(setting, n) {
  if (setting === "status") return statuses[n] ?? String(n);
  if (/(_time|_until|_at|^until|^created|^expires)$/.test(setting)) {
    if (n === 0) return "none";
    return n === -1 ? "never" : formatExact(n);
  }
  return formatNumber(n);
}
