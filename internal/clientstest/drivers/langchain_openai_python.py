"""langchain-openai, LangChain's client of OpenAI's API."""
import asyncio
import itertools

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from harness import case


def get_weather(city: str) -> str:
    """The weather in a city"""
    return "sunny in " + city


def model(url, key, **more):
    return ChatOpenAI(model="gpt-4o", base_url=url + "/v1", api_key=key, **more)


def said(message):
    """Returns what a message says. LangChain gives each call a random id."""
    return {"content": message.content, "tools": message.tool_calls, "usage": message.usage_metadata}


def invoked(text="Hello", **more):
    return lambda url, key: said(model(url, key, **more).invoke(text))


def streamed(text="Hello", **more):
    return lambda url, key: [said(m) for m in model(url, key, **more).stream(text)]


def stopped(url, key):
    return [said(m) for m in itertools.islice(model(url, key).stream("Hello do:tokens-400 do:hang-100"), 80)]


def tool_loop(url, key):
    bound = model(url, key).bind_tools([get_weather])
    messages = [HumanMessage("Weather?")]
    first = bound.invoke(messages)
    messages += [first, ToolMessage(get_weather(**first.tool_calls[0]["args"]), tool_call_id=first.tool_calls[0]["id"])]
    return [said(first), said(bound.invoke(messages))]


def fifty(url, key):
    async def every():
        m = model(url, key)
        return await asyncio.gather(*(m.ainvoke(f"Hello do:tokens-{i + 1}") for i in range(50)))
    return [said(m) for m in asyncio.run(every())]


def embedded(url, key):
    # check_embedding_ctx_length=False: otherwise LangChain downloads an encoding.
    e = OpenAIEmbeddings(model="text-embedding-3-small", base_url=url + "/v1", api_key=key, check_embedding_ctx_length=False)
    return e.embed_documents(["Hello", "Bye"])


case("invoke", invoked())
case("invoke/max tokens", invoked(max_tokens=3))
case("invoke/three choices", invoked(n=3))
case("invoke/cached and reasoning", invoked("Hello do:cached-12 do:reasoning-40"))
case("invoke/responses", invoked(use_responses_api=True))
case("invoke/no usage", invoked("Hello do:no-usage"), kind="estimate")
case("tools", lambda url, key: said(model(url, key).bind_tools([get_weather]).invoke("Weather?")))
case("tools/loop", tool_loop)
case("tools/stream", lambda url, key: [said(m) for m in model(url, key).bind_tools([get_weather]).stream("Weather?")])
case("stream", streamed(stream_usage=False))
case("stream/usage", streamed(stream_usage=True))
case("stream/responses", streamed(use_responses_api=True))
case("stream/aborted", stopped, kind="partial")
case("embeddings", embedded)
case("fifty", fifty)
case("upstream/400", invoked("Hello do:error-400"), error="OpenAIInvalidRequestError")
case("upstream/500", invoked("Hello do:error-500", max_retries=0), error="OpenAIAPIError")
case("upstream/429", invoked("Hello do:error-429", max_retries=0), kind="mapped", error="OpenAIAPIError")
case("refused/wrong key", invoked(), kind="refused", error="OpenAIAuthenticationError", key="sk-nonsense")
case("refused/model", invoked(), kind="refused", error="OpenAIPermissionDeniedError", models=["gpt-5"])
case("refused/quota", invoked(max_tokens=100), kind="refused", error="OpenAIRateLimitError", quota=5)
