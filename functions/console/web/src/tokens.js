// The screen of who is signed in: the tokens as a table.
import { html, nothing } from "./lib/lit-html.js";
import { failure, iconButton, when } from "./parts.js";
import { count, number, statuses } from "./words.js";

const typingPause = 300; // milliseconds
let typing;

export const tokens = (app) => html`<div class="page">
  <header class="bar">
    <h1><img src="/console/icon.svg" alt="" width="28" height="28">Latchkey</h1>
    <nav aria-label="Pages"><a href="/docs">API reference</a></nav>
    <button type="button" @click=${() => app.signOut()}>Sign out</button>
  </header>
  <main>
    <div class="heading"><h2>Tokens</h2><button type="button" id="new-token" class="primary" @click=${() => app.create()}>New token</button></div>
    ${filters(app)}
    ${bulkBar(app)}
    ${results(app)}
  </main>
  ${notices(app)}
</div>`;

// They lie over the page: what is about to be clicked must not move.
const notices = (app) => {
  const { text, problem } = app.state.notice ?? {};
  const dismiss = html`<button type="button" class="quiet" @click=${() => app.set({ notice: null })}>Dismiss</button>`;
  return html`<div class="notices"><div role="status" class="notice">${text ?? ""}</div>${failure(problem, dismiss)}</div>`;
};

const filters = (app) => {
  const { query, refused } = app.state;
  const search = (text) => { clearTimeout(typing); if (text.trim() !== app.state.query.text.trim()) app.find({ text }); };
  return html`<form class="filters" role="search" @submit=${(e) => { e.preventDefault(); search(e.target.elements.text.value); }}>
    <div class="field grow"><label for="search">Search</label>
      <input id="search" name="text" type="search" placeholder="Part of a name, or sk- and the last four of a key" autocomplete="off" .value=${query.text}
        aria-describedby=${refused ? "search-error" : nothing} aria-invalid=${refused ? "true" : nothing}
        @input=${(e) => { clearTimeout(typing); typing = setTimeout(() => search(e.target.value), typingPause); }}>
      ${refused ? html`<p class="error" id="search-error" role="alert">${refused}</p>` : nothing}</div>
    <div class="field"><label for="status">Status</label>
      <select id="status" .value=${query.status} @change=${(e) => app.find({ status: e.target.value })}>
        <option value="">Any</option>${Object.entries(statuses).map(([value, name]) => html`<option value=${value}>${capital(name)}</option>`)}
      </select></div>
    <div class="field"><label for="size">Rows</label>
      <select id="size" .value=${String(query.size)} @change=${(e) => app.find({ size: Number(e.target.value) })}>
        ${[10, 25, 50, 100].map((n) => html`<option value=${n} ?selected=${n === query.size}>${n}</option>`)}
      </select></div>
  </form>`;
};

const bulkBar = (app) => {
  const n = app.state.selected.size;
  if (!n) return nothing;
  return html`<div class="bulk" role="group" aria-label="Selected tokens">
    <span>${n} selected</span>
    <button type="button" @click=${() => app.bulk("enable")}>Enable</button>
    <button type="button" @click=${() => app.bulk("disable")}>Disable</button>
    <button type="button" class="danger" @click=${() => app.bulk("delete")}>Delete</button>
    <button type="button" class="quiet" @click=${() => app.set({ selected: new Set() })}>Clear selection</button>
  </div>`;
};

const results = (app) => {
  const { page, problem, loading, refused } = app.state;
  if (problem) return failure(problem, html`<button type="button" @click=${() => app.load()}>Try again</button>`);
  if (refused) return nothing;
  if (!page) return html`<div class="loading" role="status" aria-busy="true"><span class="sr-only">Loading the tokens…</span>${Array.from({ length: 5 }, () => html`<div class="bone"></div>`)}</div>`;
  return html`<div class=${loading ? "results stale" : "results"} aria-busy=${loading}>${page.items.length ? table(app) : empty(app)}</div>${pager(app)}`;
};

const empty = (app) => {
  const { query, page } = app.state;
  if (query.text.trim() === "" && query.status === "") {
    return html`<div class="empty"><h3>No tokens yet</h3><p>A token lets an application call models: with a quota, an expiry and a list of models, as you choose.</p>
      <button type="button" class="primary" @click=${() => app.create()}>Create the first token</button></div>`;
  }
  return html`<div class="empty"><h3>Nothing found</h3><p>${page.next ? "None of the tokens searched so far matches; there are older ones." : "No token matches the search."}</p>
    <button type="button" @click=${() => app.find({ text: "", status: "" })}>Show all tokens</button></div>`;
};

