// @ts-check
// The console: its sessions, and what it renders.
import { html, render } from "./lib/lit-html.js";
import { Api } from "./api.js";
import { DialogHost } from "./dialoghost.js";
import { bulkDialog, deleteDialog, rotateDialog } from "./dialogs.js";
import { Editor } from "./editor.js";
import { focusFirst } from "./parts.js";
import { asProblem, Problem } from "./problem.js";
import { clearAccessToken, loadAccessToken, saveAccessToken } from "./session.js";
import { signInScreen } from "./signin.js";
import { historyScreen } from "./historyscreen.js";
import { routeOf } from "./route.js";
import { Sparks } from "./sparks.js";
import { emptySearch, newState, undismissedFailure } from "./state.js";
import { TokenList } from "./tokenlist.js";
import { tokensScreen } from "./tokens.js";
import { Trail } from "./trail.js";
import { UsagePage } from "./usagepage.js";
import { usageScreen } from "./usagescreen.js";

/** @typedef {import("./api.js").Token} Token */
/** @typedef {import("./state.js").State} State */

const screens = { tokens: tokensScreen, usage: usageScreen, history: historyScreen };

export class App {
  state = newState();
  list = new TokenList(this);
  sparks = new Sparks(this);
  usage = new UsagePage(this);
  trail = new Trail(this);
  dialogs = new DialogHost(this);
  root = /** @type {HTMLElement} */ (document.getElementById("app"));
  /** @type {string | null} */
  #accessToken = null;
  #plainProblem = Object.assign(document.createElement("p"), { className: "problem", role: "alert" });

  start() {
    addEventListener("error", ({ error, message }) => this.#report(error ?? message));
    addEventListener("unhandledrejection", ({ reason }) => this.#report(reason));
    addEventListener("hashchange", () => this.#goTo());
    addEventListener("resize", () => { if (this.state.route.page === "usage") this.set({}); }); // the chart is as wide as the window
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
    render(html`${api ? screens[this.state.route.page](this) : signInScreen(this)}${dialog ? dialog.view() : ""}`, this.root);
    const shown = this.dialogElement();
    if (shown && !shown.open) shown.showModal();
    else if (focused?.isConnected === false) focusFirst(shown ?? this.root, "#new-token, input"); // the focused element is gone
  }

  dialogElement() { return this.root.querySelector("dialog"); }

  /**
   * Shows an exception that nothing has caught.
   * @param {unknown} error
   */
  #report(error) {
    const problem = asProblem(error);
    try {
      this.#show(problem);
    } catch { // the exception is in what renders
      this.#plainProblem.textContent = problem.message;
      (this.dialogElement() ?? document.body).prepend(this.#plainProblem);
    }
  }

  /**
   * Shows a problem where the user is.
   * @param {Problem} problem
   */
  #show(problem) {
    const { api, dialog } = this.state;
    if (dialog) {
      dialog.problem = problem;
      this.dialogs.showProblem();
    } else if (api) {
      this.set({ notice: { problem } });
    } else {
      this.set({ signingIn: false, signInProblem: problem });
    }
  }

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
      focusFirst(this.root, "#field-access");
    }
  }

  /** @param {string} accessToken */
  #startSession(accessToken) {
    this.#accessToken = accessToken;
    const api = new Api(accessToken);
    this.set({ api, route: routeOf(location.hash), signingIn: false, signInProblem: null, unitsPerDollar: 0, budget: null });
    this.#loadScale(api);
    this.#loadBudget(api);
    return this.#load();
  }

  /** Shows the page that the address names, after it has changed. */
  #goTo() {
    const { api, dialog } = this.state;
    if (!api) return;
    if (dialog && !dialog.showsKey && !dialog.busy) this.dialogs.close();
    this.set({ route: routeOf(location.hash), notice: undismissedFailure(this.state) });
    this.#load();
    if (!this.state.dialog) focusFirst(this.root, "h2");
  }

  /** Loads what the page shows. */
  #load() {
    const { page, id } = this.state.route;
    if (page === "usage") return this.usage.show(id);
    return page === "history" ? this.trail.load() : this.list.load();
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
    for (const part of [this.dialogs, this.sparks, this.usage, this.trail]) part.forget();
    if (location.hash) history.replaceState(null, "", location.pathname); // another user has other tokens
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
  sessionEnded(problem, api) {
    if (api !== this.state.api) return true;
    if (problem.status !== 401) return false;
    this.signOut(problem);
    return true;
  }

  // Dialogs

  create() { this.dialogs.open(() => new Editor(this)); }
  /** @param {Token} token */
  edit(token) { this.dialogs.open(() => new Editor(this, token)); }
  /** @param {Token} token */
  rotate(token) { this.dialogs.open(() => rotateDialog(this, token)); }
  /** @param {Token} token */
  delete(token) { this.dialogs.open(() => deleteDialog(this, token)); }
  /** @param {import("./dialogs.js").BulkAction} action */
  bulk(action) { this.dialogs.open(() => bulkDialog(this, action, [...this.state.selected])); }
}

new App().start();
