"""litellm, with the provider anthropic."""
import litellm

from harness import case

litellm.suppress_debug_info = True

TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "The weather in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}}]


def said(answer):
    """Returns what an answer says. litellm gives some of them a random id."""
    body = answer.model_dump(mode="json")
    return {k: body.get(k) for k in ("choices", "usage")}


def asked(url, key, text, **more):
    return litellm.completion(
        model="anthropic/claude-sonnet-4-5", api_base=url, api_key=key, messages=[{"role": "user", "content": text}], **more)


def chat(text="Hello", **more):
    return lambda url, key: said(asked(url, key, text, **more))


def streamed(text="Hello", **more):
    return lambda url, key: [said(c) for c in asked(url, key, text, stream=True, **more)]


case("chat", chat())
case("chat/cache", chat("Hello do:cached-100 do:write-50 do:input-120"))
case("chat/tools", chat(tools=TOOLS))
case("stream", streamed())
case("stream/tools", streamed(tools=TOOLS))
case("upstream/400", chat("Hello do:error-400"), error="BadRequestError")
case("refused/wrong key", chat(), kind="refused", error="AuthenticationError", key="sk-nonsense")
case("refused/model", chat(), kind="refused", error="PermissionDeniedError", models=["claude-opus-4-5"])
case("refused/quota", chat(max_tokens=100), kind="refused", error="RateLimitError", quota=5)
