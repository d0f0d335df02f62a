// How to use a key, to copy and run as it stands. A key has letters, digits
// and a hyphen, an origin nothing that a quote would need.

export const examples = (origin, key) => ({
  curl: `curl -sS ${origin}/api/usage/token/ \\
  -H "Authorization: Bearer ${key}"`,
  Python: `import json, urllib.request

request = urllib.request.Request(
    "${origin}/api/usage/token/",
    headers={"Authorization": "Bearer ${key}"},
)
print(json.load(urllib.request.urlopen(request)))`,
  JavaScript: `const answer = await fetch("${origin}/api/usage/token/", {
  headers: { Authorization: "Bearer ${key}" },
});
console.log(await answer.json());`,
});
