// Uses the types that openapi-typescript generates, with openapi-fetch.
import createClient from "openapi-fetch";
import type { components, paths } from "./latchkey.js";

const most = Number.MAX_SAFE_INTEGER; // the largest integer of the API
const url = process.env["URL"];

const as = (credential?: string) => createClient<paths>({ baseUrl: url ?? "", headers: { Authorization: `Bearer ${credential}` } });

// check throws unless something holds.
function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

// wanted returns the data of an answer.
function wanted<T>(what: string, answer: { data?: { data: T } | undefined; error?: components["schemas"]["Failure"] | undefined }): T {
  if (answer.data === undefined) throw new Error(`${what}: ${answer.error?.code} ${answer.error?.message}`);
  return answer.data.data;
}

const client = as(process.env["ACCESS_TOKEN"]);

const made = wanted("create", await client.POST("/api/token/", {
  body: { name: "production-app", remain_quota: 5000, model_limits_enabled: true, models: ["gpt-4o"] },
}));
check(made.key.startsWith("sk-") && made.remain_quota === 5000 && made.models[0] === "gpt-4o", `create: got ${made.remain_quota} units`);

const page = wanted("list", await client.GET("/api/token/", { params: { query: { ps: 20 } } }));
check(page.page_size === 20 && page.items[0]?.id === made.id, `list: got ${page.page_size} on a page`);

const id = { params: { path: { id: made.id } } };
const shown = wanted("get", await client.GET("/api/token/{id}", id));
check(shown.key !== made.key && shown.name === "production-app" && shown.expired_time === -1, `get: got the name ${shown.name}`);

const changed = wanted("update", await client.PUT("/api/token/", { body: { id: made.id, name: "renamed", remain_quota: most } }));
check(changed.name === "renamed" && changed.remain_quota === most, `update: got ${changed.remain_quota} units`);

const key = as(made.key);
const verdict = wanted("verify", await key.POST("/api/token/verify", { body: { model: "gpt-4o", quota: 7 } }));
check(verdict.valid && verdict.remain_quota === most - 7, `verify: got ${verdict.remain_quota} units`);
const refused = wanted("verify another model", await key.POST("/api/token/verify", { body: { model: "o9" } }));
check(!refused.valid && refused.code === "model_not_allowed", `verify another model: got ${refused.code}`);

const bad = await client.POST("/api/token/", { body: { name: "late", expired_time: 1 } });
check(bad.error?.code === "invalid_parameter" && bad.error.message.startsWith("expired_time is in the past"), `got ${bad.error?.message}`);

const deleted = await client.DELETE("/api/token/{id}", id);
check(deleted.data?.success === true, `delete: ${deleted.error?.message}`);
const gone = await client.GET("/api/token/{id}", id);
check(gone.error?.code === "token_not_found", `get after delete: got ${gone.error?.code}`);
