// @ts-check
// The console: its state, and what the user can do with it.
import { html, render } from "./lib/lit-html.js";
import { Api, Problem } from "./api.js";
import { bulkDialog, deleteDialog, keyDialog, rotateDialog } from "./dialogs.js";
import { Editor } from "./editor.js";
import { clearAccessToken, loadAccessToken, saveAccessToken } from "./session.js";
import { signInScreen } from "./signin.js";
import { tokensScreen } from "./tokens.js";
import { formatCount } from "./words.js";

/** @typedef {import("./api.js").Token} Token */
/** @typedef {import("./api.js").BatchResult} BatchResult */
/** @typedef {import("./api.js").Self} Self */

/**
 * What the list shows. `cursors` are those of the older pages that were opened.
 * @typedef {{ text: string, status: string, size: number, page: number, cursors: string[] }} Query
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
 * @property {boolean} signingIn
 * @property {Problem | null} signInProblem
 * @property {number} unitsPerDollar 0: quota has no value in dollars
 * @property {Self | null} budget null: the user has none
 * @property {Query} query
 * @property {import("./api.js").TokenPage | null} page
 * @property {boolean} loading
 * @property {Problem | null} problem why the list could not be loaded
 * @property {string} searchError why the search text is not sent
 * @property {Set<number>} selected
 * @property {Set<number>} busy the tokens whose change is being saved
 * @property {Dialog | null} dialog
 * @property {{ text?: string, problem?: Problem } | null} notice
 */

const emptySearch = { text: "", status: "", page: 1, cursors: [] };

export class App {
  /** @type {State} */
  state = {
    api: null, signingIn: false, signInProblem: null, unitsPerDollar: 0, budget: null,
    query: { ...emptySearch, size: 10 },
    page: null, loading: false, problem: null, searchError: "",
    selected: new Set(), busy: new Set(), dialog: null, notice: null,
  };

  #root = /** @type {HTMLElement} */ (document.getElementById("app"));
  #loading = new AbortController(); // aborts the list request that is running
  /** @type {HTMLElement | null} */
  #opener = null; // gets the focus back when the dialog closes
  /** @type {string | null} */
  #accessToken = null;

  start() {
    addEventListener("pageshow", (event) => { // Back may restore a page from before the sign-out
      if (event.persisted && loadAccessToken() !== this.#accessToken) location.reload();
    });
    addEventListener("beforeunload", (event) => { // leaving would lose the new key
      if (this.state.dialog?.showsKey || this.state.dialog?.busy) event.preventDefault();
    });
    const accessToken = loadAccessToken();
    if (accessToken) this.#startSession(accessToken);
    else this.set({});
  }

  /**
   * Changes the state and renders it.
   * @param {Partial<State>} change
   */
  set(change) {
    Object.assign(this.state, change);
    const { api, dialog } = this.state;
    const focused = document.activeElement;
    render(html`${api ? tokensScreen(this) : signInScreen(this)}${dialog ? dialog.view() : ""}`, this.#root);
    const shown = this.#dialogElement();
    if (shown && !shown.open) shown.showModal();
    else if (focused?.isConnected === false) focusFirst(shown ?? this.#root, "#new-token, input"); // the focused element is gone
  }

  #dialogElement() { return this.#root.querySelector("dialog"); }

  // Sessions

  /** @param {string} accessToken */
  async signIn(accessToken) {
    this.set({ signingIn: true, signInProblem: null });
    try {
      if (!accessToken) throw new Problem("Enter your access token. It starts with at-.");
      if (!/^[\x21-\x7e]+$/.test(accessToken)) throw new Problem("An access token has no spaces and only ASCII characters. Check what you pasted.");
      await new Api(accessToken).list({ ...emptySearch, size: 1 });
      saveAccessToken(accessToken);
      this.#startSession(accessToken);
    } catch (error) {
      this.set({ signingIn: false, signInProblem: asProblem(error) });
      focusFirst(this.#root, "#field-access");
    }
  }

  /** @param {string} accessToken */
  #startSession(accessToken) {
    this.#accessToken = accessToken;
    const api = new Api(accessToken);
    this.set({ api, signingIn: false, signInProblem: null, unitsPerDollar: 0, budget: null });
    this.#loadScale(api);
    this.#loadBudget(api);
    return this.load();
  }

  /** Without the scale, quota is shown in units only. @param {Api} api */
  async #loadScale(api) {
    try {
      const unitsPerDollar = await api.unitsPerDollar();
      if (api === this.state.api) this.set({ unitsPerDollar });
    } catch { /* an older API, or no connection, which the list reports */ }
  }

  /** Without an answer, no budget is shown. @param {Api} api */
  async #loadBudget(api) {
    try {
      const { data } = await api.self();
      if (api === this.state.api) this.set({ budget: data.unlimited_quota ? null : data });
    } catch { /* as for the scale */ }
  }

  /**
   * Forgets the access token and everything that was read with it.
   * @param {Problem | null} problem why the session ended
   */
  signOut(problem = null) {
    clearAccessToken();
    this.state.api?.close();
    this.#accessToken = null;
    this.#opener = null;
    this.set({
      api: null, page: null, problem: null, searchError: "", dialog: null, notice: null, signInProblem: problem,
      selected: new Set(), busy: new Set(), query: { ...emptySearch, size: this.state.query.size },
    });
  }

  /**
   * Whether the session of a failed request is over. A 401 ends the session.
   * @param {Problem} problem
   * @param {Api} api the one that sent the request
   */
  #sessionEnded(problem, api) {
    if (api !== this.state.api) return true;
    if (problem.status !== 401) return false;
    this.signOut(problem);
    return true;
  }

