"""The official anthropic package for Python."""
import asyncio
import itertools

from anthropic import Anthropic, AsyncAnthropic

from harness import case

TOOLS = [{"name": "get_weather", "description": "The weather in a city",
          "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}]


def client(url, key):
    return Anthropic(base_url=url, api_key=key)


def asked(text="Hello", **more):
    return {"model": "claude-sonnet-4-5", "max_tokens": 1024, "messages": [{"role": "user", "content": text}]} | more


def message(text="Hello", **more):
    return lambda url, key: client(url, key).messages.create(**asked(text, **more))


def streamed(text="Hello", **more):
    return lambda url, key: list(client(url, key).messages.create(stream=True, **asked(text, **more)))


def stopped(text, events):
    def call(url, key):
        with client(url, key).messages.create(stream=True, **asked(text)) as stream:
            return list(itertools.islice(stream, events))
    return call


def stream_helper(url, key):
    with client(url, key).messages.stream(**asked()) as stream:
        text = "".join(stream.text_stream)
        return [text, stream.get_final_message()]


def tool_loop(url, key):
    first = client(url, key).messages.create(**asked("Weather?", tools=TOOLS))
    use = first.content[-1]
    messages = [{"role": "user", "content": "Weather?"}, {"role": "assistant", "content": [use.model_dump(include={"type", "id", "name", "input"})]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}]}]
    return [first, client(url, key).messages.create(**asked(tools=TOOLS) | {"messages": messages})]


def fifty(stream):
    def call(url, key):
        async def one(c, i):
            answer = await c.messages.create(stream=stream, **asked(f"Hello do:tokens-{i + 1}"))
            return [event async for event in answer] if stream else answer

        async def every():
            async with AsyncAnthropic(base_url=url, api_key=key) as c:
                return await asyncio.gather(*(one(c, i) for i in range(50)))
        return asyncio.run(every())
    return call


CACHE = "Hello do:cached-100 do:write-50 do:write1h-25 do:input-120"

case("message", message())
case("message/max tokens", message(max_tokens=3))
case("message/cache", message(CACHE))
case("message/thinking", message("Hello do:reasoning-40", thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=2048))
case("message/tools", message(tools=TOOLS))
case("message/tool loop", tool_loop)
case("message/gzip", message("Hello do:gzip"))
case("message/no usage", message("Hello do:no-usage"), kind="estimate")
case("stream", streamed())
case("stream/cache", streamed(CACHE))
case("stream/thinking", streamed("Hello do:reasoning-40", thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=2048))
case("stream/tools", streamed(tools=TOOLS))
case("stream/helper", stream_helper)
case("stream/slow", streamed("Hello do:slow"))
case("stream/gzip", streamed("Hello do:gzip"))
case("stream/aborted", stopped("Hello do:tokens-400 do:hang-100", 80), kind="partial")
case("stream/error inside", streamed("Hello do:fail-6"), kind="partial", error="APIStatusError")
case("stream/error at once", streamed("Hello do:error-in-200"), error="APIStatusError")
case("count tokens", lambda url, key: client(url, key).messages.count_tokens(model="claude-sonnet-4-5", messages=[{"role": "user", "content": "Hello"}]))
case("fifty", fifty(False))
case("fifty/stream", fifty(True))
case("upstream/400", message("Hello do:error-400"), error="BadRequestError")
case("upstream/500", message("Hello do:error-500"), error="InternalServerError")
case("upstream/401", message("Hello do:error-401"), kind="mapped", error="InternalServerError")
case("upstream/429", message("Hello do:error-429"), kind="mapped", error="ServiceUnavailableError")
case("refused/wrong key", message(), kind="refused", error="AuthenticationError", key="sk-nonsense")
case("refused/model", message(), kind="refused", error="PermissionDeniedError", models=["claude-opus-4-5"])
case("refused/quota", message(max_tokens=100), kind="refused", error="RateLimitError", quota=5)
