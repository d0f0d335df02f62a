// @ts-check
// Copies text to the clipboard, also on plain http.

/**
 * Copies a text and reports whether that worked. It selects the element that
 * shows the text: browsers other than Chromium need a selection to copy without
 * navigator.clipboard, and the user can copy it by hand if all else fails.
 * @param {string} text
 * @param {string} id of the element
 */
export async function copyText(text, id) {
  try {
    // eslint-disable-next-line no-restricted-properties -- the catch covers its absence
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    select(id);
    return copySelected(text);
  }
}

/** @param {string} id */
function select(id) {
  const element = document.getElementById(id);
  if (element instanceof HTMLInputElement) element.select();
  else if (element) getSelection()?.selectAllChildren(element);
}

/**
 * Copies a text in place of what is selected, which may be shown differently.
 * @param {string} text
 */
function copySelected(text) {
  let isCopied = false;
  const onCopy = (/** @type {ClipboardEvent} */ event) => {
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
    isCopied = event.clipboardData !== null;
  };
  document.addEventListener("copy", onCopy, { capture: true });
  const isAllowed = document.execCommand("copy"); // deprecated, but the only way without navigator.clipboard
  document.removeEventListener("copy", onCopy, { capture: true });
  return isAllowed && isCopied;
}
