// @ts-check
// Breaks the console in known places, in a copy of the project, and checks that
// the test named beside each change fails. MUTANTS=1 make test-console runs it.
// Arguments are names of mutants; without any, all run.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A change of a source file, and a part of the name of the test that must fail.
 * The text must stand in the file exactly once.
 * @type {{ name: string, file: string, text: string, replacement: string, tests: string, test: string }[]}
 */
const mutants = [
  ["save without If-Match", "api.js", 'if (etag) headers["If-Match"] = etag;', "", "edit", "a conflict is shown"],
  ["create without an idempotency key", "api.js", 'if (options.idempotencyKey) headers["Idempotency-Key"] = options.idempotencyKey;', "", "create", "a lost response to Create"],
  ["a new idempotency key for each try", "dialoghost.js", "if (dialog.lastRequest !== text)", "if (dialog)", "create", "a manual retry"],
  ["a change needs a secure context", "dialoghost.js", "idempotencyKey: newIdempotencyKey()", "idempotencyKey: crypto.randomUUID()", "plainhttp", "delete (plain http)"],
  ["copying needs a secure context", "copy.js", "return copySelected(text);", "return false;", "plainhttp", "delete (plain http)"],
  ["the sign-in does not say that it is unencrypted", "signin.js", "isSecureContext ? nothing", "true ? nothing", "plainhttp", "nothing is encrypted (plain http)"],
  ["an exception is not shown", "app.js", 'addEventListener("error",', '(() => {})("error",', "exceptions", "above the list"],
  ["a rejection is not shown", "app.js", 'addEventListener("unhandledrejection",', '(() => {})("unhandledrejection",', "exceptions", "in its dialog"],
  ["an exception is not shown beside a key", "dialogs.js", '${problemBox(dialog.problem)}\n      <p class="warning">', '<p class="warning">', "exceptions", "a new key on the screen"],
  ["an exception in what renders is not shown", "app.js", "prepend(this.#plainProblem)", "contains(this.#plainProblem)", "exceptions", "in what renders"],
  ["an expiry does not say its time zone", "settingfields.js", " (${timeZone})`", "`", "create", "says its time zone (2040-07-15T12:30)"],
  ["a field has a frame", "style.css", "margin: .5rem 0 0; padding: 0; border: 0; }", "margin: .5rem 0 0; padding: 0; }", "limits", "no frame"],
  ["an imported token has no mark", "tokens.js", "${token.imported ? html", "${false ? html", "list", "imported token"],
  ["a leaked key is not named", "tokens.js", "${token.leaked_time ? html", "${false ? html", "edit", "a leaked key asks"],
  ["a leaked key gets a grace period", "dialogs.js", "${token.leaked_time ? html", "${false ? html", "edit", "a leaked key asks"],
  ["Escape closes the key dialog", "dialogs.js", "closeOnEscape: false, ", "", "create", "a key is shown once"],
  ["a double click closes the key dialog", "dialogs.js", "doubleClickMs = 700", "doubleClickMs = -1", "create", "a double click on Create"],
  ["key in the address", "dialoghost.js", "this.open(() => keyDialog", "location.hash = token.key; this.open(() => keyDialog", "create", "a key is shown once"],
  ["token name as markup", "tokens.js", 'class="name">${token.name}<span', 'class="name"><span .innerHTML=${token.name}></span><span', "hostile", "hostile names"],
  ["search for a whole key", "tokenlist.js", "return isKey ?", "return isKey && false ?", "list", "a whole key is never sent"],
  ["access token outlives its tab", "session.js", "window.sessionStorage", "window.localStorage", "signin", "a new tab has none"],
  ["access token outlives signing out", "app.js", "    clearAccessToken();", "", "signin", "signing out forgets"],
  ["late response is shown", "tokenlist.js", "    this.#loading.abort();\n    const cleared", "    const cleared", "network", "a late response"],
  ["no retry after 503", "api.js", "|| problem.status === 503", "", "network", "a 503"],
  ["editor saves before it has read", "editor.js", "disabled: unread || ", "disabled: ", "network", "an editor that failed to load"],
  ["any text confirms a deletion", "dialogs.js", "typed.trim() !== confirmation", "!typed.trim()", "edit", "a deletion needs"],
  ["a conflict counts as a save", "editor.js", "Object.entries(body).every(([name, value]) => isEqual(current.get(name), value)) && ", "", "edit", "a reverted conflict"],
  ["a lost quota change is added again", "editor.js", 'if (this.#saveMayBeDone) this.#draft.delta = "";', "", "network", "a lost quota change"],
  ["an uncertain create can be changed", "parts.js", "?disabled=${locked}", "", "network", "an uncertain create"],
  ["second click hits another row", "parts.js", "e.detail > 1 || ", "", "list", "a double click on Disable"],
  ["request outlives its session", "app.js", "if (api !== this.state.api) return true;", "", "signin", "a later session"],
  ["Back shows a signed-in page", "app.js", "event.persisted && loadAccessToken()", "false && loadAccessToken()", "signin", "Back after signing out"],
  ["leaving loses a new key", "app.js", "this.state.dialog?.showsKey || ", "", "create", "leaving a page"],
  ["another dialog replaces a new key", "dialoghost.js", "    if (this.#app.state.dialog?.showsKey) return;", "", "create", "a key is shown once"],
  ["error without aria-invalid", "parts.js", 'invalid: error ? "true" : nothing', "invalid: nothing", "create", "an error appears at its field"],
  ["a user without a budget has one", "app.js", "data.unlimited_quota ? null : data", "data", "list", "a budget is shown"],
  ["an empty page ends a search", "tokenlist.js", "data.items.length === 0 && data.next;", "false;", "list", "beyond the newest"],
  ["a new search begins among older tokens", "tokenlist.js", 'page: 1, start: "", cursors: []', "page: 1, cursors: []", "list", "beyond the newest"],
  ["pager loses the focus", "tokens.js", "aria-disabled=${!possible || loading}", "?disabled=${!possible || loading}", "list", "pages turn"],
  ["an edit drops the other windows", "limits.js", "draft.windows.map(windowInputOf)", "draft.windows.slice(0, 1).map(windowInputOf)", "limits", "a save keeps the limits"],
  ["an edit drops what it does not know", "limits.js", "original.anchor : {}), ...unknown };", "original.anchor : {}) };", "limits", "what the console does not know"],
  ["a raise is sent as a setting", "limits.js", ', "resets_at", "extra")', ', "resets_at")', "limits", "a raise is shown and not sent"],
  ["removed windows are not sent", "limits.js", "if (!isNew || draft.windows.length > 0)", "if (draft.windows.length > 0)", "limits", "limits are removed"],
  ["a new token overrides default windows", "limits.js", "if (!isNew || draft.windows.length > 0)", "if (draft.windows)", "limits", "a token without limits"],
  ["a new token overrides the default expiry", "draft.js", 'if (!token) return "default"', 'if (!token) return "never"', "create", "a field that is not touched"],
  ["a new token overrides the allowed models", "draft.js", "draft.models.length > 0 && { model_limits_enabled", "{ model_limits_enabled", "create", "a field that is not touched"],
  ["limits of an old version are saved", "editor.js", 'name !== "limits" || ', 'name !== "" || ', "limits", "limits typed on an old version"],
  ["a used up token seems to come back", "limits.js", "unlimited || left > 0", "unlimited || left >= 0", "limits", "the use of limits is shown"],
  ["an error is in a closed disclosure", "limitfields.js", "options.open || options.hasError", "options.open", "limits", "an error of a limit"],
  ["a history has one page", "usageread.js", 'query.get("after") !== "" && pages.length < maxPages', "false", "usage", "pages add up"],
  ["the pages of a history have no end", "usageread.js", ' && pages.length < maxPages', "", "usage", "pages add up"],
  ["refusals are those of one page", "usageread.js", "(sum[reason] ?? 0) + n", "n", "usage", "pages add up"],
  ["a file has one page", "usageread.js", '?.[1] ?? "";\n  }', '?.[2] ?? "";\n  }', "usage", "the chart as CSV"],
  ["a file has a header row for each page", "usageread.js", 'page.text.slice(page.text.indexOf("\\n") + 1)', "page.text", "usage", "the chart as CSV"],
  ["days of the chart are those of the browser", "series.js", 'month: "short", timeZone: "UTC"', 'month: "short"', "usage", "have what was used"],
  ["the smallest models have the colors", "series.js", "b.total.units - a.total.units", "a.total.units - b.total.units", "usage", "the largest models"],
  ["a fraction of a dollar is too small", "series.js", '.padEnd(9, "0")', "", "usage", "have what was used"],
  ["bars lie on each other", "chart.js", "y=${y(size)} width", "y=${y(part)} width", "usage", "have what was used"],
  ["the text of the chart is tiny on a phone", "chart.js", "windowWidth - frame", "maxWidth", "usage", "fits 320 px (light)"],
  ["a color is too pale", "style.css", "--c5: #2e86c1", "--c5: #9fd0f0", "usage", "fits 320 px (light)"],
  ["name of a model as markup", "usagetables.js", 'class="model">${mark(color)}${label}</th>${cells', 'class="model"><span .innerHTML=${label}></span></th>${cells', "usage", "fits 320 px (dark)"],
  ["another user sees the usage", "app.js", "[this.dialogs, this.sparks, this.usage, this.trail]", "[this.dialogs]", "usage", "signing out forgets the usage"],
  ["the address closes the dialog of a key", "app.js", "dialog && !dialog.showsKey && !dialog.busy", "dialog", "usage", "a new key stays"],
  ["a call for each small chart", "tokenlist.js", "this.#app.sparks.load(data.items.map((token) => token.id));", "for (const { id } of data.items) this.#app.sparks.load([id]);", "sparks", "in one call for all rows"],
  ["a small chart ends the session", "sparks.js", "} catch { /* the list", "} catch { this.#app.signOut(); /* the list", "sparks", "nor fail with them"],
  ["a small chart has days before its first", "sparks.js", "if (day >= 0 && day < sparkDays) days[day] += units;", "days[Math.max(0, day)] += units;", "sparks", "as high as their days"],
  ["today has the whole month", "tokenuse.js", "rows.filter(({ start }) => start === today())", "rows", "history", "today, this month"],
  ["the tabs take the focus from the name", "settingfields.js", "?autofocus=${isRequired}", "", "history", "today, this month"],
  ["a change shows what was after it twice", "trailview.js", "${format(setting, before)}", "${format(setting, after)}", "history", "before and after"],
  ["a token has the history of all", "trail.js", "`token/${this.id}`", '"user/self"', "history", "before and after"],
  ["a history does not say how far it is behind", "trail.js", "next, behindSeconds, measuredAt, loading", "next, loading", "history", "far it is behind"],
  ["older changes are the newest again", "trail.js", 'if (this.next) query.set("after", this.next);', "", "history", "older changes follow"],
  ["text is too pale", "style.css", "--soft: #566076", "--soft: #98a1b3", "axe", "table and dialogs (light)"],
  ["button without a name", "parts.js", "aria-label=${label} title=${label}", "", "axe", "table and dialogs (narrow)"],
  ["table is too wide for a phone", "style.css", "@media (max-width: 72rem)", "@media (max-width: 10rem)", "hostile", "fits every width"],
].map(([name, file, text, replacement, tests, test]) => ({ name, file, text, replacement, tests, test }));

