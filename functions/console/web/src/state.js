// @ts-check
// What the console shows.

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./problem.js").Problem} Problem */
/** @typedef {import("./api.js").Self} Self */

/**
 * What the list shows. `cursors` are those of the older pages that were opened, and
 * `start` is where the first page begins if nothing newer matches the search.
 * @typedef {{ text: string, status: string, size: number, page: number, start: string, cursors: string[] }} Query
 */

/**
 * A dialog. The last request and its idempotency key are kept so that the same
 * request is sent again under the same key.
 * @typedef {object} Dialog
 * @property {() => import("./lib/lit-html.js").TemplateResult} view
 * @property {boolean} [busy]
 * @property {Problem | null} [problem]
 * @property {boolean} [showsKey] whether leaving the page would lose a key
 * @property {string} [lastRequest]
 * @property {string} [idempotencyKey]
 */

/**
 * @typedef {object} State
 * @property {Api | null} api null: signed out
 * @property {import("./route.js").Route} route
 * @property {boolean} signingIn
 * @property {Problem | null} signInProblem
 * @property {number} unitsPerDollar 0: quota has no value in dollars
 * @property {Self | null} budget null: the user has none
 * @property {Query} query
 * @property {import("./api.js").TokenPage | null} page
 * @property {boolean} loading
 * @property {{ from: number, below: number } | null} searched while an empty page is followed by older ones: the ids between are searched
 * @property {Problem | null} problem why the list could not be loaded
 * @property {string} searchError why the search text is not sent
 * @property {Set<number>} selected
 * @property {Set<number>} busy the tokens whose change is being saved
 * @property {Dialog | null} dialog
 * @property {{ text?: string, problem?: Problem } | null} notice
 */

export const emptySearch = { text: "", status: "", page: 1, start: "", cursors: [] };

/** Returns the state of a page that was just opened. @returns {State} */
export const newState = () => ({
  api: null, route: { page: "tokens", id: 0 }, signingIn: false, signInProblem: null, unitsPerDollar: 0, budget: null,
  query: { ...emptySearch, size: 10 },
  page: null, loading: false, searched: null, problem: null, searchError: "",
  selected: new Set(), busy: new Set(), dialog: null, notice: null,
});

/** A failure stays until the user dismisses it. Other notices stay until the next action. @param {State} state */
export const undismissedFailure = ({ notice }) => (notice?.problem ? notice : null);
