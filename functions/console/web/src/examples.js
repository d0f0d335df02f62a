// @ts-check

/**
 * Returns code that asks for a key's remaining quota, by language, ready to
 * run. Nothing is escaped: a key consists of letters, digits and a hyphen, and
 * the URL is an origin with or without a base path, of letters, digits and hyphens.
 * @param {string} url of the console, without a slash at its end
 * @param {string} key
 * @returns {Record<string, string>}
 */
export const examples = (url, key) => ({
  curl: `curl -sS ${url}/api/usage/token/ \\
  -H "Authorization: Bearer ${key}"`,
  Python: `import json, urllib.request

request = urllib.request.Request(
    "${url}/api/usage/token/",
    headers={"Authorization": "Bearer ${key}"},
)
print(json.load(urllib.request.urlopen(request)))`,
  JavaScript: `const response = await fetch("${url}/api/usage/token/", {
  headers: { Authorization: "Bearer ${key}" },
});
console.log(await response.json());`,
});
