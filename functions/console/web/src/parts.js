// @ts-check
// Parts that several screens and dialogs share.
import { html, nothing } from "./lib/lit-html.js";
import { formatExact, formatRelative, formatShort } from "./words.js";

/** @typedef {import("./lib/lit-html.js").TemplateResult} TemplateResult */
/** @typedef {import("./lib/lit-html.js").TemplateValue} TemplateValue */
/** @typedef {import("./problem.js").Problem} Problem */

const iconPaths = {
  edit: "M4 20h4L19 9l-4-4L4 16v4Zm9-13 4 4",
  rotate: "M20 11a8 8 0 0 0-14-4L4 9m0-5v5h5m-5 4a8 8 0 0 0 14 4l2-2m0 5v-5h-5",
  disable: "M12 3v8m5.7-5a8 8 0 1 1-11.4 0",
  enable: "M7 4l12 8-12 8V4Z",
  delete: "M4 7h16M9 7V4h6v3m3 0-1 13H7L6 7m4 4v5m4-5v5",
};

/** @typedef {keyof typeof iconPaths} IconName */

/** @param {IconName} name */
const icon = (name) => html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d=${iconPaths[name]}></path></svg>`;

/**
 * A button that shows only an icon. The label names the action and its target.
 * It uses aria-disabled, because a button with `disabled` loses the focus. The
 * second click of a double click is ignored: the row may have moved.
 * @param {IconName} name
 * @param {string} label
 * @param {() => unknown} click
 */
export const iconButton = (name, label, click, disabled = false) =>
  html`<button type="button" class="icon" aria-label=${label} title=${label} aria-disabled=${disabled} @click=${(e) => e.detail > 1 || disabled || click()}>${icon(name)}</button>`;

/**
 * A relative time, with the exact time as its tooltip.
 * @param {number} seconds Unix time
 */
export const relativeTime = (seconds) =>
  html`<time datetime=${new Date(seconds * 1000).toISOString()} title=${formatExact(seconds)}>${formatRelative(seconds)}</time>`;

/**
 * A short time, with the exact time as its tooltip.
 * @param {number} seconds Unix time
 */
export const exactTime = (seconds) =>
  html`<time datetime=${new Date(seconds * 1000).toISOString()} title=${formatExact(seconds)}>${formatShort(seconds)}</time>`;

/**
 * An error message with its request ID, which the operator needs to find it
 * in the log.
 * @param {Problem | null | undefined} problem
 * @param {TemplateValue[]} actions
 */
export const problemBox = (problem, ...actions) =>
  problem
    ? html`<div class="problem" role="alert" tabindex="-1"><p>${problem.message}</p>${problem.requestId ? html`<p class="aside">Request ID ${problem.requestId}</p>` : nothing}${actions}</div>`
    : nothing;

/**
 * A labelled control with a hint and an error message, which screen readers
 * read with it. `control` returns the control for the given attribute values.
 * @param {{ name: string, label: string | TemplateResult, hint?: string | TemplateResult, error?: string }} options
 * @param {(attributes: { id: string, describedBy: TemplateValue, invalid: TemplateValue }) => TemplateResult} control
 */
export function field({ name, label, hint, error }, control) {
  const id = `field-${name}`;
  const ids = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return html`<div class="field" data-field=${name}>
    <label for=${id}>${label}</label>
    ${control({ id, describedBy: ids || nothing, invalid: error ? "true" : nothing })}
    ${hint ? html`<p class="hint" id="${id}-hint">${hint}</p>` : nothing}
    ${error ? html`<p class="error" id="${id}-error">${error}</p>` : nothing}
  </div>`;
}

/**
 * A labelled switch.
 * @param {string} name
 * @param {string} label
 * @param {boolean} checked
 * @param {(checked: boolean) => void} change
 */
export const toggle = (name, label, checked, change) =>
  html`<label class="switch"><input type="checkbox" role="switch" name=${name} .checked=${checked} @change=${(e) => change(e.target.checked)}><span>${label}</span></label>`;

/**
 * Options of a modal dialog.
 * @typedef {object} ModalOptions
 * @property {string} title
 * @property {() => void} close
 * @property {string} [closeLabel]
 * @property {boolean} [closeOnEscape] true by default
 * @property {() => unknown} [submit] without it the dialog has only a close button
 * @property {string} [action] the label of the submit button
 * @property {boolean} [danger] whether the action destroys something
 * @property {boolean} [busy] whether a request is running: the dialog can't be closed
 * @property {boolean} [disabled] whether the submit button is disabled
 * @property {boolean} [locked] whether the fields are disabled; the dialog can still be submitted
 * @property {boolean} [wide]
 */

/**
 * A modal dialog. Browsers that don't know closedby close a dialog at the
 * second Escape whatever the page says; it is opened again then.
 * @param {ModalOptions} options
 * @param {TemplateResult} content
 */
export function modal(options, content) {
  const { title, close, closeLabel = "Cancel", closeOnEscape = true, submit, busy = false, disabled = false, locked = false, wide = false } = options;
  const staysOpen = !closeOnEscape || busy;
  const onCancel = (/** @type {Event} */ e) => { e.preventDefault(); if (!staysOpen) close(); };
  const onClose = (/** @type {Event & { target: HTMLDialogElement }} */ { target }) => {
    if (!target.isConnected) return;
    if (staysOpen) target.showModal();
    else close();
  };
  const onSubmit = (/** @type {Event} */ e) => { e.preventDefault(); if (submit && !busy && !disabled) submit(); };
  return html`<dialog aria-labelledby="dialog-title" class=${wide ? "wide" : ""} closedby=${staysOpen ? "none" : "closerequest"} @cancel=${onCancel} @close=${onClose}>
    <form novalidate @submit=${onSubmit}>
      <h2 id="dialog-title">${title}</h2>
      <fieldset class="content" ?disabled=${locked}>${content}</fieldset>
      <footer>
        ${submit ? html`<button type="button" ?disabled=${busy} @click=${close}>${closeLabel}</button>${submitButton(options)}`
        : html`<button type="button" class="primary" @click=${close}>${closeLabel}</button>`}
      </footer>
    </form>
  </dialog>`;
}

/** @param {ModalOptions} options */
const submitButton = ({ action, danger = false, busy = false, disabled = false }) =>
  html`<button class=${danger ? "danger" : "primary"} ?disabled=${disabled} aria-disabled=${busy} aria-busy=${busy}>${busy ? "Working…" : action}</button>`;

/**
 * Moves the focus to the first element that matches.
 * @param {ParentNode} root
 * @param {string} selector
 */
export function focusFirst(root, selector) {
  /** @type {HTMLElement | null} */ (root.querySelector(selector))?.focus();
}
