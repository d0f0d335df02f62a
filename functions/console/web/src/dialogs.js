// The dialogs that ask for little: rotation, deletion, several at once, and
// the one that shows a new key.
import { html } from "./lib/lit-html.js";
import { Problem } from "./api.js";
import { failure, field, modal } from "./parts.js";
import { examples } from "./examples.js";
import { count } from "./words.js";

const graces = [["at once", 0], ["in 1 hour", 3600], ["in 1 day", 86_400], ["in 7 days", 604_800]];

export function rotateDialog(app, token) {
  const dialog = { grace: 0, busy: false, problem: null, view };
  const rotate = () => app.work(dialog, [token.id, dialog.grace], (api, once) => api.rotate(token.id, dialog.grace, once),
    ({ data }) => app.showKey(data, `${data.name} has a new key`));
  function view() {
    return modal({ title: `Rotate the key of ${token.name}`, close: () => app.close(), submit: rotate, busy: dialog.busy, frozen: dialog.problem?.doubtful, action: "Rotate" }, html`
      ${failure(dialog.problem)}
      <p>The token gets a new key, and keeps its id, quota and history.</p>
      ${field({ name: "grace", label: "The old key ends" }, ({ id }) => html`<select id=${id} @change=${(e) => { dialog.grace = Number(e.target.value); }}>
        ${graces.map(([label, seconds]) => html`<option value=${seconds}>${label}</option>`)}</select>`)}`);
  }
  return dialog;
}

export function deleteDialog(app, token) {
  const remove = (dialog) => app.work(dialog, token.id, async (api) => {
    try {
      const { data, etag } = await api.get(token.id);
      if (data.name !== token.name) throw new Problem(`This token is called ${data.name} by now, and is not deleted: look at it first.`, { status: 412 });
      await api.delete(token.id, etag);
    } catch (problem) {
      if (problem.code !== "token_not_found") throw problem; // gone is what was wanted
    }
  }, () => app.finish(`${token.name} is deleted.`));
  return confirmation(app, {
    title: `Delete ${token.name}`, word: token.name, action: "Delete",
    text: "Its key stops working at once, and its history is gone. This can't be undone.",
  }, remove);
}

export function bulkDialog(app, what, ids) {
  const tokens = count(ids.length, "token");
  if (what === "delete") {
    return confirmation(app, {
      title: `Delete ${tokens}`, word: `delete ${ids.length}`, action: "Delete",
      text: "Their keys stop working at once, and their history is gone. This can't be undone.",
    }, (dialog) => app.work(dialog, ids, (api, once) => api.deleteAll(ids, once), ({ results }) => app.finishAll("deleted", results)));
  }
  const dialog = { busy: false, problem: null, view };
  const status = what === "enable" ? 1 : 2;
  const change = () => app.work(dialog, ids, (api, once) => api.setStatusAll(ids, status, once), ({ results }) => app.finishAll(`${what}d`, results));
  function view() {
    const action = what === "enable" ? "Enable" : "Disable";
    return modal({ title: `${action} ${tokens}`, close: () => app.close(), submit: change, busy: dialog.busy, action }, html`${failure(dialog.problem)}
      <p>${status === 1 ? "Their keys work again, unless they are expired or have no quota left." : "Their keys are refused until they are enabled again."}</p>`);
  }
  return dialog;
}

// A deletion is confirmed by typing a word.
function confirmation(app, { title, text, word, action }, submit) {
  const dialog = { typed: "", busy: false, problem: null, view };
  function view() {
    return modal({ title, close: () => app.close(), submit: () => submit(dialog), busy: dialog.busy, action, danger: true, disabled: dialog.typed.trim() !== word }, html`
      ${failure(dialog.problem)}
      <p>${text}</p>
      ${field({ name: "confirm", label: html`Type <b class="typed">${word}</b> to confirm` }, ({ id }) => html`<input id=${id} autocomplete="off" spellcheck="false"
        @input=${(e) => { dialog.typed = e.target.value; app.set({}); }}>`)}`);
  }
  return dialog;
}

const notMeant = 700; // milliseconds: a second click, on what was Create, says nothing

// Selects what an element shows, to be copied by hand.
function select(id) {
  const element = document.getElementById(id);
  if (element?.select) element.select();
  else if (element) getSelection().selectAllChildren(element);
}

/** Shows a key once. It is left only by saying so, for it can't be had again. */
export function keyDialog(app, token, title) {
  const dialog = { keeps: true, language: "curl", copied: "", view }; // keeps: leaving the page would lose something
  const copy = async (what, id, text) => {
    try {
      await navigator.clipboard.writeText(text);
      dialog.copied = `The ${what} is copied.`;
    } catch {
      select(id);
      dialog.copied = `The browser does not let this page copy: copy the ${what} by hand.`;
    }
    app.set({});
  };
  const opened = performance.now();
  const close = () => { if (performance.now() - opened > notMeant) app.close(); };
  const all = examples(location.origin, token.key);
  function view() {
    const code = all[dialog.language];
    return modal({ title, close, sticky: true, closeLabel: "I have saved the key", wide: true }, html`
      <p class="warning">Copy the key now: you won't see it again.</p>
      ${field({ name: "key", label: "Key" }, ({ id }) => html`<div class="copy"><input id=${id} readonly spellcheck="false" .value=${token.key} @focus=${(e) => e.target.select()}>
        <button type="button" class="primary" @click=${() => copy("key", "field-key", token.key)}>Copy</button></div>`)}
      <div role="status" class="aside">${dialog.copied}</div>
      <fieldset class="tabs"><legend>Ask what it has left, with</legend>
        ${Object.keys(all).map((name) => html`<label><input type="radio" name="language" value=${name} .checked=${name === dialog.language}
          @change=${() => { dialog.language = name; app.set({}); }}>${name}</label>`)}</fieldset>
      <pre id="example" tabindex="0" aria-label="Example in ${dialog.language}"><code>${code}</code></pre>
      <button type="button" @click=${() => copy("example", "example", code)}>Copy the example</button>`);
  }
  return dialog;
}
