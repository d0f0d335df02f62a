// Vercel's AI SDK, with the provider @ai-sdk/openai.
import { createOpenAI } from "@ai-sdk/openai";
import { embedMany, experimental_generateSpeech, experimental_transcribe, generateImage, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";

import { makeCase } from "./harness.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;

const provider = (url, apiKey) => createOpenAI({ baseURL: `${url}/v1`, apiKey });
const chatModel = (url, key) => provider(url, key).chat("gpt-4o");
const responsesModel = (url, key) => provider(url, key).responses("gpt-4o");

const tools = {
  get_weather: tool({
    description: "The weather in a city",
    inputSchema: jsonSchema({ type: "object", properties: { city: { type: "string" } }, required: ["city"] }),
    execute: async ({ city }) => `sunny in ${city}`,
  }),
};

const said = ({ text, finishReason, usage, steps }) => ({ text, finishReason, usage, steps: steps.length });

const generated = (model, prompt = "Hello", more = {}) => async (url, key) =>
  said(await generateText({ model: model(url, key), prompt, ...more }));

const streamed = (model, prompt = "Hello", more = {}) => async (url, key) => {
  let failure;
  const answer = streamText({ model: model(url, key), prompt, onError: ({ error }) => { failure = error; }, ...more });
  const pieces = [];
  for await (const piece of answer.textStream) pieces.push(piece);
  if (failure) throw failure;
  return { pieces, usage: await answer.usage, finishReason: await answer.finishReason };
};

async function stopped(url, key) {
  const abort = new AbortController();
  const answer = streamText({ model: chatModel(url, key), prompt: "Hello do:tokens-400 do:hang-100", abortSignal: abort.signal });
  const pieces = [];
  for await (const piece of answer.textStream) {
    pieces.push(piece);
    if (pieces.length === 80) abort.abort();
  }
  return pieces;
}

const loop = { tools, stopWhen: stepCountIs(3) };
const wav = Buffer.concat([Buffer.from("RIFF\x24\0\0\0WAVEfmt "), Buffer.alloc(2000)]);
const once = { maxRetries: 0 };

await makeCase("chat", generated(chatModel));
await makeCase("chat/cached and reasoning", generated(chatModel, "Hello do:cached-12 do:reasoning-40"));
await makeCase("chat/tool loop", generated(chatModel, "Weather?", loop));
await makeCase("chat/gzip", generated(chatModel, "Hello do:gzip"));
await makeCase("chat/stream", streamed(chatModel));
await makeCase("chat/stream tool loop", streamed(chatModel, "Weather?", loop));
await makeCase("chat/aborted", stopped, { kind: "partial" });
await makeCase("responses", generated(responsesModel));
await makeCase("responses/tool loop", generated(responsesModel, "Weather?", { ...loop, providerOptions: { openai: { store: false } } }));
await makeCase("responses/stream", streamed(responsesModel));
await makeCase("embeddings", async (url, key) => {
  const { embeddings, usage } = await embedMany({ model: provider(url, key).embedding("text-embedding-3-small"), values: ["Hello", "Bye"] });
  return { embeddings, usage };
});
await makeCase("images", async (url, key) => (await generateImage({ model: provider(url, key).image("gpt-image-1"), prompt: "A cat" })).image.base64);
await makeCase("audio/speech", async (url, key) =>
  (await experimental_generateSpeech({ model: provider(url, key).speech("tts-1"), text: "Hello" })).audio.base64, { kind: "estimate" });
await makeCase("audio/transcription", async (url, key) =>
  (await experimental_transcribe({ model: provider(url, key).transcription("gpt-4o-transcribe"), audio: wav })).text);
await makeCase("fifty", async (url, key) =>
  Promise.all(Array.from({ length: 50 }, (_, i) => generated(chatModel, `Hello do:tokens-${i + 1}`)(url, key))));
await makeCase("upstream/400", generated(chatModel, "Hello do:error-400"), { error: "APICallError", status: 400 });
await makeCase("upstream/500", generated(chatModel, "Hello do:error-500", once), { error: "APICallError", status: 500 });
await makeCase("upstream/429", generated(chatModel, "Hello do:error-429", once), { kind: "mapped", error: "APICallError", status: 503 });
await makeCase("refused/wrong key", generated(chatModel), { kind: "refused", error: "APICallError", status: 401, key: "sk-nonsense" });
await makeCase("refused/model", generated(chatModel), { kind: "refused", error: "APICallError", status: 403, models: ["gpt-5"] });
await makeCase("refused/quota", generated(chatModel, "Hello", { maxOutputTokens: 100, ...once }), { kind: "refused", error: "APICallError", status: 429, quota: 5 });
