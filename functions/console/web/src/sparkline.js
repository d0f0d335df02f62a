// @ts-check
// The small chart in a row of the list: a bar for each of the last days.
import { html, nothing, svg } from "./lib/lit-html.js";
import { formatCount } from "./words.js";

const width = 10, gap = 2, height = 20; // of a bar

/**
 * @param {number[] | undefined} days the units, the oldest day first
 * @param {import("./api.js").Token} token
 */
export function sparkline(days, { name }) {
  const total = days?.reduce((a, b) => a + b, 0) ?? 0;
  if (!days || total === 0) return nothing;
  const most = Math.max(...days);
  const text = `${formatCount(total, "unit")} in the last ${days.length} days, ${formatCount(days[days.length - 1], "unit")} today`;
  return html`<svg class="spark" viewBox="0 0 ${days.length * width} ${height}" preserveAspectRatio="xMinYMax" role="img" aria-label="${name}: ${text}"><title>${text}</title>
    ${days.map((units, i) => {
      const size = units === 0 ? 1 : Math.max(2, (units / most) * height);
      return svg`<rect class=${units === 0 ? "none" : "c0"} x=${i * width} y=${height - size} width=${width - gap} height=${size} rx="1"></rect>`;
    })}</svg>`;
}
