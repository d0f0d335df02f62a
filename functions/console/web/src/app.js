// The console: its state, what can be done with it, and its two screens.
import { html, render } from "./lib/lit-html.js";
import { Api, Problem } from "./api.js";
import { bulkDialog, deleteDialog, keyDialog, rotateDialog } from "./dialogs.js";
import { Editor } from "./editor.js";
import { forget, keep, recall } from "./session.js";
import { signIn } from "./signin.js";
import { tokens } from "./tokens.js";
import { count } from "./words.js";

const everything = { text: "", status: "", page: 1, after: [] };

class App {
  /** Everything that the screens show. */
  state = {
    api: null, // null: signed out
    signingIn: false, signInProblem: null,
    query: { ...everything, size: 10 },
    page: null, loading: false, problem: null, refused: "",
    selected: new Set(),
    busy: new Set(), // ids of tokens that something is being done to
    dialog: null, // {view} of the dialog that is open
    notice: null, // {text, problem}
  };

  #root = document.getElementById("app");
  #reading = new AbortController();
  #opener = null;
  #accessToken = null;

  start() {
    addEventListener("pageshow", (event) => { // Back may bring a page that was left signed in
      if (event.persisted && recall() !== this.#accessToken) location.reload();
    });
    addEventListener("beforeunload", (event) => { // the key would be lost
      if (this.state.dialog?.keeps || this.state.dialog?.busy) event.preventDefault();
    });
    const accessToken = recall();
    if (accessToken) this.#enter(accessToken);
    else this.set({});
  }

  /** Changes the state and shows it. */
  set(change) {
    Object.assign(this.state, change);
    const { api, dialog } = this.state;
    const focused = document.activeElement;
    render(html`${api ? tokens(this) : signIn(this)}${dialog ? dialog.view() : ""}`, this.#root);
    const shown = this.#root.querySelector("dialog");
    if (shown && !shown.open) shown.showModal();
    else if (focused?.isConnected === false) (shown ?? this.#root).querySelector("#new-token, input")?.focus(); // not lost with what had it
  }

  // Signing in and out

  async signIn(accessToken) {
    this.set({ signingIn: true, signInProblem: null });
    try {
      if (!accessToken) throw new Problem("Enter your access token, which begins with at-.");
      if (!/^[\x21-\x7e]+$/.test(accessToken)) throw new Problem("An access token has no spaces and only plain letters and digits: check what you have pasted.");
      await new Api(accessToken).list({ ...everything, after: 0, size: 1 });
      keep(accessToken);
      this.#enter(accessToken);
    } catch (problem) {
      this.set({ signingIn: false, signInProblem: problem });
      this.#root.querySelector("#field-access").focus();
    }
  }

  #enter(accessToken) {
    this.#accessToken = accessToken;
    this.set({ api: new Api(accessToken), signingIn: false, signInProblem: null });
    return this.load();
  }

  /** Forgets the access token and all that was read with it. */
  signOut(problem = null) {
    forget();
    this.state.api?.end();
    this.#accessToken = null;
    this.#opener = null;
    this.set({
      api: null, page: null, problem: null, refused: "", dialog: null, notice: null, signInProblem: problem,
      selected: new Set(), busy: new Set(), query: { ...everything, size: this.state.query.size },
    });
  }

  /**
   * Whether the session of a call is over: another has begun, or the problem
   * ends it.
   */
  #ended(problem, api) {
    if (api !== this.state.api) return true;
    if (problem.status !== 401) return false;
    this.signOut(problem);
    return true;
  }

  // Reading

  /** Shows what a changed query finds, from its first page on. */
  find(change) {
    return this.load({ page: 1, after: [], ...change });
  }

  async load(change = {}) {
    if (!this.state.api) return; // signed out while something was under way
    const query = { ...this.state.query, ...change };
    this.#reading.abort();
    const elsewhere = Object.keys(change).length > 0 && { selected: new Set(), notice: this.#unread() };
    this.set({ query, refused: wholeKey(query.text), loading: true, problem: null, ...elsewhere });
    if (this.state.refused) return this.set({ loading: false });
    const reading = (this.#reading = new AbortController());
    const { api } = this.state;
    try {
      const { data } = await api.list({ ...query, after: query.after.at(-1) }, reading.signal);
      if (reading.signal.aborted) return;
      const last = Math.max(1, Math.ceil(data.total / query.size));
      if (!data.items.length && !query.after.length && query.page > last) return this.load({ page: last }); // its tokens are gone
      const selected = data.items.map((token) => token.id).filter((id) => this.state.selected.has(id)); // none that can't be seen
      this.set({ page: data, loading: false, selected: new Set(selected) });
    } catch (problem) {
      if (!reading.signal.aborted && !this.#ended(problem, api)) this.set({ problem, loading: false, selected: new Set() });
    }
  }

  // A failure is told until it is dismissed, other news until the next.
  #unread() {
    const { notice } = this.state;
    return notice?.problem ? notice : null;
  }

  // Changing

  /** Does something to one token of the list, and shows the outcome. */
  async #change(id, work, done) {
    const { api } = this.state;
    this.set({ busy: new Set(this.state.busy).add(id), notice: null });
    try {
      await work(api);
      if (api !== this.state.api) return;
      this.set({ notice: { text: done } });
    } catch (problem) {
      if (this.#ended(problem, api)) return;
      this.set({ notice: { problem } });
    }
    this.set({ busy: new Set([...this.state.busy].filter((other) => other !== id)) });
    this.load();
  }

  setStatus(token, status) {
    return this.#change(token.id, (api) => api.setStatus(token.id, status), `${token.name} is ${status === 1 ? "enabled" : "disabled"}.`);
  }

  select(ids, chosen) {
    const selected = new Set(this.state.selected);
    for (const id of ids) chosen ? selected.add(id) : selected.delete(id);
    this.set({ selected });
  }

  // Dialogs

  /** Opens a dialog; make(refresh, close) gives it as an object with a view. */
  open(make) {
    if (!this.state.dialog) this.#opener = document.activeElement;
    this.set({ dialog: null }); // so that a second dialog begins with fresh fields
    this.set({ notice: this.#unread(), dialog: make(this) });
  }

  close() {
    if (this.state.dialog?.problem?.doubtful) this.load(); // it may have been done
    this.#root.querySelector("dialog")?.close();
    this.set({ dialog: null });
    if (this.#opener?.isConnected) this.#opener.focus();
    else this.#root.querySelector("#new-token")?.focus();
    this.#opener = null;
  }

  /**
   * Does the work of a dialog. While it lasts, and when it failed, the dialog
   * says so; then done gets the answer. A dialog keeps one key for once as
   * long as it asks for the same, so that trying again is no second time; and
   * as long as nobody knows whether it was done, it can't ask for another.
   */
  async work(dialog, asked, call, done) {
    const text = JSON.stringify(asked);
    if (dialog.asked !== text) Object.assign(dialog, { asked: text, once: crypto.randomUUID() });
    dialog.busy = true;
    await this.ask(dialog, (api) => call(api, dialog.once), done);
  }

  /** Calls for a dialog, which can be closed meanwhile unless it is busy. */
  async ask(dialog, call, done) {
    const { api } = this.state;
    dialog.problem = null;
    this.set({});
    try {
      const answer = await call(api);
      dialog.busy = false;
      if (api === this.state.api && dialog === this.state.dialog) done(answer);
    } catch (problem) {
      dialog.busy = false;
      if (this.#ended(problem, api) || dialog !== this.state.dialog) return;
      dialog.problem = problem instanceof Problem ? problem : new Problem("This page went wrong: load it again.");
      this.show();
    }
  }

  /** Shows a dialog's problem. */
  show() {
    this.set({});
    this.attend();
  }

  /** Moves the focus to what is wrong in the dialog. */
  attend() {
    this.#root.querySelector("dialog :is([aria-invalid=true], .problem)")?.focus();
  }

  create() { this.open((app) => new Editor(app)); }
  edit(token) { this.open((app) => new Editor(app, token)); }
  rotate(token) { this.open((app) => rotateDialog(app, token)); }
  delete(token) { this.open((app) => deleteDialog(app, token)); }
  bulk(what) { this.open((app) => bulkDialog(app, what, [...this.state.selected])); }

  /** Shows a new key, for the only time. */
  showKey(token, title) {
    this.open((app) => keyDialog(app, token, title));
    this.load();
  }

  /** Closes the dialog, says what was done, and reads the list again. */
  finish(text) {
    this.close();
    this.set({ notice: { text }, selected: new Set() });
    this.load();
  }

  /** The same for several tokens, of which some may have failed. */
  finishAll(done, results) {
    const failed = results.filter((result) => !result.success);
    this.finish(`${count(results.length - failed.length, "token")} ${done}.`);
    if (failed.length) {
      const lines = failed.map((result) => `Token ${result.id}: ${result.message}`);
      this.set({ notice: { text: this.state.notice.text, problem: new Problem(lines.join(" ")) } });
    }
  }
}

// A key must not get into a query string, which ends up in logs.
function wholeKey(text) {
  const whole = /[0-9A-Za-z]{40}|(sk|at)-[0-9A-Za-z]{16}/.test(text);
  return whole ? "This is a whole key: search by its last four characters, as sk-wxyz." : "";
}

new App().start();
