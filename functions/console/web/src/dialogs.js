// @ts-check
// The dialogs for rotation, deletion, bulk changes, and a new key.
import { html } from "./lib/lit-html.js";
import { copyText } from "./copy.js";
import { examples } from "./examples.js";
import { field, modal, problemBox, relativeTime } from "./parts.js";
import { Problem } from "./problem.js";
import { formatCount } from "./words.js";

/** @typedef {import("./app.js").App} App */
/** @typedef {import("./state.js").Dialog} Dialog */
/** @typedef {import("./api.js").Token} Token */
/** @typedef {"enable" | "disable" | "delete"} BulkAction */

/** @type {[string, number][]} */
const gracePeriods = [["immediately", 0], ["in 1 hour", 3600], ["in 1 day", 86_400], ["in 7 days", 604_800]];

/**
 * @param {App} app
 * @param {Token} token
 * @returns {Dialog}
 */
export function rotateDialog(app, token) {
  let graceSeconds = 0;
  /** @type {Dialog} */
  const dialog = { busy: false, problem: null, view };
  const rotate = () => app.dialogs.submit(dialog, [token.id, graceSeconds], (api, idempotencyKey) => api.rotate(token.id, graceSeconds, idempotencyKey),
    ({ data }) => app.dialogs.showKey(data, `${data.name} has a new key`));
  function view() {
    return modal({
      title: `Rotate the key of ${token.name}`, action: "Rotate", submit: rotate, close: () => app.dialogs.close(),
      busy: dialog.busy, locked: dialog.problem?.outcomeUnknown,
    }, html`
      ${problemBox(dialog.problem)}
      <p>The token gets a new key and keeps its ID, quota and usage.</p>
      ${token.leaked_time ? html`<p class="warning">Somebody found the old key and revoked it ${relativeTime(token.leaked_time)}. It doesn't work any more. Look for where it was published before you use the new one there.</p>` : field({ name: "grace", label: "The old key expires" }, ({ id }) => html`<select id=${id} @change=${(e) => { graceSeconds = Number(e.target.value); }}>
        ${gracePeriods.map(([label, seconds]) => html`<option value=${seconds}>${label}</option>`)}</select>`)}`);
  }
  return dialog;
}

/**
 * @param {App} app
 * @param {Token} token
 * @returns {Dialog}
 */
export function deleteDialog(app, token) {
  return confirmDialog(app, {
    title: `Delete ${token.name}`, confirmation: token.name, action: "Delete",
    text: "Its key stops working immediately, and its usage is deleted. This can't be undone.",
  }, (dialog) => app.dialogs.submit(dialog, token.id, (api) => deleteUnchanged(api, token), () => app.dialogs.finish(`${token.name} is deleted.`)));
}

/**
 * Deletes a token, unless its name is no longer the one that the user typed.
 * @param {import("./api.js").Api} api
 * @param {Token} token
 */
async function deleteUnchanged(api, token) {
  try {
    const { data, etag } = await api.get(token.id);
    if (data.name !== token.name) throw new Problem(`This token was not deleted: it is now named ${data.name}. Check whether you still want to delete it.`, { status: 412 });
    await api.delete(token.id, etag);
  } catch (error) {
    const isDeleted = error instanceof Problem && error.code === "token_not_found";
    if (!isDeleted) throw error;
  }
}

/**
 * @param {App} app
 * @param {BulkAction} action
 * @param {number[]} ids
 * @returns {Dialog}
 */
