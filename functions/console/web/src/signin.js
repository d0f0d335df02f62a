// @ts-check
import { html, nothing } from "./lib/lit-html.js";
import { field } from "./parts.js";

/**
 * The screen for signing in.
 * @param {import("./app.js").App} app
 */
export const signInScreen = (app) => {
  const { signingIn, signInProblem } = app.state;
  return html`<main class="sign-in">
    <h1><img src="console/icon.svg" alt="" width="40" height="40">Latchkey</h1>
    ${isSecureContext ? nothing : html`<p class="warning">This page came over plain http: your access token and new keys are sent unencrypted. Use it only in a network that you trust.</p>`}
    <form novalidate @submit=${(e) => { e.preventDefault(); if (!signingIn) app.signIn(e.target.elements.access.value.trim()); }}>
      ${field({
        name: "access", label: "Access token", error: signInProblem?.message,
        hint: "Ask your operator for one. It starts with at- and is kept in this tab until you sign out or close the tab.",
      }, ({ id, describedBy, invalid }) => html`<input id=${id} name="access" type="password" autocomplete="off" spellcheck="false" autofocus
          aria-describedby=${describedBy} aria-invalid=${invalid}>`)}
      <div role="status" class="sr-only">${signInProblem?.message ?? ""}</div>
      <button class="primary" aria-disabled=${signingIn} aria-busy=${signingIn}>${signingIn ? "Signing in…" : "Sign in"}</button>
    </form>
    <p class="aside"><a href="docs">API reference</a></p>
  </main>`;
};
