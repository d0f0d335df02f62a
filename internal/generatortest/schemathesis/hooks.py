"""Makes requests that fit their schemas fit the rules that a schema can't express.

Each rule is in the description of its field in openapi.yaml. Requests that are
meant to be refused stay as they are.
"""
import itertools
import time

import schemathesis
from schemathesis.core import NotSet

ADDRESS, MODEL = "203.0.113.7", "gpt-4o"
numbers = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None:
        return
    if leaves_out_body(case):
        case.body = {}
    read_of = next((name for name in ("page_size", "size", "ps") if name in (case.query or {})), None)
    if read_of:  # the other names of it are not read
        case.query = {name: v for name, v in case.query.items() if name == read_of or name not in ("page_size", "size", "ps")}
    if exceeds_int64(case):
        case.query = {**case.query, "after": str(2**63 - 1)}
    if case.meta.generation.mode.is_negative:
        return
    query, headers = case.query or {}, case.headers or {}
    tidy_span(case.operation.path, query)
    if "after" in query:  # excludes p
        query.pop("p", None)
    if not headers.get("If-Match", '"').endswith('"'):  # schemathesis takes 0 for a valid header
        headers.pop("If-Match")
    if "Idempotency-Key" in headers:  # with a body of another request it is 422
        headers["Idempotency-Key"] = f"request-{next(numbers)}"
    case.body = with_plain_integers(case.body)
    if isinstance(case.body, dict):
        tidy(case.body, query)
        if case.operation.path.endswith(("/webhooks", "/webhooks/{id}")):  # what a URL is
            case.body["url"] = "https://example.com/webhooks"


def tidy_span(path, query):
    """A history is kept for 400 days, by hour it has 31 at once, and its cursors come from answers."""
    if path.endswith(("/audit", "/usage", ".csv", "/usage/token/history")):
        query.pop("after", None)
        for name, ago in ("from", 86400), ("to", 0):
            if name in query:
                query[name] = str(int(time.time()) - ago)


def leaves_out_body(case):
    """schemathesis takes the lack of an optional body for a violation, and sends null as no body."""
    others = [part.mode.is_negative for place, part in case.meta.components.items() if place.value != "body"]
    return case.operation.path.endswith(("/verify", "/rotate")) and (case.body is None or isinstance(case.body, NotSet)) and not any(others)


def exceeds_int64(case):
    """after may be any number: its format int64 is the type that clients use, not a limit."""
    after = str((case.query or {}).get("after", ""))
    return after.isdecimal() and int(after) >= 2**63


def with_plain_integers(value):
    """Integers are in plain digits: a schema can't refuse 5.0."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: with_plain_integers(v) for name, v in value.items()}
    if isinstance(value, list):
        return [with_plain_integers(v) for v in value]
    return value


def tidy(body, query):
    if isinstance(body.get("types"), str):  # a list with commas
        body["types"] = "token.created"
    if body.get("status") is None:  # which status_only needs
        query.pop("status_only", None)
    if body.get("ip") is not None:
        body["ip"] = ADDRESS
    if isinstance(body.get("usage"), dict):
        usage = body["usage"]
        usage["reasoning_tokens"] = min(usage.get("reasoning_tokens") or 0, usage.get("output_tokens") or 0)
    if "units" in body:  # a raise, of a quota that each token has, and which ends later
        for name in "window", "timezone", "anchor":
            body.pop(name, None)
        body["until"] = int(time.time()) + 3600
    for settings in body.get("tokens") or [body]:
        if "units" not in body:
            tidy_settings(settings)


def tidy_settings(body):
    if body.get("expired_time") is not None and body["expired_time"] != -1:
        body["expired_time"] = max(body["expired_time"], 4102444800)
    if body.get("quota_delta") is not None:  # the sum has a limit
        body["quota_delta"] = min(body["quota_delta"], 0)
    tidy_lists(body)
    for window in (body.get("windows") or [])[:1]:  # the others need other periods
        window["period"] = window["period"] if window["period"].isalpha() else "5h"
        window.pop("timezone", None)
        window.pop("anchor", None)  # its fields depend on the period
        body["windows"] = [window]
    if body.get("model_quotas"):  # the others need other models
        body["model_quotas"] = body["model_quotas"][:1]
    if isinstance(body.get("setting"), dict):  # enabled limits need entries
        body["setting"].pop("limits", None)


def tidy_lists(body):
    """Lists have limits of their entries and bytes, and two names, of which one is sent."""
    body.pop("model_limits", None) if body.get("models") is not None else None
    body.pop("subnet", None) if body.get("allow_ips") is not None else None
    for name in "models", "model_limits":
        if isinstance(body.get(name), list):
            body[name] = body[name][:3]
        elif body.get(name) is not None:
            body[name] = MODEL
    for name in "allow_ips", "subnet":
        if body.get(name):
            body[name] = [ADDRESS, "2001:db8::/32"] if isinstance(body[name], list) else ADDRESS
    if body.get("model_limits_enabled") or body.get("models") == [] or body.get("model_limits") == []:
        body["model_limits_enabled"] = bool(body.get("models") or body.get("model_limits"))
