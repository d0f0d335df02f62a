// @ts-check
// The part of the editor for windows, model quotas and rates.
import { html, nothing } from "./lib/lit-html.js";
import { calendarPeriods, countOf, maxModelQuotas, maxWindows, newWindow, raise, rates, weekdays } from "./limits.js";
import { field, relativeTime } from "./parts.js";
import { formatDollars, formatNumber, parseInteger } from "./words.js";

/** @typedef {import("./limits.js").LimitsDraft} LimitsDraft */
/** @typedef {import("./limits.js").WindowDraft} WindowDraft */
/** @typedef {import("./limits.js").ModelQuotaDraft} ModelQuotaDraft */
/** @typedef {import("./lib/lit-html.js").TemplateResult} TemplateResult */

/**
 * @typedef {object} LimitFieldsOptions
 * @property {LimitsDraft} draft
 * @property {(change: Partial<LimitsDraft>) => void} edit
 * @property {(field: string) => string | undefined} errorOf
 * @property {boolean} open
 * @property {boolean} hasError whether an error is shown in it, so that it stays open
 * @property {(open: boolean) => void} toggle
 * @property {number} unitsPerDollar
 */

/**
 * The fields of the API that are on the screen.
 * @param {LimitsDraft} draft
 */
export const limitFieldNames = (draft) => [
  ...draft.windows.flatMap((w, i) => ["quota", "period", ...(calendarPeriods.includes(w.period) ? ["timezone"] : []), ...(["day", "week", "month"].includes(w.period) ? ["anchor"] : [])].map((name) => `windows[${i}].${name}`)),
  ...draft.model_quotas.flatMap((_, i) => [`model_quotas[${i}].model`, `model_quotas[${i}].quota`]),
  ...rates.map(([name]) => name),
];

/** @param {LimitFieldsOptions} options */
export const limitFields = (options) => html`<details class="more" ?open=${options.open || options.hasError} @toggle=${(e) => options.toggle(e.target.open)}>
  <summary @click=${(e) => options.hasError && e.preventDefault()}>More limits <span class="aside">${countOf(options.draft)}</span></summary>
  <div class="content">
    ${windowFields(options)}
    ${modelFields(options)}
    <div class="pair">${rates.map(([name, label]) => textField({ name, label, error: options.errorOf(name), numeric: true }, options.draft[name], (text) => options.edit({ [name]: text })))}</div>
    <p class="hint">Empty means no limit.</p>
  </div>
</details>`;

/**
 * @param {{ name: string, label: string, error?: string, hint?: string | TemplateResult, numeric?: boolean }} options
 * @param {string} value
 * @param {(text: string) => void} change
 */
const textField = ({ numeric = false, ...options }, value, change) => field(options, ({ id, describedBy, invalid }) => html`<input id=${id} autocomplete="off" spellcheck="false"
  inputmode=${numeric ? "numeric" : "text"} aria-describedby=${describedBy} aria-invalid=${invalid} .value=${value} @input=${(e) => change(e.target.value)}>`);

/**
 * A labelled select. Its options have values and labels. It selects an option
 * and does not set its value, because the option may not exist yet.
 * @param {{ name: string, label: string, error?: string, hint?: string }} options
 * @param {string} value
 * @param {[string, string][]} choices
 * @param {(value: string) => void} change
 */
const selectField = (options, value, choices, change) => field(options, ({ id, describedBy, invalid }) => html`<select id=${id} aria-describedby=${describedBy} aria-invalid=${invalid}
  @change=${(e) => change(e.target.value)}>${choices.map(([choice, label]) => html`<option value=${choice} .selected=${choice === value}>${label}</option>`)}</select>`);

/**
 * A button that removes a row. The focus moves to the button that adds one.
 * @param {string} label
 * @param {string} addId
 * @param {() => void} remove
 */
const removeButton = (label, addId, remove) => html`<button type="button" class="quiet" aria-label=${label} @click=${() => { remove(); document.getElementById(addId)?.focus(); }}>Remove</button>`;

/**
 * A button that adds a row, whose first field gets the focus.
 * @param {string} id
 * @param {string} label
 * @param {boolean} possible
 * @param {() => void} add
 * @param {string} fieldId
 */
const addButton = (id, label, possible, add, fieldId) => html`<button type="button" id=${id} aria-disabled=${!possible}
  @click=${() => { if (possible) { add(); document.getElementById(fieldId)?.focus(); } }}>${label}</button>`;

/**
 * What is used of a limit, and what the typed units are worth.
 * @param {{ quota: string, original: { quota: number, used: number, remaining: number, resets_at?: number, extra?: import("./api.js").Extra } | null }} row
 * @param {number} unitsPerDollar
 */
function use({ quota, original }, unitsPerDollar) {
  const units = parseInteger(quota);
  const worth = unitsPerDollar && typeof units === "number" && units > 0 ? html`${formatNumber(units)} units are ${formatDollars(units, unitsPerDollar)}. ` : nothing;
  if (!original) return worth === nothing ? undefined : html`${worth}`;
  const { used, remaining, resets_at: resetsAt, extra } = original;
  const next = resetsAt ? html`, resets ${relativeTime(resetsAt)}` : ", begins with the next use";
  return html`${worth}${formatNumber(used)} of ${formatNumber(original.quota)} used, ${formatNumber(remaining)} left${resetsAt === undefined ? "" : next}${extra ? `, ${raise(extra)}` : ""}.`;
}

