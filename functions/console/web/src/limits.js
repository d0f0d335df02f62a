// @ts-check
// Windows, model quotas and rates: their drafts in the editor, what the API
// gets, and their names.
import { Problem } from "./problem.js";
import { formatNumber, formatShort, isEqual, parseInteger, timeZone } from "./words.js";

/** @typedef {import("./api.js").Token} Token */
/** @typedef {import("./api.js").Window} Window */
/** @typedef {import("./api.js").WindowInput} WindowInput */
/** @typedef {import("./api.js").ModelQuota} ModelQuota */
/** @typedef {import("./api.js").LimitsInput} LimitsInput */

/**
 * @typedef {object} WindowDraft
 * @property {string} period of the calendar, "length", or one that the console does not know
 * @property {string} length such as 5h
 * @property {string} quota
 * @property {string} timezone
 * @property {number} hour
 * @property {number} weekday
 * @property {number} day
 * @property {Window | null} original as the API has it; null: a new window
 */

/** @typedef {{ model: string, quota: string, original: ModelQuota | null }} ModelQuotaDraft */

/**
 * @typedef {object} LimitsDraft
 * @property {WindowDraft[]} windows
 * @property {ModelQuotaDraft[]} model_quotas
 * @property {string} requests_per_minute "" is no limit
 * @property {string} units_per_minute
 * @property {string} max_concurrent
 */

export const maxWindows = 3;
export const maxModelQuotas = 8;

/** The rates, by the name of their field. @type {["requests_per_minute" | "units_per_minute" | "max_concurrent", string][]} */
export const rates = [["requests_per_minute", "Requests per minute"], ["units_per_minute", "Units per minute"], ["max_concurrent", "Requests at the same time"]];

export const calendarPeriods = ["hour", "day", "week", "month"];
export const weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/**
 * Whether a field of the API is one of the limits.
 * @param {string} field
 */
export const isLimit = (field) => /^(windows|model_quotas)\b/.test(field) || rates.some(([name]) => name === field);

/** @param {Token | null} token */
export const hasLimits = (token) => token !== null && Object.values(limitsOf(token)).some((value) => (Array.isArray(value) ? value.length > 0 : value !== 0));

/**
 * Returns the limits of a token without their use, as an update sends them.
 * @param {Token} token
 * @returns {Required<LimitsInput>}
 */
export const limitsOf = (token) => ({
  windows: (token.windows ?? []).map(withoutUse),
  model_quotas: (token.model_quotas ?? []).map(withoutUse),
  requests_per_minute: token.requests_per_minute ?? 0,
  units_per_minute: token.units_per_minute ?? 0,
  max_concurrent: token.max_concurrent ?? 0,
});

/**
 * Returns what is set of a window or model quota, including what the console
 * does not know.
 * @template {Window | ModelQuota} Limit
 * @param {Limit} limit
 */
const withoutUse = (limit) => /** @type {Limit} */ (without(limit, "used", "remaining", "resets_at", "extra"));

/**
 * Returns the properties of an object other than those named.
 * @param {object} object
 * @param {string[]} names
 */
const without = (object, ...names) => Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

/**
 * Returns the draft of a token's limits, or of a new token's.
 * @param {Token | null} token
 * @returns {LimitsDraft}
 */
export const limitsDraftOf = (token) => ({
  windows: (token?.windows ?? []).map(windowDraftOf),
  model_quotas: (token?.model_quotas ?? []).map((original) => ({ model: original.model, quota: String(original.quota), original })),
  requests_per_minute: String(token?.requests_per_minute || ""),
  units_per_minute: String(token?.units_per_minute || ""),
  max_concurrent: String(token?.max_concurrent || ""),
});

/**
 * @param {Window} original
 * @returns {WindowDraft}
 */
function windowDraftOf(original) {
  const { period, quota, timezone, anchor } = original;
  const isLength = /^\d+[smhd]$/.test(period);
  return {
    period: isLength ? "length" : period, length: isLength ? period : "", quota: String(quota), timezone: timezone ?? (isLength ? timeZone : "UTC"),
    hour: anchor?.hour ?? 0, weekday: anchor?.weekday || 1, day: anchor?.day || 1, original,
  };
}

/** Returns the draft of a new window. @returns {WindowDraft} */
export const newWindow = () => ({ period: "day", length: "", quota: "", timezone: timeZone, hour: 0, weekday: 1, day: 1, original: null });

/**
 * Returns what the API gets for a draft. A new token gets only the limits that it
 * has, so that the operator's defaults apply to the others.
 * @param {LimitsDraft} draft
 * @param {boolean} isNew
 * @returns {LimitsInput}
 */
