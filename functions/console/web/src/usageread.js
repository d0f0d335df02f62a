// @ts-check
// Reads what tokens were used for. Days and months are those of UTC, as the API
// counts them.

/** @typedef {import("./api.js").Api} Api */

/**
 * Requests added up.
 * @typedef {object} Sums
 * @property {number} requests
 * @property {number} units charged
 * @property {string} dollars what the price table said, a decimal number
 */

/**
 * A part of a history: of a model in a day, of a token, or of a token in a day.
 * @typedef {Sums & { start?: number, model?: string, token_id?: number, name?: string }} UsageRow
 */

/**
 * What tokens were used for.
 * @typedef {object} Usage
 * @property {number} from Unix seconds
 * @property {number} to Unix seconds, not included
 * @property {UsageRow[]} rows
 * @property {Record<string, number>} refusals by reason, at least so many
 * @property {boolean} [complete] whether every request until now is counted
 * @property {number} [behind_seconds] how long after its charge a request was counted
 * @property {number} [measured_at] when that was measured, in Unix seconds
 * @property {string} [next] where the next page begins
 */

export const daySeconds = 86_400;
/** How many days the chart of the page shows. */
export const chartDays = 30;
/** How many days the small chart of a token shows. */
export const sparkDays = 7;
const maxPages = 4; // of 1,024 ids of tokens each

/** Returns when the day begins, in Unix seconds. */
export const today = (now = Date.now()) => Math.floor(now / 1000 / daySeconds) * daySeconds;

/** Returns when the month begins, in Unix seconds. */
export const thisMonth = (now = new Date()) => Date.UTC(now.getUTCFullYear(), now.getUTCMonth()) / 1000;

const selfPath = "api/user/self/usage";

/**
 * The path of the history of a token, or of all tokens.
 * @param {number} id 0 for all tokens
 */
const pathOf = (id) => (id === 0 ? selfPath : `api/token/${id}/usage`);

/** The days of the chart. @param {string} by */
const lastDays = (by) => new URLSearchParams({ by, from: String(today() - (chartDays - 1) * daySeconds), to: String(today() + daySeconds) });

/**
 * Reads the last days of a token by day and model.
 * @param {Api} api
 * @param {number} id 0 for all tokens
 * @param {AbortSignal} signal
 */
export const readDays = (api, id, signal) => readPages(api, pathOf(id), lastDays("day"), signal);

/**
 * Reads what each token was used for in the same days.
 * @param {Api} api
 * @param {AbortSignal} signal
 */
export const readTokens = (api, signal) => readPages(api, selfPath, lastDays("token"), signal);

/**
 * Reads the last few days of some tokens by token and day, in one call.
 * @param {Api} api
 * @param {number[]} ids up to 100
 * @param {AbortSignal} signal
 * @returns {Promise<Usage>}
 */
export const readSparks = (api, ids, signal) =>
  api.read(`${selfPath}?${new URLSearchParams({ by: "token,day", ids: ids.join(","), from: String(today() - (sparkDays - 1) * daySeconds) })}`, signal);

/**
 * Reads this month of a token by day and model.
 * @param {Api} api
 * @param {number} id
 * @returns {Promise<Usage>}
 */
export const readMonth = (api, id) => api.read(`${pathOf(id)}?by=day&from=${thisMonth()}`);

/**
 * Reads a bounded number of pages as one. If there are more, `next` is set.
 * @param {Api} api
 * @param {string} path
 * @param {URLSearchParams} query
 * @param {AbortSignal} signal
 * @returns {Promise<Usage>}
 */
async function readPages(api, path, query, signal) {
  /** @type {Usage[]} */
  const pages = [];
  do {
    pages.push(await api.read(`${path}?${query}`, signal));
    query.set("after", pages.at(-1)?.next ?? "");
  } while (query.get("after") !== "" && pages.length < maxPages);
  return { ...pages[pages.length - 1], rows: pages.flatMap(({ rows }) => rows), refusals: addRefusals(pages) };
}

/** @param {Usage[]} pages */
function addRefusals(pages) {
  /** @type {Record<string, number>} */
  const sum = {};
  for (const [reason, n] of pages.flatMap(({ refusals }) => Object.entries(refusals))) sum[reason] = (sum[reason] ?? 0) + n;
  return sum;
}

/**
 * Reads the days of the chart as one CSV file, of as many pages as there are.
 * @param {Api} api
 * @param {number} id 0 for all tokens
 */
export async function readCSV(api, id) {
  let text = "";
  for (let query = String(lastDays("day")); query !== "";) {
    const page = await api.readFile(`${pathOf(id)}.csv?${query}`);
    text += text === "" ? page.text : page.text.slice(page.text.indexOf("\n") + 1); // one header row
    query = /^<\?([^>]*)>; rel="next"$/.exec(page.link)?.[1] ?? "";
  }
  return text;
}
