"""litellm, with the provider openai."""
import asyncio
import itertools

import litellm

from harness import case

litellm.suppress_debug_info = True

TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "The weather in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}}]


def asked(text, **more):
    return {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": text}], **more}


def said(answer):
    """Returns what an answer says. litellm gives some of them a random id."""
    body = answer.model_dump(mode="json")
    return {k: body.get(k) for k in ("choices", "usage", "data", "text", "results", "output", "model")}


def chat(text="Hello", **more):
    return lambda url, key: said(litellm.completion(api_base=url + "/v1", api_key=key, **asked(text, **more)))


def streamed(text="Hello", **more):
    return lambda url, key: [said(c) for c in litellm.completion(api_base=url + "/v1", api_key=key, stream=True, **asked(text, **more))]


def stopped(url, key):
    stream = litellm.completion(api_base=url + "/v1", api_key=key, stream=True, **asked("Hello do:tokens-400 do:hang-100"))
    heard = [said(c) for c in itertools.islice(stream, 80)]
    stream.completion_stream.close()
    return heard


def called(function, **more):
    return lambda url, key: said(function(api_base=url + "/v1", api_key=key, **more))


def fifty(url, key):
    async def every():
        return await asyncio.gather(*(
            litellm.acompletion(api_base=url + "/v1", api_key=key, **asked(f"Hello do:tokens-{i + 1}")) for i in range(50)))
    return [said(a) for a in asyncio.run(every())]


WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(2000)

case("chat", chat())
case("chat/max tokens", chat(max_tokens=3))
case("chat/three choices", chat(n=3))
case("chat/cached and reasoning", chat("Hello do:cached-12 do:reasoning-40"))
case("chat/tools", chat(tools=TOOLS))
case("chat/no usage", chat("Hello do:no-usage"), kind="estimate")
case("stream", streamed())
case("stream/usage", streamed(stream_options={"include_usage": True}))
case("stream/tools", streamed(tools=TOOLS))
case("stream/aborted", stopped, kind="partial")
case("text completion", called(litellm.text_completion, model="openai/gpt-3.5-turbo-instruct", prompt="Hello"))
case("embeddings", called(litellm.embedding, model="openai/text-embedding-3-small", input=["Hello", "Bye"]))
case("responses", called(litellm.responses, model="openai/gpt-4o", input="Hello"))
case("images", called(litellm.image_generation, model="openai/gpt-image-1", prompt="A cat"))
case("audio/transcription", called(litellm.transcription, model="openai/gpt-4o-transcribe", file=("a.wav", WAV)))
case("audio/speech", lambda url, key: litellm.speech(api_base=url + "/v1", api_key=key, model="openai/tts-1", voice="alloy", input="Hello").content, kind="estimate")
case("moderations", called(litellm.moderation, model="openai/omni-moderation-latest", input="Hello"), kind="estimate")
case("fifty", fifty)
case("upstream/400", chat("Hello do:error-400"), error="BadRequestError")
case("upstream/500", chat("Hello do:error-500", max_retries=0), error="InternalServerError")
case("upstream/429", chat("Hello do:error-429", max_retries=0), kind="mapped", error="ServiceUnavailableError")
case("refused/wrong key", chat(), kind="refused", error="AuthenticationError", key="sk-nonsense")
# This version of litellm knows no other type for a 403 of the provider openai.
case("refused/model", chat(), kind="refused", error="APIError", models=["gpt-5"])
case("refused/quota", chat(max_tokens=100), kind="refused", error="RateLimitError", quota=5)
