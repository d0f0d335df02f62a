// @ts-check
// A draft holds the fields of the editor. These functions turn a token into a
// draft and a draft into what the API accepts.
import { limitsDraftOf, limitsInputOf, limitsOf, raisesOf, validateLimits, windowName } from "./limits.js";
import { Problem } from "./problem.js";
import { formatExact, formatList, formatNumber, isEqual, parseInteger, statuses } from "./words.js";

/** @typedef {import("./api.js").Token} Token */
/** @typedef {import("./api.js").TokenInput} TokenInput */

/**
 * @typedef {object} Draft
 * @property {string} name
 * @property {string} expiry "default" of a new token, "keep", "never", "at", or the seconds of a preset
 * @property {number} presetTime the Unix time that a preset means
 * @property {string} at a local date and time
 * @property {boolean} unlimited
 * @property {string} quota the whole quota, for a token without one
 * @property {string} delta what to add to the quota
 * @property {boolean} limited
 * @property {string[]} models
 * @property {string} allow_ips
 * @property {string} group
 * @property {import("./limits.js").LimitsDraft} limits
 */

/**
 * Returns the draft of a token, or of a new one.
 * @param {Token | null} token
 * @returns {Draft}
 */
export function draftOf(token) {
  return {
    name: token?.name ?? "",
    expiry: expiryOf(token), presetTime: 0, at: "",
    unlimited: token?.unlimited_quota ?? false, quota: token?.unlimited_quota ? String(token.remain_quota) : "", delta: "",
    limited: token?.model_limits_enabled ?? false, models: [...(token?.models ?? [])],
    allow_ips: token?.allow_ips ?? "", group: token?.group ?? "",
    limits: limitsDraftOf(token),
  };
}

/** @param {Token | null} token */
function expiryOf(token) {
  if (!token) return "default";
  return token.expired_time === -1 ? "never" : "keep";
}

/**
 * Whether the editor adds to the quota instead of setting it: applications
 * spend the quota while the editor is open.
 * @param {Token | null} token the one that is edited
 */
export const addsQuota = (token) => token !== null && !token.unlimited_quota;

/**
 * Returns what the API gets for a draft.
 * @param {Draft} draft
 * @param {Token | null} token the one that is edited, if any
 * @returns {TokenInput}
 */
export function inputOf(draft, token) {
  /** @type {TokenInput} */
  const input = {
    name: draft.name, unlimited_quota: draft.unlimited,
    model_limits_enabled: draft.limited, models: draft.models, allow_ips: draft.allow_ips, group: draft.group,
    ...limitsInputOf(draft.limits, token === null),
  };
  if (draft.expiry !== "keep" && draft.expiry !== "default") input.expired_time = expiredTime(draft);
  if (draft.unlimited) return input;
  if (!addsQuota(token)) input.remain_quota = parseInteger(draft.quota.trim() || "0");
  else if (draft.delta.trim() !== "") input.quota_delta = parseInteger(draft.delta);
  return input;
}

/**
 * Returns what the API gets for the draft of a new token: without what the user
 * has not touched, so that the defaults apply to it, also those of the operator's
 * policy.
 * @param {Draft} draft
 * @returns {Partial<TokenInput>}
 */
export const newInput = (draft) => ({ ...changedInput(draft, null), ...(draft.models.length > 0 && { model_limits_enabled: draft.limited }) });

/**
 * Returns the fields of a draft that differ from the token, or from the draft of
 * a new one.
 * @param {Draft} draft
 * @param {Token | null} token
 * @returns {Partial<TokenInput>}
 */
export function changedInput(draft, token) {
  const before = new Map(Object.entries(inputOf(draftOf(token), token)));
  return Object.fromEntries(Object.entries(inputOf(draft, token)).filter(([name, value]) => !isEqual(value, before.get(name))));
}

/**
 * Returns the expiry of a draft in Unix seconds, -1 for never, or 0 for an
 * incomplete date. The time of a preset was fixed when it was chosen, so that
 * a second try sends the same request.
 * @param {Draft} draft
 */
export function expiredTime({ expiry, presetTime, at }) {
  if (expiry === "never") return -1;
  return expiry === "at" ? Math.floor(new Date(at).getTime() / 1000) || 0 : presetTime;
}

/**
 * Returns what is wrong with a draft and can't be expressed in a request. The
 * API checks everything else.
 * @param {Draft} draft
 * @param {Token | null} token the one that is edited, if any
 */
export function validate(draft, token) {
  const [field, text] = addsQuota(token) ? ["quota_delta", draft.delta] : ["remain_quota", draft.quota];
  if (!draft.unlimited && text.trim() !== "" && typeof parseInteger(text) !== "number") {
    return new Problem("Enter a whole number of units, for example 500,000.", { status: 400, field });
  }
  if (draft.expiry === "at" && !expiredTime(draft)) {
    return new Problem("Enter both a date and a time.", { status: 400, field: "expired_time" });
  }
  return validateLimits(draft.limits);
}

/** @param {number | undefined} rate */
const formatRate = (rate) => (rate ? formatNumber(rate) : "no limit");

/** @type {[keyof Token | "raises", string, (token: Token) => string][]} */
const comparedFields = [
  ["name", "Name", (t) => t.name],
  ["status", "Status", (t) => statuses[t.status]],
  ["expired_time", "Expires", (t) => (t.expired_time === -1 ? "never" : formatExact(t.expired_time))],
  ["unlimited_quota", "Unlimited quota", (t) => (t.unlimited_quota ? "yes" : "no")],
  ["remain_quota", "Units left", (t) => formatNumber(t.remain_quota)],
  ["model_limits_enabled", "Only certain models", (t) => (t.model_limits_enabled ? "yes" : "no")],
  ["models", "Models", (t) => formatList(t.models)],
  ["allow_ips", "Allowed addresses", (t) => formatList(t.allow_ips.split("\n").filter(Boolean))],
  ["group", "Group", (t) => t.group || "none"],
  ["windows", "Windows", (t) => formatList((t.windows ?? []).map((w) => `${formatNumber(w.quota)} units, ${windowName(w)}`))],
  ["model_quotas", "Model quotas", (t) => formatList((t.model_quotas ?? []).map(({ model, quota }) => `${formatNumber(quota)} units for ${model}`))],
  ["requests_per_minute", "Requests per minute", (t) => formatRate(t.requests_per_minute)],
  ["units_per_minute", "Units per minute", (t) => formatRate(t.units_per_minute)],
  ["max_concurrent", "Requests at the same time", (t) => formatRate(t.max_concurrent)],
  ["raises", "Raises", (t) => formatList(raisesOf(t))],
  ["key", "Key", (t) => t.key],
];

/**
 * The label of a setting, or the name that the API has for it.
 * @param {string} setting
 */
export const settingLabel = (setting) => comparedFields.find(([name]) => name === setting)?.[1] ?? setting;

/**
 * Returns the values of a token by the name of their field. Limits are without
 * their use, as an update sends them.
 * @param {Token} token
 */
export const settingsOf = (token) => new Map(Object.entries({ ...token, ...limitsOf(token), raises: raisesOf(token) }));

/**
 * Returns the fields in which two versions of a token differ, with their new values.
 * @param {Token} before
 * @param {Token} after
 */
export function differences(before, after) {
  const [a, b] = [settingsOf(before), settingsOf(after)];
  return comparedFields.filter(([name]) => !isEqual(a.get(name), b.get(name)))
    .map(([name, label, format]) => ({ name, label, value: format(after) }));
}
