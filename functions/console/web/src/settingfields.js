// @ts-check
// The fields of the editor for the name, the group, the addresses, the expiry and
// the quota.
import { html, nothing } from "./lib/lit-html.js";
import { addsQuota, expiredTime } from "./draft.js";
import { field, relativeTime, toggle } from "./parts.js";
import { formatDollars, formatExact, formatNumber, timeZone } from "./words.js";

/** @typedef {import("./api.js").Token} Token */

/**
 * What the fields show and change.
 * @typedef {object} FieldsOptions
 * @property {import("./draft.js").Draft} draft
 * @property {Token | null} token the one that is edited; null: a new one
 * @property {(change: Partial<import("./draft.js").Draft>) => void} edit
 * @property {(field: string) => string | undefined} errorOf
 * @property {number} unitsPerDollar 0: quota has no value in dollars
 */

const hour = 3600;
const day = 24 * hour;
/** @type {[string, number][]} */
const presets = [["1 hour", hour], ["1 day", day], ["7 days", 7 * day], ["30 days", 30 * day], ["90 days", 90 * day], ["1 year", 365 * day]];

/**
 * @param {FieldsOptions} options
 * @param {"name" | "group"} name
 * @param {string} label
 */
export function textField({ draft, edit, errorOf }, name, label, isRequired = false) {
  return field({ name, label, error: errorOf(name) }, ({ id, describedBy, invalid }) => html`<input id=${id} autocomplete="off" aria-required=${isRequired} ?autofocus=${isRequired}
    aria-describedby=${describedBy} aria-invalid=${invalid} .value=${draft[name]} @input=${(e) => edit({ [name]: e.target.value })}>`);
}

/** @param {FieldsOptions} options */
export function addressField({ draft, edit, errorOf }) {
  return field({ name: "allow_ips", label: "Allowed addresses", error: errorOf("allow_ips"), hint: "IP addresses or CIDR ranges, one per line. Leave empty to allow all." },
    ({ id, describedBy, invalid }) => html`<textarea id=${id} rows="2" spellcheck="false" aria-describedby=${describedBy} aria-invalid=${invalid}
      .value=${draft.allow_ips} @input=${(e) => edit({ allow_ips: e.target.value })}></textarea>`);
}

/** @param {FieldsOptions} options */
export function expiryFields(options) {
  const { draft: { expiry }, token, edit, errorOf } = options;
  const error = errorOf("expired_time");
  const current = token && token.expired_time !== -1 ? token.expired_time : 0;
  const unless = expiry === "default" ? "Never, unless the operator has set a maximum lifetime." : undefined;
  const hint = expiry === "keep" ? html`${relativeTime(current)}, ${formatExact(current)}` : unless;
  const choose = (/** @type {string} */ value) => edit({ expiry: value, presetTime: Math.floor(Date.now() / 1000) + Number(value) });
  return html`${field({ name: "expired_time", label: "Expires", hint, error: expiry === "at" ? undefined : error },
    ({ id, describedBy, invalid }) => html`<select id=${id} aria-describedby=${describedBy} aria-invalid=${invalid} .value=${expiry} @change=${(e) => choose(e.target.value)}>
      ${token ? nothing : html`<option value="default" ?selected=${expiry === "default"}>Default</option>`}
      ${current ? html`<option value="keep" ?selected=${expiry === "keep"}>Keep current</option>` : nothing}
      <option value="never" ?selected=${expiry === "never"}>Never</option>
      ${presets.map(([label, seconds]) => html`<option value=${seconds} ?selected=${expiry === String(seconds)}>In ${label}</option>`)}
      <option value="at" ?selected=${expiry === "at"}>On a date…</option>
    </select>`)}
  ${expiry === "at" ? dateField(options, error) : nothing}`;
}

/**
 * @param {FieldsOptions} options
 * @param {string | undefined} error
 */
function dateField({ draft, edit }, error) {
  const seconds = expiredTime(draft);
  const exact = seconds ? formatExact(seconds) : "";
  const zone = exact.endsWith(timeZone) ? "" : ` (${timeZone})`;
  return field({ name: "date", label: "Date and time", error, hint: seconds ? html`${relativeTime(seconds)}, ${exact}${zone}` : `In your time zone, ${timeZone}.` },
    ({ id, describedBy, invalid }) => html`<input id=${id} type="datetime-local" aria-describedby=${describedBy} aria-invalid=${invalid}
      .value=${draft.at} @input=${(e) => edit({ at: e.target.value })}>`);
}

/** @param {FieldsOptions} options */
export function quotaFields(options) {
  const { draft: { unlimited, quota, delta }, token, edit, unitsPerDollar } = options;
  const unlimitedToggle = toggle("unlimited", "Unlimited quota", unlimited, (checked) => edit({ unlimited: checked }));
  if (unlimited) return unlimitedToggle;
  if (!token || !addsQuota(token)) {
    return html`${unlimitedToggle}${unitsField(options, "remain_quota", "Quota", quota, `${worth(quota, unitsPerDollar)}With a quota of 0, the key is refused.`, (text) => edit({ quota: text }))}`;
  }
  const left = unitsPerDollar ? ` (${formatDollars(token.remain_quota, unitsPerDollar)})` : "";
  const hint = `${formatNumber(token.remain_quota)} units left${left}. ${unitsPerDollar ? worth(delta, unitsPerDollar) : ""}Enter how many to add, or a negative number to subtract. Units spent meanwhile still count.`;
  return html`${unlimitedToggle}${unitsField(options, "quota_delta", "Add to the quota", delta, hint, (text) => edit({ delta: text }))}`;
}

/**
 * Returns what the typed units are worth, as a sentence.
 * @param {string} text
 * @param {number} unitsPerDollar
 */
function worth(text, unitsPerDollar) {
  if (!unitsPerDollar) return "In your gateway's units. ";
  const units = Number(text);
  const typed = text.trim() !== "" && Number.isSafeInteger(units) && units > 0 ? `${formatNumber(units)} units are ${formatDollars(units, unitsPerDollar)}. ` : "";
  return `${formatNumber(unitsPerDollar)} units are ${formatDollars(unitsPerDollar, unitsPerDollar)}. ${typed}`;
}

/**
 * @param {FieldsOptions} options
 * @param {string} name
 * @param {string} label
 * @param {string} value
 * @param {string} hint
 * @param {(text: string) => void} change
 */
function unitsField({ errorOf }, name, label, value, hint, change) {
  return field({ name, label, hint, error: errorOf(name) }, ({ id, describedBy, invalid }) => html`<input id=${id} inputmode="numeric"
    autocomplete="off" aria-describedby=${describedBy} aria-invalid=${invalid} .value=${value} @input=${(e) => change(e.target.value)}>`);
}
