#!/usr/bin/env node
// The query engine of LiteLLM's database client, for make bench-peers. The client starts
// a binary of Prisma and sends it GraphQL over HTTP. No package registry has that
// binary, but the npm package @prisma/client has the same engine of the same release as
// WebAssembly. This program starts as the binary does, takes its requests, and gives
// them to that engine, which reaches PostgreSQL through Prisma's own adapter.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import console from "node:console";
import process from "node:process";
import { URL } from "node:url";
import { Buffer } from "node:buffer";

/* global WebAssembly */
const require = createRequire(`${process.env.QUERY_ENGINE_PACKAGES}/`);
if (process.argv.includes("--version")) {
  console.log(`query-engine ${require("@prisma/engines-version").enginesVersion}`);
  process.exit();
}
const { parse, valueFromASTUntyped } = require("graphql");
const { bindAdapter } = require("@prisma/driver-adapter-utils");
const { PrismaPg } = require("@prisma/adapter-pg");
const { Pool, types } = require("pg");

const runtime = require.resolve("@prisma/client/runtime/query_engine_bg.postgresql.js");
const glue = require(runtime);
const module = new WebAssembly.Module(readFileSync(runtime.replace(/js$/, "wasm")));
glue.__wbg_set_wasm(new WebAssembly.Instance(module, { "./query_engine_bg.js": glue }).exports);

const url = new URL(process.env.DATABASE_URL);
const pool = new Pool({ connectionString: url.href, max: Number(url.searchParams.get("connection_limit") ?? 10) });
// The adapter does not know the type name[], which PostgreSQL's catalogue has.
const nameArray = 1003;
const textArray = 1009;
types.setTypeParser(nameArray, types.getTypeParser(textArray));
const send = pool.query.bind(pool);
pool.query = async (...all) => {
  const found = await send(...all);
  for (const field of found.fields) if (field.dataTypeID === nameArray) field.dataTypeID = textArray;
  return found;
};

const datamodel = readFileSync(process.env.PRISMA_DML_PATH, "utf8");
// typesOf has the type of each field of each model.
const typesOf = new Map();
for (const [, model, lines] of datamodel.matchAll(/^model (\w+) \{$(.*?)^\}$/gms)) {
  typesOf.set(model, new Map(Array.from(lines.matchAll(/^ +(\w+) +(\w+)/gm), ([, name, type]) => [name, type])));
}

const settings = {
  datamodel,
  env: process.env,
  logLevel: "error",
  logQueries: false,
  enableTracing: false,
};
const noTrace = "{}";
const engine = new glue.QueryEngine(settings, () => {}, bindAdapter(new PrismaPg(pool)));
await engine.connect(noTrace);

// toEngine makes a query of the engine's own protocol from one in GraphQL.
function toEngine({ query }) {
  const [field] = parse(query, { noLocation: true }).definitions[0].selectionSet.selections;
  const name = /^(queryRaw|executeRaw|(?:find|create|update|delete|upsert)(?:Unique|First|Many|One)|aggregate|groupBy)(.*?)(OrThrow)?$/;
  const [, action, model, orThrow = ""] = name.exec(field.name.value);
  const wanted = selection(field);
  wanted.arguments = Object.fromEntries(Object.entries(wanted.arguments).map(([argument, value]) => [argument, typed(value, model)]));
  return { modelName: model || undefined, action: action + orThrow, query: wanted };
}

// typed adds the type of JSON to values of these fields of a model. In GraphQL they are
// strings that contain JSON; without their type the engine would store them as strings.
function typed(value, model) {
  if (Array.isArray(value)) return value.map((each) => typed(each, model));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const type = typesOf.get(model)?.get(name);
      if (type === "Json" && typeof inner === "string") return [name, { $type: "Json", value: inner }];
      return [name, typed(inner, typesOf.has(type) ? type : model)];
    }),
  );
}

function selection(field) {
  const fields = field.selectionSet?.selections ?? [];
  return {
    arguments: Object.fromEntries((field.arguments ?? []).map((a) => [a.name.value, valueFromASTUntyped(a.value)])),
    selection: Object.fromEntries(fields.map((f) => [f.name.value, f.selectionSet ? selection(f) : true])),
  };
}

// untyped takes the types off the values of an answer, which GraphQL does not have.
function untyped(value) {
  if (Array.isArray(value)) return value.map(untyped);
  if (value === null || typeof value !== "object") return value;
  if ("$type" in value) return value.$type === "BigInt" ? Number(value.value) : value.value;
  if (value.types && value.rows) return { ...value, rows: value.rows.map((row) => row.map((cell, i) => rawCell(cell, value.types[i]))) };
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, untyped(inner)]));
}

// rawCell reads JSON in the answer to SQL, as the binary does.
const rawCell = (cell, type) => (type === "json" && typeof cell === "string" ? JSON.parse(cell) : cell);

const toGraphQL = (result) => (result.errors ? result : { data: { result: untyped(Object.values(result.data)[0]) } });

async function run(body, transaction) {
  const wanted = body.batch ? { batch: body.batch.map(toEngine), transaction: body.transaction ? {} : undefined } : toEngine(body);
  const result = JSON.parse(await engine.query(JSON.stringify(wanted), noTrace, transaction));
  return result.batchResult ? { batchResult: result.batchResult.map(toGraphQL) } : toGraphQL(result);
}

async function answer(request, body) {
  const [, kind, id, end] = request.url.split("/");
  if (kind === "status") return { status: "ok" };
  if (kind.startsWith("metrics")) return { counters: [], gauges: [], histograms: [] };
  if (kind !== "transaction") return run(JSON.parse(body), request.headers["x-transaction-id"]);
  if (id === "start") return JSON.parse(await engine.startTransaction(body, noTrace));
  return JSON.parse(await (end === "commit" ? engine.commitTransaction(id, noTrace) : engine.rollbackTransaction(id, noTrace)));
}

const server = createServer(async (request, response) => {
  let status = 200;
  let result;
  try {
    const parts = [];
    for await (const part of request) parts.push(part);
    result = await answer(request, Buffer.concat(parts).toString());
  } catch (error) {
    console.error("query engine:", error);
    status = 500;
    result = { errors: [{ error: String(error), user_facing_error: { message: String(error) } }] };
  }
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(result));
});
server.keepAliveTimeout = 600_000;
server.listen(Number(process.argv[process.argv.indexOf("-p") + 1]), "localhost");
for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => process.exit());
