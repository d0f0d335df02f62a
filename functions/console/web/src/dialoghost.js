// @ts-check
// The dialog that is open: how it opens and closes, and its requests.
import { keyDialog } from "./dialogs.js";
import { focusFirst } from "./parts.js";
import { asProblem, Problem } from "./problem.js";
import { undismissedFailure } from "./state.js";
import { formatCount } from "./words.js";

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./api.js").BatchResult} BatchResult */
/** @typedef {import("./api.js").Token} Token */
/** @typedef {import("./state.js").Dialog} Dialog */

export class DialogHost {
  #app;
  /** @type {HTMLElement | null} */
  #opener = null; // gets the focus back when the dialog closes

  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.#app = app;
  }

  /** Ends with the session: no element gets the focus back. */
  forget() { this.#opener = null; }

  /**
   * Shows a new key, for the only time.
   * @param {Token} token
   * @param {string} title
   */
  showKey(token, title) {
    this.open(() => keyDialog(this.#app, token, title));
    this.#app.list.load();
  }

  /** @param {() => Dialog} make */
  open(make) {
    if (this.#app.state.dialog?.showsKey) return; // only its own button closes it
    if (!this.#app.state.dialog) this.#opener = /** @type {HTMLElement | null} */ (document.activeElement);
    this.#app.set({ dialog: null }); // so that a second dialog gets new elements
    this.#app.set({ notice: undismissedFailure(this.#app.state), dialog: make() });
  }

  close() {
    if (this.#app.state.dialog?.problem?.outcomeUnknown) this.#app.list.load(); // the list may have changed
    this.#app.dialogElement()?.close();
    this.#app.set({ dialog: null });
    if (this.#opener?.isConnected) this.#opener.focus();
    else focusFirst(this.#app.root, "#new-token");
    this.#opener = null;
  }

  /**
   * Sends the request of a dialog that changes something. The idempotency key
   * stays the same while the request stays the same, so that a second try does
   * not make the change twice.
   * @template Result
   * @param {Dialog} dialog
   * @param {unknown} request what identifies the request
   * @param {(api: Api, idempotencyKey: string) => Promise<Result>} send
   * @param {(result: Result) => void} done
   */
  async submit(dialog, request, send, done) {
    const text = JSON.stringify(request);
    if (dialog.lastRequest !== text) Object.assign(dialog, { lastRequest: text, idempotencyKey: newIdempotencyKey() });
    dialog.busy = true;
    await this.request(dialog, (api) => send(api, /** @type {string} */ (dialog.idempotencyKey)), done);
  }

  /**
   * Sends a request for a dialog. A failure is shown in the dialog. The result
   * is dropped if the dialog was closed or the session ended meanwhile.
   * @template Result
   * @param {Dialog} dialog
   * @param {(api: Api) => Promise<Result>} send
   * @param {(result: Result) => void} done
   */
  async request(dialog, send, done) {
    const { api } = this.#app.state;
    if (!api) return;
    dialog.problem = null;
    let result;
    try {
      this.#app.set({});
      result = await send(api);
    } catch (error) {
      const problem = asProblem(error);
      dialog.busy = false;
      if (this.#app.sessionEnded(problem, api) || dialog !== this.#app.state.dialog) return;
      dialog.problem = problem;
      this.showProblem();
      return;
    }
    dialog.busy = false;
    if (api === this.#app.state.api && dialog === this.#app.state.dialog) done(result);
  }

  /** Renders the problem of the dialog and moves the focus to it. */
  showProblem() {
    this.#app.set({});
    focusFirst(this.#app.root, "dialog :is([aria-invalid=true], .problem)");
  }

  /**
   * Closes the dialog, shows a notice, and loads the list again.
   * @param {string} text
   */
  finish(text) {
    this.close();
    this.#app.set({ notice: { text }, selected: new Set() });
    this.#app.list.load();
  }

  /**
   * Does the same for a change of several tokens, of which some may have failed.
   * @param {string} done the verb
   * @param {BatchResult[]} results
   */
  finishBulk(done, results) {
    const failed = results.filter((result) => !result.success);
    const text = `${formatCount(results.length - failed.length, "token")} ${done}.`;
    this.finish(text);
    if (failed.length === 0) return;
    const lines = failed.map((result) => `Token ${result.id}: ${result.message}`);
    this.#app.set({ notice: { text, problem: new Problem(lines.join(" ")) } });
  }
}

/** Returns 128 random bits. Plain http has no crypto.randomUUID. */
const newIdempotencyKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
