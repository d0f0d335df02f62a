"""The official openai package for Python."""
import asyncio
import io
import itertools

from openai import AsyncOpenAI, OpenAI

from harness import case

TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "The weather in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}}]
FLAT_TOOLS = [{"type": "function", **TOOLS[0]["function"]}]
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(2000)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(300)


def client(url, key):
    return OpenAI(base_url=url + "/v1", api_key=key)


def chat(text="Hello", **more):
    def call(url, key):
        return client(url, key).chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}], **more)
    return call


def streamed(text="Hello", **more):
    call = chat(text, stream=True, **more)
    return lambda url, key: list(call(url, key))


def stopped(text, events, **more):
    """Closes the stream after some events."""
    def call(url, key):
        with chat(text, stream=True, **more)(url, key) as stream:
            return list(itertools.islice(stream, events))
    return call


def made(of, **more):
    """Calls an endpoint, such as "embeddings"."""
    def call(url, key):
        endpoint = client(url, key)
        for name in of.split("."):
            endpoint = getattr(endpoint, name)
        answer = endpoint(**more)
        return list(answer) if more.get("stream") else answer
    return call


def tool_loop(url, key):
    c = client(url, key)
    messages = [{"role": "user", "content": "Weather?"}]
    first = c.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS)
    message = first.choices[0].message
    messages.append(message.model_dump(exclude_none=True))
    messages.append({"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"})
    return [first, c.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS)]


def stream_helper(url, key):
    with client(url, key).chat.completions.stream(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}]) as stream:
        for _ in stream:
            pass
        return stream.get_final_completion()


def fifty(stream):
    def call(url, key):
        async def one(c, i):
            answer = await c.chat.completions.create(
                model="gpt-4o", stream=stream, messages=[{"role": "user", "content": f"Hello do:tokens-{i + 1}"}])
            return [chunk async for chunk in answer] if stream else answer

        async def every():
            async with AsyncOpenAI(base_url=url + "/v1", api_key=key) as c:
                return await asyncio.gather(*(one(c, i) for i in range(50)))
        return asyncio.run(every())
    return call


case("chat", chat())
case("chat/max tokens", chat(max_tokens=3))
case("chat/max completion tokens", chat(max_completion_tokens=3))
case("chat/three choices", chat(n=3))
case("chat/cached and reasoning", chat("Hello do:cached-12 do:reasoning-40"))
case("chat/gzip", chat("Hello do:gzip"))
case("chat/tools", chat(tools=TOOLS))
case("chat/tool loop", tool_loop)
case("chat/image", chat([{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 40000}}]))
case("chat/no usage", chat("Hello do:no-usage"), kind="estimate")
case("chat/error in 200", chat("Hello do:error-in-200"))
case("stream", streamed())
case("stream/usage", streamed(stream_options={"include_usage": True}))
case("stream/three choices", streamed(n=3))
case("stream/cached and reasoning", streamed("Hello do:cached-12 do:reasoning-40", stream_options={"include_usage": True}))
case("stream/slow", streamed("Hello do:slow"))
case("stream/gzip", streamed("Hello do:gzip"))
case("stream/long", streamed("Hello do:tokens-3000"))
case("stream/tools", streamed(tools=TOOLS))
case("stream/helper", stream_helper)
case("stream/no usage", streamed("Hello do:no-usage"), kind="estimate")
case("stream/closed at the last word", stopped("Hello", 9), kind="partial")
case("stream/aborted", stopped("Hello do:tokens-400 do:hang-100", 80), kind="partial")
case("stream/timeout", lambda url, key: list(client(url, key).with_options(timeout=0.5, max_retries=0).chat.completions.create(
    model="gpt-4o", stream=True, messages=[{"role": "user", "content": "Hello do:hang-4"}])), kind="partial", error="APITimeoutError")
