// @ts-check
// The dialog that creates or edits a token. An edit sends only the fields that
// were changed, and the API refuses it if the token has changed meanwhile.
import { html, nothing } from "./lib/lit-html.js";
import { addsQuota, changedInput, differences, draftOf, newInput, settingsOf, validate } from "./draft.js";
import { limitFieldNames, limitFields } from "./limitfields.js";
import { hasLimits, isLimit, limitsOf, withoutEmptyRows } from "./limits.js";
import { addTypedModel, modelFields } from "./modelfields.js";
import { modal, problemBox, relativeTime } from "./parts.js";
import { Problem } from "./problem.js";
import { addressField, expiryFields, quotaFields, textField } from "./settingfields.js";
import { tabList, tabPanel } from "./tabs.js";
import { TokenUse } from "./tokenuse.js";
import { Trail } from "./trail.js";
import { trailView } from "./trailview.js";
import { isEqual } from "./words.js";

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./api.js").Token} Token */
/** @typedef {{ token: Token, etag: string }} Version */

const tabs = { settings: "Settings", usage: "Usage", history: "History" };

export class Editor {
  #app;
  /** @type {Token | null} */
  #token; // null: a new token
  #etag = ""; // "" until the token was read
  /** @type {Version | null} */
  #conflict = null; // the version that somebody else saved
  #saveMayBeDone = false; // the response to a save was lost
  #draft;
  #showsLimits = false;
  #tab = "settings";
  /** @type {TokenUse | null} */
  #use = null; // until its tab is opened
  /** @type {Trail | null} */
  #trail = null; // until its tab is opened
  busy = false;
  /** @type {Problem | null} */
  problem = null;

  /**
   * @param {import("./app.js").App} app
   * @param {Token | null} token
   */
  constructor(app, token = null) {
    this.#app = app;
    this.#token = token;
    this.#draft = draftOf(token);
    this.#showsLimits = hasLimits(token);
    if (token) this.#read(token);
  }

  /**
   * Reads the current version, which the list does not have. Keeps what the
   * user types meanwhile, except limits that somebody else has changed.
   * @param {Token} token
   */
  #read(token) {
    return this.#app.dialogs.request(this, (api) => api.get(token.id), ({ data, etag }) => {
      const before = new Map(Object.entries(draftOf(this.#token)));
      const canKeep = (/** @type {string} */ name) => name !== "limits" || isEqual(limitsOf(token), limitsOf(data));
      const typed = Object.entries(this.#draft).filter(([name, value]) => !isEqual(value, before.get(name)) && canKeep(name));
      this.#load({ token: data, etag }, Object.fromEntries(typed));
    });
  }

  /**
   * Starts a new draft from a version of the token.
   * @param {Version} version
   * @param {Partial<import("./draft.js").Draft>} typed
   */
  #load({ token, etag }, typed = {}) {
    this.problem = null;
    this.#token = token;
    this.#etag = etag;
    this.#conflict = null;
    this.#saveMayBeDone = false;
    this.#draft = { ...draftOf(token), ...typed };
    this.#showsLimits ||= hasLimits(token);
    this.#app.set({});
  }

  /** @param {Partial<import("./draft.js").Draft>} change */
  #edit(change) {
    Object.assign(this.#draft, change);
    this.#app.set({});
  }

  #save() {
    addTypedModel(this.#fields());
    this.#draft.limits = withoutEmptyRows(this.#draft.limits);
    this.problem = validate(this.#draft, this.#token);
    if (this.problem) return this.#app.dialogs.showProblem();
    return this.#token ? this.#update(this.#token) : this.#create();
  }

  #create() {
    const input = newInput(this.#draft);
    return this.#app.dialogs.submit(this, input, (api, idempotencyKey) => api.create(input, idempotencyKey),
      ({ data }) => this.#app.dialogs.showKey(data, `${data.name} is created`));
  }

  /** @param {Token} token */
  #update(token) {
    const change = changedInput(this.#draft, token);
    if (Object.keys(change).length === 0) return this.#app.dialogs.close();
    const body = { id: token.id, ...change };
    return this.#app.dialogs.submit(this, body, (api) => this.#sendUpdate(api, token, body), ({ saved, conflict }) => {
      if (saved) return this.#app.dialogs.finish(`${saved.name} is saved.`);
      this.#conflict = conflict ?? null;
      if (this.#saveMayBeDone) this.#draft.delta = ""; // the lost save may have added it
      this.#app.dialogs.showProblem();
    });
  }