const sources = "functions/console/web/src";
const chosen = process.argv.length > 2 ? mutants.filter(({ name }) => process.argv.slice(2).includes(name)) : mutants;
for (const { file, text } of mutants) {
  const count = readFileSync(join(sources, file), "utf8").split(text).length - 1;
  if (count !== 1) throw new Error(`${file} contains this ${count} times, want once: ${text}`);
}

const copy = mkdtempSync(join(tmpdir(), "latchkey-mutants-"));
let survivors = 0;
try {
  for (const part of ["go.mod", "go.sum", "cmd", "functions", "internal", "shared"]) {
    if (existsSync(part)) cpSync(part, join(copy, part), { recursive: true });
  }
  for (const mutant of chosen) {
    build(mutant);
    const isCaught = testFails(mutant);
    if (!isCaught) survivors++;
    console.log(`${isCaught ? "caught  " : "SURVIVED"}  ${mutant.name}: ${mutant.tests}, "${mutant.test}"`);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
process.exitCode = survivors > 0 ? 1 : 0;

/**
 * Builds the console and tokenctl with a mutant, in the copy.
 * @param {typeof mutants[number]} mutant
 */
function build({ file, text, replacement }) {
  const path = join(copy, sources, file);
  const original = readFileSync(path, "utf8");
  writeFileSync(path, original.replace(text, () => replacement));
  execFileSync("go", ["run", "./cmd/console"], { cwd: copy, stdio: "inherit" });
  execFileSync("go", ["build", "-o", "tokenctl", "./cmd/tokenctl"], { cwd: copy, stdio: "inherit" });
  writeFileSync(path, original);
}

/**
 * Whether the test of a mutant fails. An error elsewhere, such as in the
 * harness, does not count.
 * @param {typeof mutants[number]} mutant
 */
function testFails({ tests, test }) {
  const pattern = test.replace(/[()]/g, "\\$&");
  const { status, stdout } = spawnSync("node",
    ["--test", "--test-reporter=tap", `--test-name-pattern=${pattern}`, join("functions/console/browser", `${tests}.test.mjs`)],
    { env: { ...process.env, TOKENCTL: join(copy, "tokenctl") }, encoding: "utf8" });
  return status !== 0 && stdout.split("\n").some((line) => line.startsWith("not ok") && line.includes(test));
}
