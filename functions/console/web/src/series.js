// @ts-check
// Adds up rows of a history into what the chart and the tables show.
import { formatNumber } from "./words.js";
import { daySeconds } from "./usageread.js";

/** @typedef {import("./usageread.js").Usage} Usage */
/** @typedef {import("./usageread.js").UsageRow} UsageRow */
/** @typedef {"units" | "dollars" | "requests"} Measure */

/**
 * An amount of what was used. Dollars are whole nano-dollars, so that they add up exactly.
 * @typedef {{ units: number, requests: number, nanos: bigint }} Amount
 */

/** @typedef {{ label: string, color: number, days: Amount[], total: Amount }} Series */

/**
 * What the chart shows: the series of models, the largest first, and the days of
 * all of them together.
 * @typedef {{ starts: number[], series: Series[], days: Amount[], total: Amount }} Chart
 */

const maxSeries = 6; // besides the one of the other models
const otherModels = "(other)"; // as the API calls those that it does not tell apart
const nanosPerDollar = 1_000_000_000n;

/** @type {Record<Measure, string>} */
export const measures = { units: "Units", dollars: "Dollars", requests: "Requests" };

/**
 * Groups a history by day and model. Series and their colors follow the units, also
 * in a chart of dollars, so that a switch of the measure leaves the colors as they are.
 * @param {Usage} usage
 * @returns {Chart}
 */
export function chartOf({ from, to, rows }) {
  const starts = Array.from({ length: Math.round((to - from) / daySeconds) }, (_, i) => from + i * daySeconds);
  const models = [...Map.groupBy(rows, (row) => row.model ?? "")]
    .map(([model, its]) => ({ model, rows: its, total: sum(its) }))
    .sort((a, b) => b.total.units - a.total.units || b.total.requests - a.total.requests || (a.model < b.model ? -1 : 1));
  const named = models.filter(({ model }) => model !== otherModels);
  const shown = named.slice(0, named.length > maxSeries + 1 || named.length < models.length ? maxSeries : maxSeries + 1);
  const others = models.filter((model) => !shown.includes(model)).flatMap((model) => model.rows);
  const series = shown.map(({ model, rows: its }, i) => seriesOf(model || "No model", i, starts, its));
  if (others.length > 0) series.push(seriesOf("Other models", maxSeries, starts, others));
  return { starts, series, days: byDay(starts, rows), total: sum(rows) };
}

/**
 * @param {string} label
 * @param {number} color
 * @param {number[]} starts
 * @param {UsageRow[]} rows
 * @returns {Series}
 */
const seriesOf = (label, color, starts, rows) => ({ label, color, days: byDay(starts, rows), total: sum(rows) });

/**
 * @param {number[]} starts
 * @param {UsageRow[]} rows
 */
function byDay(starts, rows) {
  const days = Map.groupBy(rows, ({ start }) => start);
  return starts.map((start) => sum(days.get(start) ?? []));
}

/** @param {UsageRow[]} rows @returns {Amount} */
export const sum = (rows) => rows.reduce((all, { units, requests, dollars }) => ({
  units: all.units + units, requests: all.requests + requests, nanos: all.nanos + nanosOf(dollars),
}), { units: 0, requests: 0, nanos: 0n });

/** @param {string} dollars a decimal number with up to 9 digits after the point */
function nanosOf(dollars) {
  const [whole, fraction = ""] = dollars.split(".");
  return BigInt(whole) * nanosPerDollar + BigInt(fraction.padEnd(9, "0").slice(0, 9));
}

/**
 * An amount as a number, for its size in a chart.
 * @param {Amount} amount
 * @param {Measure} measure
 */
export const sizeOf = (amount, measure) => (measure === "dollars" ? Number(amount.nanos) / Number(nanosPerDollar) : amount[measure]);

/** @type {Intl.NumberFormatOptions} */
const dollars = { style: "currency", currency: "USD" };
const dollarFormat = new Intl.NumberFormat("en", dollars);
const centFormat = new Intl.NumberFormat("en", { ...dollars, maximumFractionDigits: 4 }); // for less than a dollar

/**
 * Formats an amount. Dollars have cents, and below one dollar up to a hundredth of a cent.
 * @param {Amount} amount
 * @param {Measure} measure
 */
export function formatAmount(amount, measure) {
  if (measure !== "dollars") return formatNumber(amount[measure]);
  const { nanos } = amount;
  if (nanos > 0n && nanos < nanosPerDollar / 10_000n) return "<$0.0001";
  return (nanos < nanosPerDollar ? centFormat : dollarFormat).format(/** @type {Intl.StringNumericLiteral} */ (`${nanos / nanosPerDollar}.${String(nanos % nanosPerDollar).padStart(9, "0")}`));
}

const compactFormat = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const compactDollarFormat = new Intl.NumberFormat("en", { ...dollars, notation: "compact", minimumFractionDigits: 0, maximumSignificantDigits: 3 });

/**
 * Formats a number of an axis.
 * @param {number} size
 * @param {Measure} measure
 */
export const formatTick = (size, measure) => (measure === "dollars" ? compactDollarFormat : compactFormat).format(size);

/**
 * Returns round numbers from 0 up to at least a size, for an axis.
 * @param {number} size
 * @param {Measure} measure
 */
export function ticksOf(size, measure) {
  const least = measure === "dollars" ? 0.000_1 : 1; // half a unit is nothing
  const rough = Math.max(size / 4, least);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  return Array.from({ length: Math.max(1, Math.ceil(size / step)) + 1 }, (_, i) => i * step);
}

const dayFormat = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: "UTC" });

/**
 * Formats a day of UTC.
 * @param {number} start Unix seconds
 */
export const formatDay = (start) => dayFormat.format(new Date(start * 1000));