  // The list

  /**
   * Changes the search and loads its first page.
   * @param {Partial<Query>} change
   */
  search(change) {
    return this.load({ page: 1, cursors: [], ...change });
  }

  /**
   * Loads the list, after a change of what it shows if one is given.
   * @param {Partial<Query>} [change]
   * @returns {Promise<void>}
   */
  async load(change = {}) {
    const { api } = this.state;
    if (!api) return; // signed out during another request
    const query = { ...this.state.query, ...change };
    this.#loading.abort();
    const cleared = Object.keys(change).length > 0 && { selected: new Set(), notice: this.#undismissedFailure() };
    this.set({ query, searchError: searchError(query.text), loading: true, problem: null, ...cleared });
    if (this.state.searchError) return this.set({ loading: false });
    const loading = (this.#loading = new AbortController());
    try {
      const { data } = await api.list({ ...query, after: query.cursors.at(-1) }, loading.signal);
      if (loading.signal.aborted) return;
      const lastPage = Math.max(1, Math.ceil(data.total / query.size));
      if (data.items.length === 0 && query.cursors.length === 0 && query.page > lastPage) return this.load({ page: lastPage }); // its tokens were deleted
      const selected = data.items.map((token) => token.id).filter((id) => this.state.selected.has(id)); // only tokens that are visible
      this.set({ page: data, loading: false, selected: new Set(selected) });
    } catch (error) {
      const problem = asProblem(error);
      if (!loading.signal.aborted && !this.#sessionEnded(problem, api)) this.set({ problem, loading: false, selected: new Set() });
    }
  }

  /** A failure stays until the user dismisses it. Other notices stay until the next action. */
  #undismissedFailure() {
    const { notice } = this.state;
    return notice?.problem ? notice : null;
  }

  /**
   * @param {Token} token
   * @param {number} status
   */
  async setStatus(token, status) {
    const { api } = this.state;
    if (!api) return;
    this.set({ busy: new Set(this.state.busy).add(token.id), notice: null });
    try {
      await api.setStatus(token.id, status);
      if (api !== this.state.api) return;
      this.set({ notice: { text: `${token.name} is ${status === 1 ? "enabled" : "disabled"}.` } });
    } catch (error) {
      const problem = asProblem(error);
      if (this.#sessionEnded(problem, api)) return;
      this.set({ notice: { problem } });
    }
    this.set({ busy: new Set([...this.state.busy].filter((id) => id !== token.id)) });
    this.load();
  }

  /**
   * @param {number[]} ids
   * @param {boolean} isSelected
   */
  select(ids, isSelected) {
    const selected = new Set(this.state.selected);
    for (const id of ids) {
      if (isSelected) selected.add(id);
      else selected.delete(id);
    }
    this.set({ selected });
  }

  // Dialogs

  create() { this.openDialog(() => new Editor(this)); }
  /** @param {Token} token */
  edit(token) { this.openDialog(() => new Editor(this, token)); }
  /** @param {Token} token */
  rotate(token) { this.openDialog(() => rotateDialog(this, token)); }
  /** @param {Token} token */
  delete(token) { this.openDialog(() => deleteDialog(this, token)); }
  /** @param {import("./dialogs.js").BulkAction} action */
  bulk(action) { this.openDialog(() => bulkDialog(this, action, [...this.state.selected])); }

  /**
   * Shows a new key, for the only time.
   * @param {Token} token
   * @param {string} title
   */
  showKey(token, title) {
    this.openDialog(() => keyDialog(this, token, title));
    this.load();
  }

  /** @param {() => Dialog} make */
  openDialog(make) {
    if (this.state.dialog?.showsKey) return; // only its own button closes it
    if (!this.state.dialog) this.#opener = /** @type {HTMLElement | null} */ (document.activeElement);
    this.set({ dialog: null }); // so that a second dialog gets new elements
    this.set({ notice: this.#undismissedFailure(), dialog: make() });
  }

  closeDialog() {
    if (this.state.dialog?.problem?.outcomeUnknown) this.load(); // the list may have changed
    this.#dialogElement()?.close();
    this.set({ dialog: null });
    if (this.#opener?.isConnected) this.#opener.focus();
    else focusFirst(this.#root, "#new-token");
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
    if (dialog.lastRequest !== text) Object.assign(dialog, { lastRequest: text, idempotencyKey: crypto.randomUUID() });
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
    const { api } = this.state;
    if (!api) return;
    dialog.problem = null;
    this.set({});
    try {
      const result = await send(api);
      dialog.busy = false;
      if (api === this.state.api && dialog === this.state.dialog) done(result);
    } catch (error) {
      const problem = asProblem(error);
      dialog.busy = false;
      if (this.#sessionEnded(problem, api) || dialog !== this.state.dialog) return;
      dialog.problem = problem;
      this.showProblem();
    }
  }

  /** Renders the problem of the dialog and moves the focus to it. */
  showProblem() {
    this.set({});
    focusFirst(this.#root, "dialog :is([aria-invalid=true], .problem)");
  }

  /**
   * Closes the dialog, shows a notice, and loads the list again.
   * @param {string} text
   */
  finish(text) {
    this.closeDialog();
    this.set({ notice: { text }, selected: new Set() });
    this.load();
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
    this.set({ notice: { text, problem: new Problem(lines.join(" ")) } });
  }
}

/**
 * @param {ParentNode} root
 * @param {string} selector
 */
function focusFirst(root, selector) {
  /** @type {HTMLElement | null} */ (root.querySelector(selector))?.focus();
}

/**
 * @param {unknown} error
 * @returns {Problem}
 */
function asProblem(error) {
  if (error instanceof Problem) return error;
  console.error(error);
  return new Problem("Unexpected error in this page. Reload it and try again.");
}

/**
 * Refuses to search for a whole key: it would be sent in a URL, and URLs are
 * written to logs. The server decides by its own pattern, which is the
 * reference: shared/credential/redact.go.
 * @param {string} text
 */
function searchError(text) {
  const isKey = /[0-9A-Za-z]{40}|(sk|at)-[0-9A-Za-z]{16}/.test(text);
  return isKey ? "This is a whole key. Search by its last four characters, for example sk-wxyz." : "";
}

new App().start();
