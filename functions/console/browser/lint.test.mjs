// @ts-check
// eslint refuses what plain http does not have, in the console's sources.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ESLint } from "eslint";

test("eslint refuses what plain http does not have", async () => {
  const eslint = new ESLint();
  for (const code of ["crypto.randomUUID();", "crypto.subtle.digest();", "navigator.clipboard.readText();", "const { clipboard } = navigator; clipboard.read();", "window.caches.keys();", "caches.keys();", "new Notification(\"\");"]) {
    const [{ messages }] = await eslint.lintText(`${code}\n`, { filePath: "functions/console/web/src/some.js" });
    assert.match(messages.map(({ message }) => message).join("\n"), /Plain http does not have this/, code);
  }
});
