// @ts-check
// The chart of the usage page: a stacked bar for each day, as SVG. The tables have
// the same numbers, so that nothing depends on the chart.
import { html, svg } from "./lib/lit-html.js";
import { formatAmount, formatDay, formatTick, measures, sizeOf, ticksOf } from "./series.js";

/** @typedef {import("./series.js").Chart} Chart */
/** @typedef {import("./series.js").Measure} Measure */

const height = 260, left = 52, right = 24, top = 10, bottom = 26;
const labelWidth = 56; // of a day below the bars
const frame = 66; // what the page has left and right of the chart
const maxWidth = 1240;

/**
 * The chart, as wide as the window lets it be, so that its text is as large as that of the page.
 * @param {Chart} chart
 * @param {Measure} measure
 */
export function usageChart(chart, measure, windowWidth = document.documentElement.clientWidth) {
  const width = Math.max(240, Math.min(maxWidth, windowWidth - frame));
  const ticks = ticksOf(Math.max(...chart.days.map((day) => sizeOf(day, measure))), measure);
  const scale = (height - top - bottom) / ticks[ticks.length - 1];
  const y = (/** @type {number} */ size) => height - bottom - size * scale;
  const first = formatDay(chart.starts[0]), last = formatDay(chart.starts[chart.starts.length - 1]);
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img"
    aria-label="${measures[measure]} by day and model, from ${first} to ${last}. The tables below have the numbers.">
    ${ticks.map((tick) => svg`<line class="grid" x1=${left} x2=${width - right} y1=${y(tick)} y2=${y(tick)}></line>
      <text x=${left - 8} y=${y(tick) + 4} text-anchor="end">${formatTick(tick, measure)}</text>`)}
    ${bars(chart, measure, (width - left - right) / chart.starts.length, y)}
  </svg>`;
}

/**
 * The bars and the days below them.
 * @param {Chart} chart
 * @param {Measure} measure
 * @param {number} slot the width of a day
 * @param {(size: number) => number} y
 */
function bars(chart, measure, slot, y) {
  const every = Math.ceil(labelWidth / slot);
  const gap = Math.min(6, slot / 4);
  return chart.starts.map((start, i) => {
    const x = left + i * slot;
    let size = 0;
    const parts = chart.series.map(({ days, color }) => {
      const part = sizeOf(days[i], measure);
      size += part;
      return part > 0 ? svg`<rect class="c${color}" x=${x + gap / 2} y=${y(size)} width=${slot - gap} height=${y(size - part) - y(size)}></rect>` : svg``;
    });
    const isNamed = (chart.starts.length - 1 - i) % every === 0 && x + slot / 2 > left + labelWidth / 4;
    return svg`<g><title>${dayTitle(chart, measure, i)}</title>
      <rect class="day" x=${x} y=${top} width=${slot} height=${height - top - bottom}></rect>${parts}
      ${isNamed ? svg`<text x=${x + slot / 2} y=${height - 6} text-anchor="middle">${formatDay(start)}</text>` : svg``}</g>`;
  });
}

/**
 * What the tooltip of a day says.
 * @param {Chart} chart
 * @param {Measure} measure
 * @param {number} i
 */
function dayTitle(chart, measure, i) {
  const lines = chart.series.filter(({ days }) => sizeOf(days[i], measure) > 0).map(({ label, days }) => `${label}: ${formatAmount(days[i], measure)}`);
  return [`${formatDay(chart.starts[i])}: ${formatAmount(chart.days[i], measure)}`, ...lines].join("\n");
}
