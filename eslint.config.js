// @ts-check
import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import globals from "globals";

// Browsers have these only on https and on the machine itself, but the console
// works on plain http, too. Code that has a fallback disables the rule on its line.
const missing = "Plain http does not have this: use something else, or add a fallback.";
const secureOnly = [
  ["crypto", "randomUUID", "subtle"],
  ["navigator", "clipboard", "credentials", "gpu", "locks", "mediaDevices", "permissions", "serviceWorker", "share", "storage", "wakeLock"],
  ["window", "caches", "cookieStore", "crossOriginIsolated", "Notification", "showOpenFilePicker", "showSaveFilePicker"],
];

export default defineConfig([
  globalIgnores([".tools/", "build/", "functions/console/web/dist/", "functions/console/web/src/lib/"]),
  {
    files: ["**/*.js", "**/*.mjs"],
    extends: [js.configs.recommended],
    linterOptions: { reportUnusedDisableDirectives: "error" },
    languageOptions: { ecmaVersion: "latest", sourceType: "module" },
    rules: {
      "array-callback-return": "error",
      "consistent-this": "error",
      "default-case-last": "error",
      eqeqeq: "error",
      "max-depth": ["error", 4],
      "max-lines": ["error", { max: 300, skipBlankLines: true, skipComments: true }],
      "max-lines-per-function": ["error", 60],
      "no-alert": "error",
      "no-constructor-return": "error",
      "no-else-return": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-implicit-coercion": "error",
      "no-nested-ternary": "error",
      "no-new-func": "error",
      "no-param-reassign": "error",
      "no-promise-executor-return": "error",
      "no-script-url": "error",
      "no-self-compare": "error",
      "no-shadow": "error",
      "no-template-curly-in-string": "error",
      "no-throw-literal": "error",
      "no-unneeded-ternary": "error",
      "no-unreachable-loop": "error",
      "no-unused-expressions": "error",
      "no-useless-concat": "error",
      "no-useless-rename": "error",
      "no-useless-return": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-object-spread": "error",
      "prefer-promise-reject-errors": "error",
      "prefer-rest-params": "error",
      "prefer-spread": "error",
      "prefer-template": "error",
      "require-atomic-updates": "error",
      yoda: "error",
    },
  },
  { files: ["internal/clientstest/drivers/**", "shared/gateway/testdata/**"], languageOptions: { globals: globals.node } },
  {
    files: ["functions/console/web/**"],
    languageOptions: { globals: globals.browser },
    rules: {
      "no-restricted-properties": ["error", ...secureOnly.flatMap(([object, ...names]) => names.map((property) => ({ object, property, message: missing })))],
      "no-restricted-globals": ["error", ...secureOnly[2].slice(1).map((name) => ({ name, message: missing }))],
    },
  },
  // The functions that Playwright evaluates run in the browser.
  {
    files: ["functions/console/browser/**"],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
    // Hostile names and mutants contain such text on purpose.
    rules: { "no-script-url": "off", "no-template-curly-in-string": "off" },
  },
]);