  /**
   * Sends an update. A 412 means that somebody else changed the token, or that
   * an earlier try was carried out and its response was lost.
   * @param {Api} api
   * @param {Token} token
   * @param {{ id: number } & Partial<import("./api.js").TokenInput>} body
   * @returns {Promise<{ saved?: Token, conflict?: Version }>}
   */
  async #sendUpdate(api, token, body) {
    try {
      return { saved: (await api.update(body, this.#etag)).data };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.outcomeUnknown) this.#saveMayBeDone = true;
      if (error.status !== 412) throw error;
      const { data, etag } = await api.get(token.id);
      const current = settingsOf(data);
      const isOurs = Object.entries(body).every(([name, value]) => isEqual(current.get(name), value)) && differences(token, data).every(({ name }) => name in body);
      if (isOurs && !("quota_delta" in body)) return { saved: data };
      return { conflict: { token: data, etag } };
    }
  }

  // The dialog

  /**
   * Opens a tab. What it shows is read when it is opened for the first time.
   * @param {string} name
   */
  #openTab(name) {
    this.#tab = name;
    const id = this.#token?.id ?? 0;
    if (name === "usage" && !this.#use) (this.#use = new TokenUse(this.#app, id)).load();
    if (name === "history" && !this.#trail) (this.#trail = new Trail(this.#app, id)).load();
    this.#app.set({});
  }

  view() {
    const token = this.#token;
    const unread = token !== null && this.#etag === "";
    const fields = this.#fields();
    const fieldProblem = this.#problemIsShownAtField() ? this.problem : null;
    const retry = html`<button type="button" @click=${() => token && this.#read(token)}>Try again</button>`;
    const isSettings = this.#tab === "settings";
    return modal({
      title: token ? `Edit ${token.name}` : "New token", action: token ? "Save" : "Create",
      submit: isSettings ? () => this.#save() : undefined, close: () => this.#app.dialogs.close(), closeLabel: isSettings ? "Cancel" : "Close",
      busy: this.busy, locked: !token && this.problem?.outcomeUnknown, disabled: unread || this.#conflict !== null,
    }, html`
      ${token && this.#conflict ? this.#conflictBox(token, this.#conflict) : nothing}
      ${fieldProblem ? nothing : problemBox(this.problem, unread ? retry : nothing)}
      <div class="sr-only" role="alert">${fieldProblem?.message ?? ""}</div>
      ${token?.imported ? html`<p class="aside">Imported from ${token.imported} with its key.</p>` : nothing}
      ${token?.leaked_time ? html`<p class="warning">Somebody found the key and revoked it ${relativeTime(token.leaked_time)}. Rotate the token to use it again.</p>` : nothing}
      ${token ? tabList(tabs, this.#tab, (name) => this.#openTab(name)) : nothing}
      ${token ? this.#panels(token) : this.#settings(fields)}`);
  }

  /** @param {Token} token */
  #panels(token) {
    const settings = this.#settings(this.#fields());
    return html`${tabPanel("settings", this.#tab === "settings", settings)}
      ${tabPanel("usage", this.#tab === "usage", this.#use?.view(token) ?? nothing)}
      ${tabPanel("history", this.#tab === "history", this.#trail ? trailView(this.#trail) : nothing)}`;
  }

  /** @param {import("./settingfields.js").FieldsOptions} fields */
  #settings(fields) {
    return html`${textField(fields, "name", "Name", true)}
      ${expiryFields(fields)}
      ${quotaFields(fields)}
      ${modelFields(fields)}
      ${addressField(fields)}
      ${textField(fields, "group", "Group")}
      ${this.#limitFields()}`;
  }

  /** @returns {import("./settingfields.js").FieldsOptions} */
  #fields() {
    return {
      draft: this.#draft, token: this.#token, edit: (change) => this.#edit(change), errorOf: (name) => this.#errorOf(name),
      unitsPerDollar: this.#app.state.unitsPerDollar,
    };
  }

  #limitFields() {
    const { limits } = this.#draft;
    return limitFields({
      draft: limits, edit: (change) => this.#edit({ limits: { ...limits, ...change } }), errorOf: (name) => this.#errorOf(name),
      open: this.#showsLimits, toggle: (open) => { this.#showsLimits = open; this.#app.set({}); },
      hasError: isLimit(this.problem?.field ?? ""), unitsPerDollar: this.#app.state.unitsPerDollar,
    });
  }

  /** Whether the field that the problem is about is on the screen. */
  #problemIsShownAtField() {
    const names = ["name", "expired_time", addsQuota(this.#token) ? "quota_delta" : "remain_quota", "allow_ips", "group", ...(this.#draft.limited ? ["models"] : []), ...limitFieldNames(this.#draft.limits)];
    return names.some((name) => this.#errorOf(name));
  }

  /** @param {string} name */
  #errorOf(name) {
    if (!this.problem) return undefined;
    const { field: problemField, message } = this.problem;
    const matches = problemField === name || (name === "models" && problemField.startsWith("model_limits"));
    return matches ? message : undefined;
  }

  /**
   * Shows the version that somebody else saved, for the user to choose.
   * @param {Token} token as it was read
   * @param {Version} conflict
   */
  #conflictBox(token, conflict) {
    const overwrite = () => { this.#etag = conflict.etag; this.#conflict = null; this.#save(); };
    return html`<div class="problem" role="alert" tabindex="-1">
      <p>${this.#saveMayBeDone
        ? "This token changed after you opened it, possibly by your own save, whose response was lost. Check whether the quota already includes what you added before you add it again."
        : "Somebody else changed this token after you opened it. Your changes were not saved."} It now has:</p>
      <dl>${differences(token, conflict.token).map(({ label, value }) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>
      <button type="button" @click=${() => this.#load(conflict)}>Use their version</button>
      <button type="button" @click=${overwrite}>Overwrite with mine</button>
    </div>`;
  }
}
