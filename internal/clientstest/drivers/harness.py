"""Runs cases with one client: directly, and through the proxy.

The environment variable CONTROL is the URL of the test that started this
program. It makes a key for each case, and checks answers and charges.
"""
import base64
import json
import os
import traceback
import urllib.request


def post(path, body):
    request = urllib.request.Request(os.environ["CONTROL"] + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"null")


def plain(value):
    """Returns what JSON can say about an answer."""
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json"))
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def attempt(call, url, key):
    """Returns the answer of a call, or its exception, as JSON."""
    try:
        return {"answer": plain(call(url, key))}
    except Exception as e:
        return {"error": {
            "type": type(e).__name__,
            "status": getattr(e, "status_code", None) or getattr(e, "code", None),
            "code": getattr(e, "code", None),
            "message": str(e),
        }, "trace": None if os.environ.get("ONLY") is None else traceback.format_exc()[-1500:] if os.environ["ONLY"] else None}


def case(name, call, kind="equal", error=None, quota=None, models=None, key=None):
    """Runs call(url, key), as kind says (see check_test.go).

    error is the exception type that must come back through the proxy, or None
    for no exception. quota and models are limits of the case's key, and key is
    used instead of it.
    """
    only = os.environ.get("ONLY")
    if only and only not in name:
        return
    limits = {"models": models}
    if quota is not None:
        limits["quota"] = quota
    at = post("/begin", limits)
    direct = None
    if kind in ("equal", "estimate"):
        direct = attempt(call, at["direct"], at["upstream_key"])
    proxied = attempt(call, at["proxied"], key or at["key"])
    problems = []
    got = proxied.get("error", {}).get("type")
    if got != error:
        problems.append(f"got {json.dumps(proxied)[:3000]}, want error {error}")
    post("/end", {"case": name, "kind": kind, "direct": direct, "proxied": proxied, "problems": problems})
