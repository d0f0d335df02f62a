// @ts-check
// The dialog that creates or edits a token. An edit sends only the fields that
// were changed, and the API refuses it if the token has changed meanwhile.
import { html, nothing } from "./lib/lit-html.js";
import { Problem } from "./api.js";
import { addsQuota, changedInput, differences, draftOf, expiredTime, newInput, settingsOf, validate } from "./draft.js";
import { limitFieldNames, limitFields } from "./limitfields.js";
import { hasLimits, isLimit, limitsOf, withoutEmptyRows } from "./limits.js";
import { field, modal, problemBox, relativeTime, toggle } from "./parts.js";
import { formatDollars, formatExact, formatNumber, isEqual } from "./words.js";

/** @typedef {import("./api.js").Api} Api */
/** @typedef {import("./api.js").Token} Token */
/** @typedef {{ token: Token, etag: string }} Version */

const hour = 3600;
const day = 24 * hour;
/** @type {[string, number][]} */
const presets = [["1 hour", hour], ["1 day", day], ["7 days", 7 * day], ["30 days", 30 * day], ["90 days", 90 * day], ["1 year", 365 * day]];

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
    return this.#app.request(this, (api) => api.get(token.id), ({ data, etag }) => {
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
    this.#addTypedModel();
    this.#draft.limits = withoutEmptyRows(this.#draft.limits);
    this.problem = validate(this.#draft, this.#token);
    if (this.problem) return this.#app.showProblem();
    return this.#token ? this.#update(this.#token) : this.#create();
  }

  #create() {
    const input = newInput(this.#draft);
    return this.#app.submit(this, input, (api, idempotencyKey) => api.create(input, idempotencyKey),
      ({ data }) => this.#app.showKey(data, `${data.name} is created`));
  }

  /** @param {Token} token */
  #update(token) {
    const change = changedInput(this.#draft, token);
    if (Object.keys(change).length === 0) return this.#app.closeDialog();
    const body = { id: token.id, ...change };
    return this.#app.submit(this, body, (api) => this.#sendUpdate(api, token, body), ({ saved, conflict }) => {
      if (saved) return this.#app.finish(`${saved.name} is saved.`);
      this.#conflict = conflict ?? null;
      if (this.#saveMayBeDone) this.#draft.delta = ""; // the lost save may have added it
      this.#app.showProblem();
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

  view() {
    const token = this.#token;
    const unread = token !== null && this.#etag === "";
    const fieldProblem = this.#problemIsShownAtField() ? this.problem : null;
    const retry = html`<button type="button" @click=${() => token && this.#read(token)}>Try again</button>`;
    return modal({
      title: token ? `Edit ${token.name}` : "New token", action: token ? "Save" : "Create",
      submit: () => this.#save(), close: () => this.#app.closeDialog(),
      busy: this.busy, locked: !token && this.problem?.outcomeUnknown, disabled: unread || this.#conflict !== null,
    }, html`
      ${token && this.#conflict ? this.#conflictBox(token, this.#conflict) : nothing}
      ${fieldProblem ? nothing : problemBox(this.problem, unread ? retry : nothing)}
      <div class="sr-only" role="alert">${fieldProblem?.message ?? ""}</div>
      ${this.#textField("name", "Name", true)}
      ${this.#expiryFields()}
      ${this.#quotaFields()}
      ${this.#modelFields()}
      ${this.#addressField()}
      ${this.#textField("group", "Group")}
      ${this.#limitFields()}`);
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
   * @param {"name" | "group"} name
   * @param {string} label
   */
  #textField(name, label, isRequired = false) {
    return field({ name, label, error: this.#errorOf(name) }, ({ id, describedBy, invalid }) => html`<input id=${id} autocomplete="off" aria-required=${isRequired}
      aria-describedby=${describedBy} aria-invalid=${invalid} .value=${this.#draft[name]} @input=${(e) => this.#edit({ [name]: e.target.value })}>`);
  }

  #addressField() {
    return field({ name: "allow_ips", label: "Allowed addresses", error: this.#errorOf("allow_ips"), hint: "IP addresses or CIDR ranges, one per line. Leave empty to allow all." },
      ({ id, describedBy, invalid }) => html`<textarea id=${id} rows="2" spellcheck="false" aria-describedby=${describedBy} aria-invalid=${invalid}
        .value=${this.#draft.allow_ips} @input=${(e) => this.#edit({ allow_ips: e.target.value })}></textarea>`);
  }

  #expiryFields() {
    const { expiry } = this.#draft;
    const error = this.#errorOf("expired_time");
    const current = this.#token && this.#token.expired_time !== -1 ? this.#token.expired_time : 0;
    const unless = expiry === "default" ? "Never, unless the operator has set a maximum lifetime." : undefined;
    const hint = expiry === "keep" ? html`${relativeTime(current)}, ${formatExact(current)}` : unless;
    const choose = (/** @type {string} */ value) => this.#edit({ expiry: value, presetTime: Math.floor(Date.now() / 1000) + Number(value) });
    return html`${field({ name: "expired_time", label: "Expires", hint, error: expiry === "at" ? undefined : error },
      ({ id, describedBy, invalid }) => html`<select id=${id} aria-describedby=${describedBy} aria-invalid=${invalid} .value=${expiry} @change=${(e) => choose(e.target.value)}>
        ${this.#token ? nothing : html`<option value="default" ?selected=${expiry === "default"}>Default</option>`}
        ${current ? html`<option value="keep" ?selected=${expiry === "keep"}>Keep current</option>` : nothing}
        <option value="never" ?selected=${expiry === "never"}>Never</option>
        ${presets.map(([label, seconds]) => html`<option value=${seconds} ?selected=${expiry === String(seconds)}>In ${label}</option>`)}
        <option value="at" ?selected=${expiry === "at"}>On a date…</option>
      </select>`)}
    ${expiry === "at" ? this.#dateField(error) : nothing}`;
  }

  /** @param {string | undefined} error */
  #dateField(error) {
    const seconds = expiredTime(this.#draft);
    return field({ name: "date", label: "Date and time", error, hint: seconds ? html`${relativeTime(seconds)}, ${formatExact(seconds)}` : "In your time zone." },
      ({ id, describedBy, invalid }) => html`<input id=${id} type="datetime-local" aria-describedby=${describedBy} aria-invalid=${invalid}
        .value=${this.#draft.at} @input=${(e) => this.#edit({ at: e.target.value })}>`);
  }

  #quotaFields() {
    const { unlimited, quota, delta } = this.#draft;
    const unlimitedToggle = toggle("unlimited", "Unlimited quota", unlimited, (checked) => this.#edit({ unlimited: checked }));
    if (unlimited) return unlimitedToggle;
    if (!this.#token || !addsQuota(this.#token)) {
      return html`${unlimitedToggle}${this.#unitsField("remain_quota", "Quota", quota, `${this.#worth(quota)}With a quota of 0, the key is refused.`, (text) => this.#edit({ quota: text }))}`;
    }
    const { unitsPerDollar } = this.#app.state;
    const left = unitsPerDollar ? ` (${formatDollars(this.#token.remain_quota, unitsPerDollar)})` : "";
    const hint = `${formatNumber(this.#token.remain_quota)} units left${left}. ${unitsPerDollar ? this.#worth(delta) : ""}Enter how many to add, or a negative number to subtract. Units spent meanwhile still count.`;
    return html`${unlimitedToggle}${this.#unitsField("quota_delta", "Add to the quota", delta, hint, (text) => this.#edit({ delta: text }))}`;
  }

  /**
   * Returns what the typed units are worth, as a sentence.
   * @param {string} text
   */
  #worth(text) {
    const { unitsPerDollar } = this.#app.state;
    if (!unitsPerDollar) return "In your gateway's units. ";
    const units = Number(text);
    const typed = text.trim() !== "" && Number.isSafeInteger(units) && units > 0 ? `${formatNumber(units)} units are ${formatDollars(units, unitsPerDollar)}. ` : "";
    return `${formatNumber(unitsPerDollar)} units are ${formatDollars(unitsPerDollar, unitsPerDollar)}. ${typed}`;
  }

  /**
   * @param {string} name
   * @param {string} label
   * @param {string} value
   * @param {string} hint
   * @param {(text: string) => void} change
   */
  #unitsField(name, label, value, hint, change) {
    return field({ name, label, hint, error: this.#errorOf(name) }, ({ id, describedBy, invalid }) => html`<input id=${id} inputmode="numeric"
      autocomplete="off" aria-describedby=${describedBy} aria-invalid=${invalid} .value=${value} @input=${(e) => change(e.target.value)}>`);
  }

  #modelFields() {
    const { limited, models } = this.#draft;
    const limitedToggle = toggle("limited", "Only certain models", limited, (checked) => this.#edit({ limited: checked }));
    if (!limited) return limitedToggle;
    const remove = (/** @type {string} */ name) => {
      this.#edit({ models: models.filter((other) => other !== name) });
      modelInput()?.focus();
    };
    return html`${limitedToggle}
      ${field({ name: "models", label: "Models", error: this.#errorOf("models"), hint: "Press Enter or comma to add a model. gpt-5* allows every model whose name begins with gpt-5." }, ({ id, describedBy, invalid }) => html`<div class="chips">
        ${models.map((name) => html`<span class="chip">${name}<button type="button" aria-label="Remove ${name}" @click=${() => remove(name)}>×</button></span>`)}
        <input id=${id} autocomplete="off" spellcheck="false" aria-describedby=${describedBy} aria-invalid=${invalid} @keydown=${(e) => this.#onModelKey(e)} @change=${() => this.#addTypedModel()}
          @paste=${(e) => this.#onModelPaste(e)}>
      </div>`)}`;
  }

  /** @param {KeyboardEvent & { target: HTMLInputElement }} event */
  #onModelKey(event) {
    const { models } = this.#draft;
    if (event.isComposing) return;
    if (event.key === "," || (event.key === "Enter" && event.target.value.trim() !== "")) {
      event.preventDefault();
      this.#addTypedModel();
    } else if (event.key === "Backspace" && event.target.value === "" && models.length > 0) {
      this.#edit({ models: models.slice(0, -1) });
    }
  }

  /**
   * Splits a pasted list itself: an input of one line would drop the line ends.
   * @param {ClipboardEvent} event
   */
  #onModelPaste(event) {
    const text = event.clipboardData?.getData("text") ?? "";
    if (!/[,\n]/.test(text)) return;
    event.preventDefault();
    this.#addModels(text);
  }

  #addTypedModel() {
    const input = modelInput();
    if (!input?.value.trim()) return;
    const text = input.value;
    input.value = "";
    this.#addModels(text);
  }

  /** @param {string} text */
  #addModels(text) {
    const names = text.split(/[,\n]/).map((name) => name.trim()).filter(Boolean);
    this.#edit({ models: [...new Set([...this.#draft.models, ...names])] });
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

const modelInput = () => /** @type {HTMLInputElement | null} */ (document.getElementById("field-models"));