export function limitsInputOf(draft, isNew) {
  /** @type {LimitsInput} */
  const input = {};
  if (!isNew || draft.windows.length > 0) input.windows = draft.windows.map(windowInputOf);
  if (!isNew || draft.model_quotas.length > 0) {
    input.model_quotas = draft.model_quotas.map(({ model, quota, original }) => ({ ...(original ? withoutUse(original) : {}), model, quota: parseInteger(quota) }));
  }
  for (const [name] of rates) {
    if (!isNew || draft[name].trim() !== "") input[name] = parseInteger(draft[name].trim() || "0");
  }
  return input;
}

/**
 * Returns the input of a window, in the form in which the API returns it. It keeps
 * what the console does not know.
 * @param {WindowDraft} draft
 * @returns {WindowInput}
 */
function windowInputOf(draft) {
  const { period, original } = draft;
  const quota = parseInteger(draft.quota);
  const unknown = without(original ? withoutUse(original) : {}, "period", "quota", "timezone", "anchor");
  if (period === "length") return { period: draft.length.trim(), quota, ...unknown };
  if (original && !calendarPeriods.includes(period)) return { ...withoutUse(original), quota };
  return { period, quota, timezone: draft.timezone, anchor: anchorOf(draft, period === original?.period ? original.anchor : {}), ...unknown };
}

/**
 * Returns the anchor of a window, or undefined if the API would leave it out.
 * @param {WindowDraft} draft
 * @param {WindowInput["anchor"]} before
 */
function anchorOf({ period, hour, weekday, day }, before = {}) {
  const unknown = without(before, "hour", "weekday", "day");
  const anchor = { ...(period !== "hour" && { hour }), ...(period === "week" && { weekday }), ...(period === "month" && { day }), ...unknown };
  return isEqual(anchor, { hour: 0 }) || isEqual(anchor, {}) ? undefined : anchor;
}

/**
 * Returns a draft without rows for models that were left empty.
 * @param {LimitsDraft} draft
 */
export const withoutEmptyRows = (draft) => ({ ...draft, model_quotas: draft.model_quotas.filter(({ model, quota }) => model.trim() !== "" || quota.trim() !== "") });

/**
 * Returns what is wrong with a draft and can't be expressed in a request.
 * @param {LimitsDraft} draft
 */
export function validateLimits(draft) {
  const numbers = [
    ...draft.windows.map(({ quota }, i) => [`windows[${i}].quota`, quota]),
    ...draft.model_quotas.map(({ quota }, i) => [`model_quotas[${i}].quota`, quota]),
    ...rates.filter(([name]) => draft[name].trim() !== "").map(([name]) => [name, draft[name]]),
  ];
  const wrong = numbers.find(([, text]) => typeof parseInteger(text) !== "number");
  return wrong ? new Problem("Enter a whole number, for example 500,000.", { status: 400, field: wrong[0] }) : null;
}

/**
 * Returns the name of a window: its period, and where it begins unless that is
 * midnight of the first day.
 * @param {WindowInput} window
 */
export function windowName({ period, timezone, anchor }) {
  const parts = [`per ${period}`];
  if (anchor?.weekday && anchor.weekday > 1) parts.push(`from ${weekdays[anchor.weekday - 1] ?? anchor.weekday}`);
  if (anchor?.day && anchor.day > 1) parts.push(`from day ${anchor.day}`);
  if (anchor?.hour) parts.push(`from ${anchor.hour}:00`);
  if (timezone) parts.push(timezone);
  return parts.join(", ");
}

/**
 * Returns the window with the smallest part left, or undefined.
 * @param {Token} token
 */
export function tightestWindow({ windows = [] }) {
  const part = (/** @type {Window} */ { remaining, quota }) => remaining / Math.max(1, quota);
  return windows.toSorted((a, b) => part(a) - part(b))[0];
}

/**
 * Returns by how much and until when a quota is raised, or "".
 * @param {import("./api.js").Extra} [extra]
 */
export const raise = (extra) => (extra ? `raised by ${formatNumber(extra.units)} until ${formatShort(extra.until)}` : "");

/**
 * Returns the raises of a token's quota and of its windows.
 * @param {Token} token
 */
export const raisesOf = ({ extra, windows = [] }) => [
  ...(extra ? [`quota ${raise(extra)}`] : []),
  ...windows.filter((window) => window.extra).map((window) => `${windowName(window)} ${raise(window.extra)}`),
];

/**
 * Returns when a token works again whose windows alone are used up, in Unix
 * seconds, or 0.
 * @param {Token} token
 */
export const worksAgainAt = ({ status, unlimited_quota: unlimited, remain_quota: left, resets_at: resetsAt = 0 }) =>
  (status === 4 && (unlimited || left > 0) ? resetsAt : 0);

/**
 * Returns how many limits are set, as a text.
 * @param {LimitsDraft} draft
 */
export const countOf = (draft) => {
  const count = draft.windows.length + draft.model_quotas.length + rates.filter(([name]) => draft[name].trim() !== "").length;
  return count === 0 ? "" : `${formatNumber(count)} set`;
};
