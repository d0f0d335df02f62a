// @ts-check
// The tables of the usage page, and the legend of the chart.
import { html, svg } from "./lib/lit-html.js";
import { formatAmount, formatDay, measures } from "./series.js";

/** @typedef {import("./series.js").Amount} Amount */
/** @typedef {import("./series.js").Chart} Chart */
/** @typedef {import("./series.js").Measure} Measure */

const allMeasures = /** @type {Measure[]} */ (Object.keys(measures));

/** The mark of a color. @param {number} color */
const mark = (color) => html`<svg class="mark" viewBox="0 0 10 10" aria-hidden="true">${svg`<rect class="c${color}" width="10" height="10" rx="2"></rect>`}</svg>`;

/**
 * The names beside the chart, for the eye: the table by model has them, too.
 * @param {Chart} chart
 */
export const legend = ({ series }) => html`<ul class="legend" aria-hidden="true">${series.map(({ label, color }) => html`<li>${mark(color)}<span>${label}</span></li>`)}</ul>`;

/** @param {Amount} amount */
const cells = (amount) => allMeasures.map((measure) => html`<td class="number">${formatAmount(amount, measure)}</td>`);

/**
 * What each model was used for in all days together.
 * @param {Chart} chart
 */
export const modelTable = ({ series, total }) => html`<div class="scroll" role="region" aria-label="Usage by model" tabindex="0"><table class="sums">
  <caption>By model</caption>
  <thead><tr><th scope="col">Model</th>${allMeasures.map((measure) => html`<th scope="col" class="number">${measures[measure]}</th>`)}</tr></thead>
  <tbody>${series.map(({ label, color, total: its }) => html`<tr><th scope="row" class="model">${mark(color)}${label}</th>${cells(its)}</tr>`)}</tbody>
  <tfoot><tr><th scope="row">All models</th>${cells(total)}</tr></tfoot>
</table></div>`;

/**
 * The numbers of the chart, the newest day first.
 * @param {Chart} chart
 * @param {Measure} measure
 */
export const dayTable = ({ starts, series, days, total }, measure) => html`<div class="scroll" role="region" aria-label="Usage by day" tabindex="0"><table class="sums days">
  <caption>${measures[measure]} by day and model. Days are those of UTC.</caption>
  <thead><tr><th scope="col">Day</th><th scope="col" class="number">All models</th>${series.map(({ label, color }) => html`<th scope="col" class="number model">${mark(color)}${label}</th>`)}</tr></thead>
  <tbody>${starts.map((start, i) => html`<tr><th scope="row">${formatDay(start)}</th><td class="number">${formatAmount(days[i], measure)}</td>
    ${series.map((one) => html`<td class="number">${formatAmount(one.days[i], measure)}</td>`)}</tr>`).toReversed()}</tbody>
  <tfoot><tr><th scope="row">All days</th><td class="number">${formatAmount(total, measure)}</td>${series.map((one) => html`<td class="number">${formatAmount(one.total, measure)}</td>`)}</tr></tfoot>
</table></div>`;
