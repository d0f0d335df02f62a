// @ts-check
// Tabs, with the keys of the ARIA Authoring Practices: arrows, Home and End.
import { html, nothing } from "./lib/lit-html.js";

/** @typedef {import("./lib/lit-html.js").TemplateResult} TemplateResult */

/**
 * The tabs of panels, of which one is shown.
 * @param {Record<string, string>} labels by the name of the panel
 * @param {string} chosen
 * @param {(name: string) => void} choose
 */
export function tabList(labels, chosen, choose) {
  const names = Object.keys(labels);
  const press = (/** @type {KeyboardEvent} */ e) => {
    const i = names.indexOf(chosen), last = names.length - 1;
    /** @type {Record<string, number>} */
    const targets = { ArrowLeft: i === 0 ? last : i - 1, ArrowRight: i === last ? 0 : i + 1, Home: 0, End: last };
    const name = names[targets[e.key]];
    if (!name) return;
    e.preventDefault();
    choose(name);
    document.getElementById(`tab-${name}`)?.focus();
  };
  return html`<div class="tablist" role="tablist" aria-label="About the token" @keydown=${press}>${names.map((name) =>
    html`<button type="button" role="tab" id="tab-${name}" aria-controls="panel-${name}" aria-selected=${name === chosen} tabindex=${name === chosen ? 0 : -1} @click=${() => choose(name)}>${labels[name]}</button>`)}</div>`;
}

/**
 * The panel of a tab. What is not shown keeps its elements, and what was typed into them.
 * @param {string} name
 * @param {boolean} isShown
 * @param {TemplateResult | symbol} content
 */
export const tabPanel = (name, isShown, content) =>
  html`<div class="content" role="tabpanel" id="panel-${name}" aria-labelledby="tab-${name}" tabindex=${name === "settings" ? nothing : "0"} ?hidden=${!isShown}>${content}</div>`;
