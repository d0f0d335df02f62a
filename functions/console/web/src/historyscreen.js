// @ts-check
// The history page: who has changed tokens, webhooks and the account.
import { html } from "./lib/lit-html.js";
import { frame } from "./frame.js";
import { trailView } from "./trailview.js";

/** @param {import("./app.js").App} app */
export const historyScreen = (app) => frame(app, html`
  <div class="heading"><h2 tabindex="-1">History</h2></div>
  <p class="aside">Who has changed your tokens, your webhooks and your account, the newest change first. Uses of keys are not in it.</p>
  <section class="card" aria-label="Changes">${trailView(app.trail)}</section>`);
