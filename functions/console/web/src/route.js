// @ts-check
// Which page the fragment of the address names: #usage, #usage/42 or #history. The list of
// tokens has none.

/**
 * @typedef {{ page: "tokens" | "usage" | "history", id: number }} Route id is that of a token, 0 for all
 */

/** The links of pages. */
export const links = { tokens: "#", usage: "#usage", history: "#history" };

/** The link to the usage of a token. @param {number} id 0 for all tokens */
export const usageLink = (id) => (id === 0 ? links.usage : `${links.usage}/${id}`);

/**
 * @param {string} hash
 * @returns {Route}
 */
export function routeOf(hash) {
  const id = /^#usage\/([1-9]\d{0,15})$/.exec(hash)?.[1];
  if (id || hash === links.usage) return { page: "usage", id: Number(id ?? 0) };
  return { page: hash === links.history ? "history" : "tokens", id: 0 };
}
