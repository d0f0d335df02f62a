// Breaks the console on purpose, in a copy of the project: the test that is
// named must notice. MUTANTS=1 make test-console runs it; CI does not.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

// what is broken, file of src, text, what takes its place, file of tests, name of the test
const mutants = [
  ["a save without If-Match", "api.js", 'if (etag) headers["If-Match"] = etag;', "", "change", "a rival's change is shown"],
  ["a create without a key for once", "api.js", 'if (options.once) headers["Idempotency-Key"] = options.once;', "", "create", "whose answer is lost"],
  ["another key for each try", "app.js", "if (dialog.asked !== text)", "if (dialog)", "create", "tried again by hand"],
  ["a key that Escape loses", "dialogs.js", "sticky: true, ", "", "create", "a key is shown once"],
  ["a key that a second click loses", "dialogs.js", "notMeant = 700", "notMeant = -1", "create", "a double click"],
  ["a key in the address", "app.js", "this.open((app) => keyDialog", "location.hash = token.key; this.open((app) => keyDialog", "create", "a key is shown once"],
  ["a name as markup", "tokens.js", 'class="name">${token.name}<span', 'class="name"><span .innerHTML=${token.name}></span><span', "hostile", "hostile names"],
  ["a whole key that is searched for", "app.js", "return whole ?", "return whole && false ?", "list", "a whole key is sent nowhere"],
  ["a session that outlives its tab", "session.js", "sessionStorage", "localStorage", "signin", "another tab has none"],
  ["a session that outlives signing out", "app.js", "    forget();", "", "signin", "signing out forgets"],
  ["a late answer that is shown", "app.js", "this.#reading.abort();\n    this.set({ query", "this.set({ query", "network", "an answer that comes late"],
  ["a 503 that is not asked again", "api.js", "|| problem.status === 503", "", "network", "a 503"],
  ["an editor that saves what it has not read", "editor.js", "disabled: unread || ", "disabled: ", "network", "an editor that could not read"],
  ["a deletion that any word confirms", "dialogs.js", "dialog.typed.trim() !== word", '!dialog.typed.trim()', "change", "a deletion needs"],
  ["a rival's change that is taken for a save", "editor.js", "Object.entries(body).every(([name, value]) => same(data[name], value)) && ", "", "doubt", "none any more"],
  ["a quota that is added again", "editor.js", 'if (this.#unsure) this.#draft.delta = "";', "", "doubt", "nor added again"],
  ["a create that changes while in doubt", "parts.js", "?disabled=${frozen}", "", "doubt", "as it was, and not as another"],
  ["a click that meets what has moved", "parts.js", "e.detail > 1 || ", "", "doubt", "a double click on Disable"],
  ["a call that outlives its session", "app.js", "if (api !== this.state.api) return true;", "", "doubt", "touches no later one"],
  ["a page that Back brings signed in", "app.js", "event.persisted && recall()", "false && recall()", "doubt", "Back brings"],
  ["a page that is left with a new key in it", "app.js", "this.state.dialog?.keeps || ", "", "doubt", "not left unasked"],
  ["an error beside no field", "parts.js", 'invalid: error ? "true" : nothing', "invalid: nothing", "create", "is told beside its field"],
  ["a focus that is lost at a page's end", "tokens.js", "aria-disabled=${!possible || loading}", "?disabled=${!possible || loading}", "list", "pages follow"],
  ["text that is too pale", "style.css", "--soft: #566076", "--soft: #98a1b3", "axe", "table and its dialogs: light"],
  ["a button without a name", "parts.js", "aria-label=${label} title=${label}", "", "axe", "table and its dialogs: narrow"],
  ["a table too wide for a telephone", "style.css", "@media (max-width: 72rem)", "@media (max-width: 10rem)", "hostile", "fits every width"],
];

const src = "functions/console/web/src";
const copy = mkdtempSync(join(tmpdir(), "latchkey-mutants-"));
let survivors = 0;
try {
  for (const part of ["go.mod", "go.sum", "cmd", "functions", "shared"]) cpSync(part, join(copy, part), { recursive: true });
  symlinkSync(resolve(".tools"), join(copy, ".tools"));
  for (const [what, file, text, instead, tests, name] of mutants) {
    const path = join(copy, src, file), sound = readFileSync(path, "utf8");
    if (!sound.includes(text)) throw new Error(`${file} has no longer: ${text}`);
    writeFileSync(path, sound.replaceAll(text, () => instead));
    execFileSync("go", ["run", "./cmd/console"], { cwd: copy, stdio: "inherit" });
    execFileSync("go", ["build", "-o", "tokenctl", "./cmd/tokenctl"], { cwd: copy, stdio: "inherit" });
    writeFileSync(path, sound);
    const { status, stdout } = spawnSync("node", ["--test", "--test-reporter=tap", `--test-name-pattern=${name}`, join("functions/console/browser", `${tests}.test.mjs`)],
      { env: { ...process.env, TOKENCTL: join(copy, "tokenctl") }, encoding: "utf8" });
    const noticed = status !== 0 && stdout.split("\n").some((line) => line.startsWith("not ok") && line.includes(name));
    if (!noticed) survivors++;
    console.log(`${noticed ? "noticed " : "SURVIVED"}  ${what}: ${tests}, "${name}"`);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
process.exitCode = survivors ? 1 : 0;
