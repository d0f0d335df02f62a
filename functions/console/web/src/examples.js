// @ts-check

/**
 * Returns code that asks for a key's remaining quota, by language, ready to
 * run. Nothing is escaped: a key consists of letters, digits and a hyphen, and
 * an origin contains no quote.
 * @param {string} origin
 * @param {string} key
 * @returns {Record<string, string>}
 */
export const examples = (origin, key) => ({
  curl: `curl -sS ${origin}/api/usage/token/ \\
  -H "Authorization: Bearer ${key}"`,
  Python: `import json, urllib.request

request = urllib.request.Request(
    "${origin}/api/usage/token/",
    headers={"Authorization": "Bearer ${key}"},
)
print(json.load(urllib.request.urlopen(request)))`,
  JavaScript: `const response = await fetch("${origin}/api/usage/token/", {
  headers: { Authorization: "Bearer ${key}" },
});
console.log(await response.json());`,
});