export function bulkDialog(app, action, ids) {
  const tokens = formatCount(ids.length, "token");
  if (action === "delete") {
    return confirmDialog(app, {
      title: `Delete ${tokens}`, confirmation: `delete ${ids.length}`, action: "Delete",
      text: "Their keys stop working immediately, and their usage is deleted. This can't be undone.",
    }, (dialog) => app.dialogs.submit(dialog, ids, (api, idempotencyKey) => api.deleteMany(ids, idempotencyKey), ({ results }) => app.dialogs.finishBulk("deleted", results)));
  }
  /** @type {Dialog} */
  const dialog = { busy: false, problem: null, view };
  const enables = action === "enable";
  const change = () => app.dialogs.submit(dialog, ids, (api, idempotencyKey) => api.setStatusOfMany(ids, enables ? 1 : 2, idempotencyKey),
    ({ results }) => app.dialogs.finishBulk(`${action}d`, results));
  function view() {
    const label = enables ? "Enable" : "Disable";
    return modal({ title: `${label} ${tokens}`, action: label, submit: change, close: () => app.dialogs.close(), busy: dialog.busy }, html`${problemBox(dialog.problem)}
      <p>${enables ? "Their keys work again, unless they have expired or have no quota left." : "Their keys are refused until you enable the tokens again."}</p>`);
  }
  return dialog;
}

/**
 * A dialog for a deletion, which the user confirms by typing a given text.
 * @param {App} app
 * @param {{ title: string, text: string, confirmation: string, action: string }} options
 * @param {(dialog: Dialog) => void} submit
 * @returns {Dialog}
 */
function confirmDialog(app, { title, text, confirmation, action }, submit) {
  let typed = "";
  /** @type {Dialog} */
  const dialog = { busy: false, problem: null, view };
  function view() {
    return modal({
      title, action, danger: true, submit: () => submit(dialog), close: () => app.dialogs.close(),
      busy: dialog.busy, disabled: typed.trim() !== confirmation,
    }, html`
      ${problemBox(dialog.problem)}
      <p>${text}</p>
      ${field({ name: "confirm", label: html`Type <b class="typed">${confirmation}</b> to confirm` }, ({ id }) => html`<input id=${id} autocomplete="off" spellcheck="false"
        @input=${(e) => { typed = e.target.value; app.set({}); }}>`)}`);
  }
  return dialog;
}

const doubleClickMs = 700; // the second click of a double click on Create must not close the dialog

/**
 * A dialog that shows a new key, once. Only its button closes it.
 * @param {App} app
 * @param {Token} token
 * @param {string} title
 * @returns {Dialog}
 */
export function keyDialog(app, token, title) {
  let language = "curl", copyStatus = "";
  const openedAt = performance.now();
  const close = () => { if (performance.now() - openedAt > doubleClickMs) app.dialogs.close(); };
  const codes = examples(new URL(".", location.href).href.slice(0, -1), token.key);
  /** @type {Dialog} */
  const dialog = { showsKey: true, problem: null, view };
  const copy = async (/** @type {string} */ what, /** @type {string} */ id, /** @type {string} */ text) => {
    copyStatus = await copyText(text, id) ? `The ${what} is copied.` : `Your browser doesn't let this page copy. Copy the selected ${what} by hand.`;
    app.set({});
  };
  function view() {
    const code = codes[language];
    return modal({ title, close, closeOnEscape: false, closeLabel: "I have saved the key", wide: true }, html`
      ${problemBox(dialog.problem)}
      <p class="warning">Copy the key now. You won't see it again.</p>
      ${field({ name: "key", label: "Key" }, ({ id }) => html`<div class="copy"><input id=${id} readonly spellcheck="false" .value=${token.key} @focus=${(e) => e.target.select()}>
        <button type="button" class="primary" @click=${() => copy("key", "field-key", token.key)}>Copy</button></div>`)}
      <div role="status" class="aside">${copyStatus}</div>
      <fieldset class="tabs"><legend>Check the remaining quota with</legend>
        ${Object.keys(codes).map((name) => html`<label><input type="radio" name="language" value=${name} .checked=${name === language}
          @change=${() => { language = name; app.set({}); }}>${name}</label>`)}</fieldset>
      <pre id="example" tabindex="0" aria-label="Example in ${language}"><code>${code}</code></pre>
      <button type="button" @click=${() => copy("example", "example", code)}>Copy the example</button>`);
  }
  return dialog;
}
