// The dialog that creates a token or changes one. A change sends only what
// differs, and only if nobody else has changed the token meanwhile.
import { html, nothing } from "./lib/lit-html.js";
import { Problem } from "./api.js";
import { failure, field, modal, toggle, when } from "./parts.js";
import { exact, number, plain, statuses } from "./words.js";

const hour = 3600;
const day = 24 * hour;
const presets = [["1 hour", hour], ["1 day", day], ["7 days", 7 * day], ["30 days", 30 * day], ["90 days", 90 * day], ["1 year", 365 * day]];

export class Editor {
  #app;
  #token; // as it was read, or null for a new one
  #etag = ""; // of what was read, and "" until then
  #rival = null; // {token, etag}: what somebody else made of it
  #unsure = false; // an answer to a save was lost
  #draft;
  busy = false;
  problem = null;

  constructor(app, token = null) {
    this.#app = app;
    this.#token = token;
    this.#draft = draftOf(token);
    if (token) this.#read(token.id);
  }

  // The list has no versions, and may be old. What is typed meanwhile stays.
  #read(id) {
    return this.#app.ask(this, (api) => api.get(id), ({ data, etag }) => {
      const was = draftOf(this.#token);
      this.#take(data, etag, Object.entries(this.#draft).filter(([name, value]) => !same(value, was[name])));
    });
  }

  #take(token, etag, typed = []) {
    Object.assign(this, { problem: null });
    this.#token = token;
    this.#etag = etag;
    this.#rival = null;
    this.#unsure = false;
    this.#draft = { ...draftOf(token), ...Object.fromEntries(typed) };
    this.#app.set({});
  }

  #edit(change) {
    Object.assign(this.#draft, change);
    this.#app.set({});
  }

  #save() {
    this.#takeTypedModel();
    this.problem = misfit(this.#draft, this.#adds);
    if (this.problem) return this.#app.show();
    if (!this.#token) return this.#create();
    const change = this.#change();
    if (Object.keys(change).length === 0) return this.#app.close();
    const body = { id: this.#token.id, ...change };
    return this.#app.work(this, body, (api) => this.#put(api, body), (answer) => {
      if (answer.rival) {
        this.#rival = answer.rival;
        if (this.#unsure) this.#draft.delta = ""; // it may be in what they have
        this.#app.set({});
        this.#app.attend();
      } else {
        this.#app.finish(`${answer.data.name} is saved.`);
      }
    });
  }

  #create() {
    const body = inputOf(this.#draft);
    return this.#app.work(this, body, (api, once) => api.create(body, once), ({ data }) => this.#app.showKey(data, `${data.name} is created`));
  }

  // 412 is a rival's change, or our own, of which the answer was lost.
  async #put(api, body) {
    try {
      return await api.update(body, this.#etag);
    } catch (problem) {
      if (problem.doubtful) this.#unsure = true;
      if (problem.status !== 412) throw problem;
      const { data, etag } = await api.get(this.#token.id);
      const ours = Object.entries(body).every(([name, value]) => same(data[name], value)) && differences(this.#token, data).every(([name]) => name in body);
      if (ours && !("quota_delta" in body)) return { data };
      return { rival: { token: data, etag } };
    }
  }

  /** What of the draft is not as it was read. */
  #change() {
    const change = {};
    const was = inputOf(draftOf(this.#token), this.#token);
    for (const [name, value] of Object.entries(inputOf(this.#draft, this.#token))) {
      if (!same(value, was[name])) change[name] = value;
    }
    return change;
  }

  /** Whether a quota is added to what is left, which others spend meanwhile. */
  get #adds() { return this.#token !== null && !this.#token.unlimited_quota; }

  // The dialog

  view() {
    const draft = this.#draft;
    const error = (name) => (this.problem?.field === name || (name === "models" && this.problem?.field.startsWith("model_limits")) ? this.problem.message : undefined);
    const shown = ["name", "expired_time", this.#adds ? "quota_delta" : "remain_quota", "allow_ips", "group", ...(draft.limited ? ["models"] : [])].some(error);
    const unread = this.#token && this.#etag === "";
    return modal({
      title: this.#token ? `Edit ${this.#token.name}` : "New token",
      close: () => this.#app.close(), submit: () => this.#save(), busy: this.busy, frozen: !this.#token && this.problem?.doubtful, disabled: unread || this.#rival !== null,
      action: this.#token ? "Save" : "Create",
    }, html`
      ${this.#rival ? this.#conflict() : nothing}
      ${shown ? nothing : failure(this.problem, unread ? html`<button type="button" @click=${() => this.#read(this.#token.id)}>Try again</button>` : nothing)}
      <div class="sr-only" role="alert">${shown ? this.problem.message : ""}</div>
      ${this.#text("name", "Name", { error: error("name"), required: true })}
      ${this.#expiry(error("expired_time"))}
      ${this.#quota(error)}
      ${this.#models(error("models"))}
      ${field({ name: "allow_ips", label: "Allowed addresses", error: error("allow_ips"), hint: "IP addresses or CIDR ranges, one a line. Empty: from everywhere." },
        ({ id, describedBy, invalid }) => html`<textarea id=${id} rows="2" spellcheck="false" aria-describedby=${describedBy} aria-invalid=${invalid}
          .value=${draft.allow_ips} @input=${(e) => this.#edit({ allow_ips: e.target.value })}></textarea>`)}
      ${this.#text("group", "Group", { error: error("group") })}`);
  }

  #text(name, label, { error, required = false }) {
    return field({ name, label, error }, ({ id, describedBy, invalid }) => html`<input id=${id} autocomplete="off" aria-required=${required}
      aria-describedby=${describedBy} aria-invalid=${invalid} .value=${this.#draft[name]} @input=${(e) => this.#edit({ [name]: e.target.value })}>`);
  }

  #expiry(error) {
    const { expiry, at } = this.#draft;
    const kept = this.#token && this.#token.expired_time !== -1 ? this.#token.expired_time : 0;
    const dated = expiry === "at";
    const second = dated ? expiredTime(this.#draft) : kept;
    return html`${field({ name: "expired_time", label: "Expires", error: dated ? undefined : error, hint: expiry === "keep" ? html`${when(kept)}, ${exact(kept)}` : undefined },
      ({ id, describedBy, invalid }) => html`<select id=${id} aria-describedby=${describedBy} aria-invalid=${invalid} .value=${expiry} @change=${(e) => this.#edit({ expiry: e.target.value, until: now() + Number(e.target.value) })}>
        ${kept ? html`<option value="keep" ?selected=${expiry === "keep"}>As it is</option>` : nothing}
        <option value="never" ?selected=${expiry === "never"}>Never</option>
        ${presets.map(([label, seconds]) => html`<option value=${seconds} ?selected=${expiry === String(seconds)}>In ${label}</option>`)}
        <option value="at" ?selected=${expiry === "at"}>On a date…</option>
      </select>`)}
    ${dated ? field({ name: "date", label: "Date and time", error, hint: second ? html`${when(second)}, ${exact(second)}` : "In your time zone." },
      ({ id, describedBy, invalid }) => html`<input id=${id} type="datetime-local" aria-describedby=${describedBy} aria-invalid=${invalid} .value=${at} @input=${(e) => this.#edit({ at: e.target.value })}>`) : nothing}`;
  }

  #quota(error) {
    const { unlimited, quota, delta } = this.#draft;
    const units = (name, label, value, hint) => field({ name, label, hint, error: error(name) }, ({ id, describedBy, invalid }) => html`<input id=${id} inputmode="numeric"
      autocomplete="off" aria-describedby=${describedBy} aria-invalid=${invalid} .value=${value} @input=${(e) => this.#edit(name === "quota_delta" ? { delta: e.target.value } : { quota: e.target.value })}>`);
    return html`${toggle("unlimited", "Unlimited quota", unlimited, (on) => this.#edit({ unlimited: on }))}
      ${unlimited ? nothing
      : !this.#adds ? units("remain_quota", "Quota", quota, "In units of your gateway. Without any, the key is refused.")
      : units("quota_delta", "Add to the quota", delta, `${number(this.#token.remain_quota)} units are left. What you enter is added, or taken away if it is negative, whatever is spent meanwhile.`)}`;
  }

  #models(error) {
    const { limited, models } = this.#draft;
    const remove = (name) => { this.#edit({ models: models.filter((other) => other !== name) }); document.getElementById("field-models")?.focus(); };
    return html`${toggle("limited", "Only certain models", limited, (on) => this.#edit({ limited: on }))}
      ${limited ? field({ name: "models", label: "Models", error, hint: "Enter or a comma adds one." }, ({ id, describedBy, invalid }) => html`<div class="chips">
        ${models.map((name) => html`<span class="chip">${name}<button type="button" aria-label="Remove ${name}" @click=${() => remove(name)}>×</button></span>`)}
        <input id=${id} autocomplete="off" spellcheck="false" aria-describedby=${describedBy} aria-invalid=${invalid} @keydown=${(e) => this.#typeModel(e)} @change=${() => this.#takeTypedModel()}
          @paste=${(e) => this.#pasteModels(e)}>
      </div>`) : nothing}`;
  }

  #typeModel(event) {
    const { models } = this.#draft;
    if (event.isComposing) return;
    if (event.key === "," || (event.key === "Enter" && event.target.value.trim() !== "")) {
      event.preventDefault();
      this.#takeTypedModel();
    } else if (event.key === "Backspace" && event.target.value === "" && models.length) {
      this.#edit({ models: models.slice(0, -1) });
    }
  }

  // A list is taken apart; a field of one line would lose where its lines end.
  #pasteModels(event) {
    const text = event.clipboardData.getData("text");
    if (!/[,\n]/.test(text)) return;
    event.preventDefault();
    this.#addModels(text);
  }

  #takeTypedModel() {
    const input = document.getElementById("field-models");
    if (!input?.value.trim()) return;
    const text = input.value;
    input.value = "";
    this.#addModels(text);
  }

  #addModels(text) {
    const names = text.split(/[,\n]/).map((name) => name.trim()).filter(Boolean);
    this.#edit({ models: [...new Set([...this.#draft.models, ...names])] });
  }

  #conflict() {
    const { token, etag } = this.#rival;
    return html`<div class="problem" role="alert" tabindex="-1">
      <p>${this.#unsure ? "This token was changed since you opened it, perhaps by your own save, of which the answer was lost. Look whether what you added to the quota is in it, before you add it again." : "Somebody else has changed this token since you opened it, and nothing of yours was saved."} It has now:</p>
      <dl>${differences(this.#token, token).map(([, label, value]) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>
      <button type="button" @click=${() => this.#take(token, etag)}>Take theirs</button>
      <button type="button" @click=${() => { this.#etag = etag; this.#rival = null; this.#save(); }}>Save mine over it</button>
    </div>`;
  }
}

// What a token is in the fields of the dialog.
function draftOf(token) {
  return {
    name: token?.name ?? "",
    expiry: !token || token.expired_time === -1 ? "never" : "keep", until: 0, at: "",
    unlimited: token?.unlimited_quota ?? false, quota: token?.unlimited_quota ? String(token.remain_quota) : "", delta: "",
    limited: token?.model_limits_enabled ?? false, models: [...(token?.models ?? [])],
    allow_ips: token?.allow_ips ?? "", group: token?.group ?? "",
  };
}

// What the API gets of the fields. token is the one that is changed, if any.
function inputOf(draft, token = null) {
  const input = {
    name: draft.name, unlimited_quota: draft.unlimited,
    model_limits_enabled: draft.limited, models: draft.models, allow_ips: draft.allow_ips, group: draft.group,
  };
  if (draft.expiry !== "keep") input.expired_time = expiredTime(draft);
  if (!draft.unlimited && token && !token.unlimited_quota) {
    if (draft.delta.trim() !== "") input.quota_delta = integer(draft.delta);
  } else if (!draft.unlimited) {
    input.remain_quota = integer(draft.quota.trim() || "0");
  }
  return input;
}

// A preset counts from when it was chosen: to try again is to ask for the same.
function expiredTime({ expiry, until, at }) {
  if (expiry === "never") return -1;
  return expiry === "at" ? Math.floor(new Date(at).getTime() / 1000) || 0 : until;
}

/** What the API could not tell about a draft, as it would tell it. */
function misfit(draft, adds) {
  const wrong = (message) => new Problem(message, { status: 400, code: "invalid_parameter" });
  const [name, text] = adds ? ["quota_delta", draft.delta] : ["remain_quota", draft.quota];
  if (!draft.unlimited && text.trim() !== "" && typeof integer(text) !== "number") return wrong(`${name} must be a whole number of units, such as 500,000.`);
  if (draft.expiry === "at" && !expiredTime(draft)) return wrong("expired_time must be a date and a time: fill in both.");
  return null;
}

const now = () => Math.floor(Date.now() / 1000);

// Digits may be grouped. What is no integer stays text.
function integer(text) {
  const digits = text.replace(/(?<=\d)[ ,_](?=\d{3}(?!\d))/g, "").trim();
  return /^[-+]?\d+$/.test(digits) && Number.isSafeInteger(Number(digits)) ? Number(digits) : text;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** Name, label and new value of what is no longer as it was. */
function differences(was, is) {
  const shown = [
    ["name", "Name", (t) => t.name],
    ["status", "Status", (t) => statuses[t.status]],
    ["expired_time", "Expires", (t) => (t.expired_time === -1 ? "never" : exact(t.expired_time))],
    ["unlimited_quota", "Unlimited quota", (t) => (t.unlimited_quota ? "yes" : "no")],
    ["remain_quota", "Units left", (t) => number(t.remain_quota)],
    ["model_limits_enabled", "Only certain models", (t) => (t.model_limits_enabled ? "yes" : "no")],
    ["models", "Models", (t) => plain(t.models)],
    ["allow_ips", "Allowed addresses", (t) => plain(t.allow_ips.split("\n").filter(Boolean))],
    ["group", "Group", (t) => t.group || "none"],
    ["key", "Key", (t) => t.key],
  ];
  return shown.filter(([name]) => !same(was[name], is[name])).map(([name, label, value]) => [name, label, value(is)]);
}
