"""The official google-genai package for Python."""
import asyncio
import itertools

from google import genai
from google.genai import types

from harness import case

WEATHER = types.Tool(function_declarations=[types.FunctionDeclaration(
    name="get_weather", description="The weather in a city",
    parameters=types.Schema(type="OBJECT", properties={"city": types.Schema(type="STRING")}, required=["city"]))])


KEPT = []  # a client that is collected closes its connections


def client(url, key):
    KEPT[:] = KEPT[-1:] + [genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))]
    return KEPT[-1]


def said(answer):
    """Returns what an answer says, without the headers that the package keeps."""
    body = answer.model_dump(mode="json")
    body.pop("sdk_http_response", None)
    return body


def config(**more):
    return types.GenerateContentConfig(automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True), **more)


def generated(text="Hello", **more):
    return lambda url, key: said(client(url, key).models.generate_content(model="gemini-2.5-flash", contents=text, config=config(**more)))


def streamed(text="Hello", **more):
    def call(url, key):
        c = client(url, key)
        return [said(a) for a in c.models.generate_content_stream(model="gemini-2.5-flash", contents=text, config=config(**more))]
    return call


def stopped(url, key):
    c = client(url, key)
    stream = c.models.generate_content_stream(model="gemini-2.5-flash", contents="Hello do:tokens-400 do:hang-100", config=config())
    heard = [said(a) for a in itertools.islice(stream, 80)]
    stream.close()
    c.close()
    return heard


def fifty(url, key):
    async def every():
        c = client(url, key)
        return await asyncio.gather(*(
            c.aio.models.generate_content(model="gemini-2.5-flash", contents=f"Hello do:tokens-{i + 1}", config=config()) for i in range(50)))
    return [said(a) for a in asyncio.run(every())]


case("generate", generated())
case("generate/max tokens", generated(max_output_tokens=3))
case("generate/two candidates", generated(candidate_count=2))
case("generate/cached and thoughts", generated("Hello do:cached-12 do:reasoning-40"))
case("generate/tools", generated(tools=[WEATHER]))
case("generate/gzip", generated("Hello do:gzip"))
case("generate/no usage", generated("Hello do:no-usage"), kind="estimate")
case("stream", streamed())
case("stream/cached and thoughts", streamed("Hello do:cached-12 do:reasoning-40"))
case("stream/tools", streamed(tools=[WEATHER]))
case("stream/slow", streamed("Hello do:slow"))
case("stream/aborted", stopped, kind="partial")
case("count tokens", lambda url, key: said(client(url, key).models.count_tokens(model="gemini-2.5-flash", contents="Hello")))
case("embeddings", lambda url, key: said(client(url, key).models.embed_content(model="gemini-embedding-001", contents=["Hello", "Bye"])), kind="estimate")
case("fifty", fifty)
case("upstream/400", generated("Hello do:error-400"), error="ClientError")
case("upstream/500", generated("Hello do:error-500"), error="ServerError")
case("upstream/401", generated("Hello do:error-401"), kind="mapped", error="ServerError")
case("upstream/429", generated("Hello do:error-429"), kind="mapped", error="ServerError")
case("refused/wrong key", generated(), kind="refused", error="ClientError", key="sk-nonsense")
case("refused/model", generated(), kind="refused", error="ClientError", models=["gemini-2.5-pro"])
case("refused/quota", generated(max_output_tokens=100), kind="refused", error="ClientError", quota=5)
