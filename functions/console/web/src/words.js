// @ts-check
// Formats numbers, times and statuses, and parses numbers.

/** @type {Record<number, string>} */
export const statuses = { 1: "enabled", 2: "disabled", 3: "expired", 4: "exhausted" };

const numberFormat = new Intl.NumberFormat("en");
const relativeFormat = new Intl.RelativeTimeFormat("en", { numeric: "always" });
/** The browser's time zone, in which times are shown and entered. */
export const timeZone = new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

const exactFormat = new Intl.DateTimeFormat("en", { dateStyle: "long", timeStyle: "long" });

/** @param {number} n */
export const formatNumber = (n) => numberFormat.format(n);

/**
 * Parses an integer whose digits may be grouped. Returns the text if it is none.
 * @param {string} text
 */
export function parseInteger(text) {
  const digits = text.replace(/(?<=\d)[ ,_](?=\d{3}(?!\d))/g, "").trim();
  return /^[-+]?\d+$/.test(digits) && Number.isSafeInteger(Number(digits)) ? Number(digits) : text;
}

const dollarFormat = new Intl.NumberFormat("en", { style: "currency", currency: "USD", minimumFractionDigits: 2, maximumFractionDigits: 4 });

/**
 * Formats what units are worth, to a hundredth of a cent, and "" if a unit has no
 * value in dollars.
 * @param {number} units
 * @param {number} unitsPerDollar 0 for none
 */
export const formatDollars = (units, unitsPerDollar) => {
  if (unitsPerDollar === 0) return "";
  return units > 0 && units / unitsPerDollar < 0.0001 ? "<$0.0001" : dollarFormat.format(Math.floor((units / unitsPerDollar) * 10_000) / 10_000);
};

/**
 * Formats a count with its noun: "1 token", "2 tokens".
 * @param {number} n
 * @param {string} noun
 */
export const formatCount = (n, noun) => `${formatNumber(n)} ${noun}${n === 1 ? "" : "s"}`;

/**
 * Formats Unix seconds as a date and time.
 * @param {number} seconds
 */
export const formatExact = (seconds) => exactFormat.format(new Date(seconds * 1000));

const shortFormat = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/**
 * Formats Unix seconds as a short date and time.
 * @param {number} seconds
 */
export const formatShort = (seconds) => shortFormat.format(new Date(seconds * 1000));

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const units = [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60]];

/**
 * Formats Unix seconds relative to now: "in 3 days", "2 hours ago". A unit
 * larger than a minute is used from two of it on.
 * @param {number} seconds
 */
export function formatRelative(seconds) {
  const distance = seconds - Date.now() / 1000;
  for (const [unit, length] of units) {
    if (Math.round(Math.abs(distance) / length) >= (unit === "minute" ? 1 : 2)) {
      return relativeFormat.format(Math.round(distance / length), unit);
    }
  }
  return distance > 0 ? "in less than a minute" : "just now";
}

const secondFormat = new Intl.NumberFormat("en", { style: "unit", unit: "second", unitDisplay: "long" });
const minuteFormat = new Intl.NumberFormat("en", { style: "unit", unit: "minute", unitDisplay: "long" });

/**
 * Formats a duration: "41 seconds", "3 minutes".
 * @param {number} seconds
 */
export const formatDuration = (seconds) => (seconds < 120 ? secondFormat.format(seconds) : minuteFormat.format(Math.round(seconds / 60)));

/** @param {string[]} list */
export const formatList = (list) => (list.length > 0 ? list.join(", ") : "none");

/**
 * @param {unknown} a
 * @param {unknown} b
 */
export const isEqual = (a, b) => JSON.stringify(a) === JSON.stringify(b);