case("stream/cut", streamed("Hello do:cut-5"), kind="partial", error="APIConnectionError")
case("stream/error inside", streamed("Hello do:fail-5"), kind="partial", error="APIError")
case("stream/error at once", streamed("Hello do:error-in-200"), error="APIError")
case("completions", made("completions.create", model="gpt-3.5-turbo-instruct", prompt="Hello"))
case("completions/two prompts", made("completions.create", model="gpt-3.5-turbo-instruct", prompt=["Hello", "Bye"], n=2))
case("completions/stream", made("completions.create", model="gpt-3.5-turbo-instruct", prompt="Hello", stream=True))
case("embeddings", made("embeddings.create", model="text-embedding-3-small", input="Hello"))
case("embeddings/floats", made("embeddings.create", model="text-embedding-3-small", input=["Hello", "Bye"], encoding_format="float"))
case("responses", made("responses.create", model="gpt-4o", input="Hello do:cached-5 do:reasoning-7"))
case("responses/incomplete", made("responses.create", model="gpt-4o", input="Hello", max_output_tokens=3))
case("responses/tools", made("responses.create", model="gpt-4o", input="Weather?", tools=FLAT_TOOLS))
case("responses/failed", made("responses.create", model="gpt-4o", input="Hello do:error-in-200"))
case("responses/stream", made("responses.create", model="gpt-4o", input="Hello do:reasoning-7", stream=True))
case("responses/stream tools", made("responses.create", model="gpt-4o", input="Weather?", tools=FLAT_TOOLS, stream=True))
case("responses/stream failed", made("responses.create", model="gpt-4o", input="Hello do:error-in-200", stream=True))
case("images", made("images.generate", model="gpt-image-1", prompt="A cat", n=2))
case("images/no usage", made("images.generate", model="dall-e-3", prompt="A cat", response_format="b64_json"), kind="estimate")
case("images/edit", lambda url, key: client(url, key).images.edit(model="gpt-image-1", image=("a.png", io.BytesIO(PNG)), prompt="A cat"))
case("audio/speech", lambda url, key: client(url, key).audio.speech.create(model="tts-1", voice="alloy", input="Hello").read(), kind="estimate")
case("audio/transcription", lambda url, key: client(url, key).audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", WAV)))
case("audio/transcription stream", lambda url, key: list(client(url, key).audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", WAV), stream=True)))
case("audio/transcription text", lambda url, key: client(url, key).audio.transcriptions.create(model="whisper-1", file=("a.wav", WAV), response_format="text"), kind="estimate")
case("audio/transcription seconds", lambda url, key: client(url, key).audio.transcriptions.create(model="whisper-1", file=("a.wav", WAV), prompt="do:seconds-9"), kind="estimate")
case("audio/translation", lambda url, key: client(url, key).audio.translations.create(model="whisper-1", file=("a.wav", WAV)), kind="estimate")
case("moderations", made("moderations.create", model="omni-moderation-latest", input="Hello"), kind="estimate")
case("models", lambda url, key: list(client(url, key).models.list()))
case("models/one", lambda url, key: client(url, key).models.retrieve("gpt-4o"))
case("fifty", fifty(False))
case("fifty/stream", fifty(True))
case("upstream/400", chat("Hello do:error-400"), error="BadRequestError")
case("upstream/500", chat("Hello do:error-500"), error="InternalServerError")
case("upstream/401", chat("Hello do:error-401"), kind="mapped", error="InternalServerError")
case("upstream/403", chat("Hello do:error-403"), kind="mapped", error="InternalServerError")
case("upstream/429", chat("Hello do:error-429"), kind="mapped", error="InternalServerError")
case("refused/wrong key", chat(), kind="refused", error="AuthenticationError", key="sk-nonsense")
case("refused/model", chat(), kind="refused", error="PermissionDeniedError", models=["gpt-5"])
case("refused/quota", chat(max_tokens=100), kind="refused", error="RateLimitError", quota=5)
case("refused/model in a form", lambda url, key: client(url, key).audio.transcriptions.create(model="whisper-1", file=("a.wav", WAV)),
     kind="refused", error="PermissionDeniedError", models=["gpt-5"])
case("refused/model stream", streamed(), kind="refused", error="PermissionDeniedError", models=["gpt-5"])
case("refused/model image", made("images.generate", model="gpt-image-1", prompt="A cat"), kind="refused", error="PermissionDeniedError", models=["gpt-5"])
