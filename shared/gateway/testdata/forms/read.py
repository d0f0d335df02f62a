"""Reads the forms of corpus.json with Python's parsers and prints their readings.

    pip install werkzeug==3.1.9 aiohttp==3.14.5 python-multipart==0.0.34 starlette==1.10.0 django==5.2.19
    python read.py > python.json

A reading is a list of the fields with the name model, or "error".
"""

import asyncio
import io
import json
import pathlib

TYPE = "multipart/form-data; boundary=b"


def werkzeug(body):
    from werkzeug.formparser import FormDataParser

    _, form, files = FormDataParser(silent=False).parse(io.BytesIO(body), "multipart/form-data", len(body), {"boundary": "b"})
    return form.getlist("model") + [f.read().decode("utf-8", "replace") for f in files.getlist("model")]


def django(body):
    from django.conf import settings

    if not settings.configured:
        settings.configure(DEFAULT_CHARSET="utf-8")
    from django.core.files.uploadhandler import MemoryFileUploadHandler
    from django.http.multipartparser import MultiPartParser

    handler = MemoryFileUploadHandler()
    meta = {"CONTENT_TYPE": TYPE, "CONTENT_LENGTH": str(len(body))}
    form, files = MultiPartParser(meta, io.BytesIO(body), [handler], "utf-8").parse()
    return form.getlist("model") + [f.read().decode("utf-8", "replace") for f in files.getlist("model")]


def starlette(body):
    from starlette.requests import Request

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def read():
        scope = {"type": "http", "method": "POST", "headers": [(b"content-type", TYPE.encode())]}
        async with Request(scope, receive).form() as form:
            return [v if isinstance(v, str) else (await v.read()).decode("utf-8", "replace") for v in form.getlist("model")]

    return asyncio.run(read())


def aiohttp(body):
    from aiohttp import MultipartReader
    from aiohttp.base_protocol import BaseProtocol
    from aiohttp.streams import StreamReader

    async def read():
        stream = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**16)
        stream.feed_data(body)
        stream.feed_eof()
        reader, found = MultipartReader({"Content-Type": TYPE}, stream), []
        while (part := await reader.next()) is not None:
            value = await part.read(decode=True)
            if part.name == "model":
                found.append(value.decode("utf-8", "replace"))
        return found

    return asyncio.run(asyncio.wait_for(read(), 5))


def reading(parser, body):
    try:
        return parser(body)
    except Exception:  # every parser has its own errors
        return "error"


corpus = json.loads((pathlib.Path(__file__).parent / "corpus.json").read_text())
readings = {
    name: {parser.__name__: reading(parser, body.encode("latin-1")) for parser in (werkzeug, django, starlette, aiohttp)}
    for name, body in corpus.items()
}
print(json.dumps(readings, indent=1, sort_keys=True))
