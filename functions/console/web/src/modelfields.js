// @ts-check
// The fields of the editor for the models that a token may use.
import { html } from "./lib/lit-html.js";
import { field, toggle } from "./parts.js";

/** @typedef {import("./settingfields.js").FieldsOptions} FieldsOptions */
/** @typedef {Pick<FieldsOptions, "draft" | "edit">} ModelsOptions */

/** @param {FieldsOptions} options */
export function modelFields(options) {
  const { draft: { limited, models }, edit, errorOf } = options;
  const limitedToggle = toggle("limited", "Only certain models", limited, (checked) => edit({ limited: checked }));
  if (!limited) return limitedToggle;
  const remove = (/** @type {string} */ name) => {
    edit({ models: models.filter((other) => other !== name) });
    modelInput()?.focus();
  };
  return html`${limitedToggle}
    ${field({ name: "models", label: "Models", error: errorOf("models"), hint: "Press Enter or comma to add a model. gpt-5* allows every model whose name begins with gpt-5." }, ({ id, describedBy, invalid }) => html`<div class="chips">
      ${models.map((name) => html`<span class="chip">${name}<button type="button" aria-label="Remove ${name}" @click=${() => remove(name)}>×</button></span>`)}
      <input id=${id} autocomplete="off" spellcheck="false" aria-describedby=${describedBy} aria-invalid=${invalid} @keydown=${(e) => onKey(options, e)} @change=${() => addTypedModel(options)}
        @paste=${(e) => onPaste(options, e)}>
    </div>`)}`;
}

/**
 * @param {FieldsOptions} options
 * @param {KeyboardEvent & { target: HTMLInputElement }} event
 */
function onKey(options, event) {
  const { draft: { models }, edit } = options;
  if (event.isComposing) return;
  if (event.key === "," || (event.key === "Enter" && event.target.value.trim() !== "")) {
    event.preventDefault();
    addTypedModel(options);
  } else if (event.key === "Backspace" && event.target.value === "" && models.length > 0) {
    edit({ models: models.slice(0, -1) });
  }
}

/**
 * Splits a pasted list itself: an input of one line would drop the line ends.
 * @param {FieldsOptions} options
 * @param {ClipboardEvent} event
 */
function onPaste(options, event) {
  const text = event.clipboardData?.getData("text") ?? "";
  if (!/[,\n]/.test(text)) return;
  event.preventDefault();
  addModels(options, text);
}

/**
 * Adds what is typed and not entered yet.
 * @param {ModelsOptions} options
 */
export function addTypedModel(options) {
  const input = modelInput();
  if (!input?.value.trim()) return;
  const text = input.value;
  input.value = "";
  addModels(options, text);
}

/**
 * @param {ModelsOptions} options
 * @param {string} text
 */
function addModels({ draft, edit }, text) {
  const names = text.split(/[,\n]/).map((name) => name.trim()).filter(Boolean);
  edit({ models: [...new Set([...draft.models, ...names])] });
}

const modelInput = () => /** @type {HTMLInputElement | null} */ (document.getElementById("field-models"));