// The roles are those that the elements have anyway, until the narrow layout
// makes blocks of them.
const table = (app) => {
  const { page, selected } = app.state;
  const ids = page.items.map((token) => token.id);
  const all = ids.every((id) => selected.has(id));
  return html`<table role="table" aria-label="Tokens">
    <thead role="rowgroup"><tr role="row">
      <th role="columnheader" class="choose"><label><input type="checkbox" aria-label="Select all tokens of this page" .checked=${all}
        .indeterminate=${!all && selected.size > 0} @change=${(e) => app.select(ids, e.target.checked)}><span>Select all</span></label></th>
      ${["Name", "Key", "Status", "Quota", "Expires", "Models", "Last used"].map((name) => html`<th role="columnheader" scope="col">${name}</th>`)}
      <th role="columnheader"><span class="sr-only">Actions</span></th>
    </tr></thead>
    <tbody role="rowgroup">${page.items.map((token) => row(app, token))}</tbody>
  </table>`;
};

const row = (app, token) => {
  const { selected, busy } = app.state;
  const off = token.status === 2;
  const wait = busy.has(token.id);
  return html`<tr role="row" class=${selected.has(token.id) ? "selected" : ""} aria-busy=${wait}>
    <td role="cell" class="choose"><input type="checkbox" aria-label="Select ${token.name}" .checked=${selected.has(token.id)} @change=${(e) => app.select([token.id], e.target.checked)}></td>
    <th role="rowheader" scope="row" class="name">${token.name}<span class="aside">#${token.id}${token.group ? ` · ${token.group}` : ""}</span></th>
    <td role="cell" data-label="Key"><code>${token.key}</code>${token.previous_key ? html`<span class="aside">${token.previous_key} ends ${when(token.previous_until)}</span>` : nothing}</td>
    <td role="cell" data-label="Status"><span class="status s${token.status}">${statuses[token.status]}</span></td>
    <td role="cell" data-label="Quota">${quota(token)}</td>
    <td role="cell" data-label="Expires">${token.expired_time === -1 ? "never" : when(token.expired_time)}</td>
    <td role="cell" data-label="Models" class="models">${models(token)}</td>
    <td role="cell" data-label="Last used">${token.used_quota || token.accessed_time > token.created_time ? when(token.accessed_time) : "never"}</td>
    <td role="cell" class="actions">
      ${iconButton("edit", `Edit ${token.name}`, () => app.edit(token), wait)}
      ${iconButton("rotate", `Rotate the key of ${token.name}`, () => app.rotate(token), wait)}
      ${off ? iconButton("enable", `Enable ${token.name}`, () => app.setStatus(token, 1), wait) : iconButton("disable", `Disable ${token.name}`, () => app.setStatus(token, 2), wait)}
      ${iconButton("delete", `Delete ${token.name}`, () => app.delete(token), wait)}
    </td>
  </tr>`;
};

const quota = ({ unlimited_quota: unlimited, remain_quota: left, used_quota: used }) => {
  if (unlimited) return html`unlimited<span class="aside">${number(used)} used</span>`;
  return html`<progress aria-label="Used ${number(used)} of ${number(used + left)}" max=${Math.max(1, used + left)} value=${used}></progress>
    <span class="aside"><b>${number(left)}</b> left, ${number(used)} used</span>`;
};

const models = ({ model_limits_enabled: limited, models: names }) => {
  if (!limited) return "all";
  const shown = names.slice(0, 2).join(", ");
  return names.length > 2 ? html`<span title=${names.join(", ")}>${shown} and ${names.length - 2} more</span>` : shown;
};

const pager = (app) => {
  const { page, query, loading } = app.state;
  const last = Math.max(1, Math.ceil(page.total / query.size));
  const deeper = query.after.length > 0;
  const step = (label, change, possible) => html`<button type="button" aria-disabled=${!possible || loading} @click=${() => possible && !loading && app.load(change)}>${label}</button>`;
  const older = page.next && (deeper || query.page >= last);
  return html`<nav class="pager" aria-label="Pages of tokens">
    ${deeper ? step("Previous", { after: query.after.slice(0, -1) }, true) : step("Previous", { page: query.page - 1 }, query.page > 1)}
    <span role="status">${deeper ? count(page.items.length, "token") : `Page ${number(query.page)} of ${number(last)} · ${count(page.total, "token")}`}</span>
    ${older ? step("Search older tokens", { after: [...query.after, page.next] }, true) : deeper ? nothing : step("Next", { page: query.page + 1 }, query.page < last)}
  </nav>`;
};

const capital = (text) => text[0].toUpperCase() + text.slice(1);