/** @param {LimitFieldsOptions} options */
const windowFields = ({ draft, edit, errorOf, unitsPerDollar }) => {
  const { windows } = draft;
  const zones = timezones(windows);
  const change = (/** @type {number} */ i, /** @type {Partial<WindowDraft>} */ values) => edit({ windows: windows.map((w, k) => (k === i ? { ...w, ...values } : w)) });
  return html`${windows.map((w, i) => html`<fieldset class="limit"><legend>Window ${i + 1}</legend>
      ${windowRow({ w, i, zones, unitsPerDollar, error: (name) => errorOf(`windows[${i}].${name}`), change: (values) => change(i, values) })}
      ${removeButton(`Remove window ${i + 1}`, "add-window", () => edit({ windows: windows.filter((_, k) => k !== i) }))}
    </fieldset>`)}
    <div>${addButton("add-window", "Add a window", windows.length < maxWindows, () => edit({ windows: [...windows, newWindow()] }), `field-window-${windows.length}-quota`)}
      <p class="hint">A quota that renews, up to ${maxWindows}. The token's own quota counts, too.</p></div>`;
};

const hours = Array.from({ length: 24 }, (_, hour) => /** @type {[string, string]} */ ([String(hour), `${hour}:00`]));
const days = Array.from({ length: 31 }, (_, i) => /** @type {[string, string]} */ ([String(i + 1), String(i + 1)]));

/**
 * The fields of a window, of which only those that fit its period are shown.
 * @param {{ w: WindowDraft, i: number, zones: [string, string][], unitsPerDollar: number, error: (name: string) => string | undefined, change: (values: Partial<WindowDraft>) => void }} options
 */
const windowRow = ({ w, i, zones, unitsPerDollar, error, change }) => {
  const name = (/** @type {string} */ part) => `window-${i}-${part}`;
  const isCalendar = calendarPeriods.includes(w.period);
  const unknown = isCalendar || w.period === "length" ? [] : [w.period];
  const periods = [...calendarPeriods, ...unknown].map((period) => /** @type {[string, string]} */ ([period, period]));
  const periodError = error("period");
  return html`<div class="pair">
      ${textField({ name: name("quota"), label: "Units", error: error("quota"), numeric: true }, w.quota, (quota) => change({ quota }))}
      ${selectField({ name: name("period"), label: "Every", error: w.period === "length" ? undefined : periodError }, w.period, [...periods, ["length", "Other length…"]], (period) => change({ period }))}
    </div>
    ${w.period === "length" ? textField({ name: name("length"), label: "Length", error: periodError, hint: "A number and m, h or d, such as 5h. It begins with the first use." }, w.length, (length) => change({ length })) : nothing}
    ${isCalendar ? selectField({ name: name("timezone"), label: "Time zone", error: error("timezone") }, w.timezone, zones, (timezone) => change({ timezone })) : nothing}
    ${isCalendar && w.period !== "hour" ? html`<div class="pair">
      ${w.period === "week" ? selectField({ name: name("weekday"), label: "From", error: error("anchor") }, String(w.weekday), weekdays.map((day, k) => [String(k + 1), day]), (value) => change({ weekday: Number(value) })) : nothing}
      ${w.period === "month" ? selectField({ name: name("day"), label: "From day", hint: w.day > 28 ? "Or the last day of a shorter month." : undefined, error: error("anchor") }, String(w.day), days, (value) => change({ day: Number(value) })) : nothing}
      ${selectField({ name: name("hour"), label: "Begins at", error: w.period === "day" ? error("anchor") : undefined }, String(w.hour), hours, (value) => change({ hour: Number(value) }))}
    </div>` : nothing}
    ${useLine(w, unitsPerDollar)}`;
};

/**
 * @param {WindowDraft | ModelQuotaDraft} row
 * @param {number} unitsPerDollar
 */
const useLine = (row, unitsPerDollar) => {
  const text = use(row, unitsPerDollar);
  return text ? html`<p class="hint">${text}</p>` : nothing;
};

/**
 * The time zones that the browser knows, and those of the windows.
 * @param {WindowDraft[]} windows
 */
const timezones = (windows) => [...new Set(["UTC", ...Intl.supportedValuesOf("timeZone"), ...windows.map(({ timezone }) => timezone)])].map((zone) => /** @type {[string, string]} */ ([zone, zone]));

/** @param {LimitFieldsOptions} options */
const modelFields = ({ draft, edit, errorOf, unitsPerDollar }) => {
  const rows = draft.model_quotas;
  const change = (/** @type {number} */ i, /** @type {Partial<ModelQuotaDraft>} */ values) => edit({ model_quotas: rows.map((row, k) => (k === i ? { ...row, ...values } : row)) });
  return html`${rows.map((row, i) => html`<fieldset class="limit"><legend>Model quota ${i + 1}</legend>
      <div class="pair">
        ${textField({ name: `model-quota-${i}-model`, label: "Model", error: errorOf(`model_quotas[${i}].model`) }, row.model, (model) => change(i, { model }))}
        ${textField({ name: `model-quota-${i}-quota`, label: "Units", error: errorOf(`model_quotas[${i}].quota`), numeric: true }, row.quota, (quota) => change(i, { quota }))}
      </div>
      ${useLine(row, unitsPerDollar)}
      ${removeButton(`Remove model quota ${i + 1}`, "add-model-quota", () => edit({ model_quotas: rows.filter((_, k) => k !== i) }))}
    </fieldset>`)}
    <div>${addButton("add-model-quota", "Add a model quota", rows.length < maxModelQuotas, () => edit({ model_quotas: [...rows, { model: "", quota: "", original: null }] }), `field-model-quota-${rows.length}-model`)}
      <p class="hint">A quota for one model, or for all that begin alike, such as gpt-5*, up to ${maxModelQuotas}. It does not renew.</p></div>`;
};
