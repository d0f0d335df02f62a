// The official openai package for Node.
import OpenAI, { toFile } from "openai";

import { makeCase } from "./harness.mjs";

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const described = { name: "get_weather", description: "The weather in a city", parameters };
const tools = [{ type: "function", function: described }];
const flatTools = [{ type: "function", ...described }];

const client = (url, apiKey, more = {}) => new OpenAI({ baseURL: `${url}/v1`, apiKey, ...more });
const asked = (content, more) => ({ model: "gpt-4o", messages: [{ role: "user", content }], ...more });

const chat = (content = "Hello", more = {}, options = {}) => (url, key) =>
  client(url, key, options).chat.completions.create(asked(content, more));

async function all(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

const streamed = (content = "Hello", more = {}) => async (url, key) => all(await chat(content, { stream: true, ...more })(url, key));

async function stopped(url, key) {
  const stream = await chat("Hello do:tokens-400 do:hang-100", { stream: true })(url, key);
  const heard = [];
  for await (const event of stream) {
    heard.push(event);
    if (heard.length === 80) break; // closes the connection
  }
  return heard;
}

async function helper(url, key) {
  const runner = client(url, key).chat.completions.stream(asked("Hello", {}));
  return runner.finalChatCompletion();
}

const fifty = (stream) => async (url, key) => {
  const c = client(url, key);
  const one = async (i) => {
    const answer = await c.chat.completions.create(asked(`Hello do:tokens-${i + 1}`, { stream }));
    return stream ? all(answer) : answer;
  };
  return Promise.all(Array.from({ length: 50 }, (_, i) => one(i)));
};

const wav = () => toFile(Buffer.concat([Buffer.from("RIFF\x24\0\0\0WAVEfmt "), Buffer.alloc(2000)]), "a.wav");
const respond = (input, more) => (url, key) => client(url, key).responses.create({ model: "gpt-4o", input, ...more });

await makeCase("chat", chat());
await makeCase("chat/max tokens", chat("Hello", { max_tokens: 3 }));
await makeCase("chat/three choices", chat("Hello", { n: 3 }));
await makeCase("chat/cached and reasoning", chat("Hello do:cached-12 do:reasoning-40"));
await makeCase("chat/tools", chat("Hello", { tools }));
await makeCase("chat/gzip", chat("Hello do:gzip"));
await makeCase("chat/no usage", chat("Hello do:no-usage"), { kind: "estimate" });
await makeCase("stream", streamed());
await makeCase("stream/usage", streamed("Hello", { stream_options: { include_usage: true } }));
await makeCase("stream/three choices", streamed("Hello", { n: 3 }));
await makeCase("stream/tools", streamed("Hello", { tools }));
await makeCase("stream/helper", helper);
await makeCase("stream/gzip", streamed("Hello do:gzip"));
await makeCase("stream/aborted", stopped, { kind: "partial" });
await makeCase("embeddings", (url, key) => client(url, key).embeddings.create({ model: "text-embedding-3-small", input: ["Hello", "Bye"] }));
await makeCase("responses", respond("Hello do:cached-5 do:reasoning-7"));
await makeCase("responses/tools", respond("Weather?", { tools: flatTools }));
await makeCase("responses/stream", async (url, key) => all(await respond("Hello", { stream: true })(url, key)));
await makeCase("images", (url, key) => client(url, key).images.generate({ model: "gpt-image-1", prompt: "A cat" }));
await makeCase("audio/speech", async (url, key) => {
  const answer = await client(url, key).audio.speech.create({ model: "tts-1", voice: "alloy", input: "Hello" });
  return Buffer.from(await answer.arrayBuffer()).toString("base64");
}, { kind: "estimate" });
await makeCase("audio/transcription", async (url, key) =>
  client(url, key).audio.transcriptions.create({ model: "gpt-4o-transcribe", file: await wav() }));
await makeCase("moderations", (url, key) => client(url, key).moderations.create({ model: "omni-moderation-latest", input: "Hello" }), { kind: "estimate" });
await makeCase("models", async (url, key) => all(client(url, key).models.list()));
await makeCase("fifty", fifty(false));
await makeCase("fifty/stream", fifty(true));
await makeCase("upstream/400", chat("Hello do:error-400"), { error: "BadRequestError", status: 400 });
await makeCase("upstream/500", chat("Hello do:error-500", {}, { maxRetries: 0 }), { error: "InternalServerError", status: 500 });
await makeCase("upstream/429", chat("Hello do:error-429", {}, { maxRetries: 0 }), { kind: "mapped", error: "InternalServerError" });
await makeCase("refused/wrong key", chat(), { kind: "refused", error: "AuthenticationError", key: "sk-nonsense" });
await makeCase("refused/model", chat(), { kind: "refused", error: "PermissionDeniedError", models: ["gpt-5"] });
await makeCase("refused/quota", chat("Hello", { max_tokens: 100 }), { kind: "refused", error: "RateLimitError", quota: 5 });
