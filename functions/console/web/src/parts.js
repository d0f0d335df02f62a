// What several views are made of.
import { html, nothing } from "./lib/lit-html.js";
import { exact, fromNow } from "./words.js";

const paths = {
  edit: "M4 20h4L19 9l-4-4L4 16v4Zm9-13 4 4",
  rotate: "M20 11a8 8 0 0 0-14-4L4 9m0-5v5h5m-5 4a8 8 0 0 0 14 4l2-2m0 5v-5h-5",
  disable: "M12 3v8m5.7-5a8 8 0 1 1-11.4 0",
  enable: "M7 4l12 8-12 8V4Z",
  delete: "M4 7h16M9 7V4h6v3m3 0-1 13H7L6 7m4 4v5m4-5v5",
};

const icon = (name) => html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d=${paths[name]}></path></svg>`;

// A button that is aria-disabled keeps the focus, in the place of disabled.

/** A button that is only a picture; label says what it does, and to what. */
export const iconButton = (name, label, click, disabled = false) =>
  html`<button type="button" class="icon" aria-label=${label} title=${label} aria-disabled=${disabled} @click=${(e) => e.detail > 1 || disabled || click()}>${icon(name)}</button>`;

/** A time in words, and exactly on hover. */
export const when = (second) =>
  html`<time datetime=${new Date(second * 1000).toISOString()} title=${exact(second)}>${fromNow(second)}</time>`;

/** What went wrong, with the id under which the operator finds it. */
export const failure = (problem, ...actions) =>
  problem
    ? html`<div class="problem" role="alert" tabindex="-1"><p>${problem.message}</p>${problem.requestId ? html`<p class="aside">Request ${problem.requestId}</p>` : nothing}${actions}</div>`
    : nothing;

/**
 * A labelled control with its hint and its error, which screen readers tell
 * with it. control gets the attributes' values: {id, describedBy, invalid}.
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

/** A switch with its label. */
export const toggle = (name, label, checked, change) =>
  html`<label class="switch"><input type="checkbox" role="switch" name=${name} .checked=${checked} @change=${(e) => change(e.target.checked)}><span>${label}</span></label>`;

/**
 * A modal dialog. Escape closes it unless it is sticky, or busy; a browser that
 * closes it all the same, as some do for a second Escape, has to show it again.
 * Without submit there is only close, and Enter in a field does nothing. What
 * is frozen can be submitted again as it is, and not changed.
 */
export function modal({ title, close, sticky = false, busy = false, submit, action, danger = false, disabled = false, frozen = false, closeLabel = "Cancel", wide = false }, content) {
  return html`<dialog aria-labelledby="dialog-title" class=${wide ? "wide" : ""}
      @cancel=${(e) => { e.preventDefault(); if (!sticky && !busy) close(); }}
      @close=${(e) => { if (e.target.isConnected) sticky || busy ? e.target.showModal() : close(); }}>
    <form novalidate @submit=${(e) => { e.preventDefault(); if (submit && !busy && !disabled) submit(); }}>
      <h2 id="dialog-title">${title}</h2>
      <fieldset class="content" ?disabled=${frozen}>${content}</fieldset>
      <footer>
        ${submit ? html`<button type="button" ?disabled=${busy} @click=${close}>${closeLabel}</button>
          <button class=${danger ? "danger" : "primary"} ?disabled=${disabled} aria-disabled=${busy} aria-busy=${busy}>${busy ? "One moment…" : action}</button>`
        : html`<button type="button" class="primary" @click=${close}>${closeLabel}</button>`}
      </footer>
    </form>
  </dialog>`;
}
