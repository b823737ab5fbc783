"""WhatsApp's Cloud API on loopback, and a driver for its webhook.

The API can answer 429 or 500 and cut connections. The driver sends signed requests once, twice, or
in another order.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from discreet.channels.whatsapp.platform import signature
from tests.support.waiting import Faults

TOKEN = "EAAG" + "x" * 40
APP_SECRET = "5f0c1f4b0a" * 3
NUMBERS = {"106540352242922": "+1 555-078-3881", "106540352242933": "+1 555-078-3882"}
NUMBER, OTHER_NUMBER = NUMBERS


@dataclass(frozen=True, slots=True)
class Failure:
    """The fate of one request. ``cut``: no response; ``after``: it has already been carried out."""

    status: int = 500
    code: int = 0
    details: str = "Something went wrong"
    cut: bool = False
    after: bool = False
    retry_after: str = ""


@dataclass
class CloudApi:
    """Requests to the API, and those it accepted.

    ``taken``: awaited with a message's id before the API responds.
    """

    base_url: str = ""
    sent: list[dict[str, Any]] = field(default_factory=list)
    previewed: list[str] = field(default_factory=list)
    typing: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    failures: dict[str, list[Failure]] = field(default_factory=lambda: defaultdict(list))
    media: dict[str, bytes] = field(default_factory=dict)
    chaos: random.Random | None = None
    taken: Callable[[str], Awaitable[None]] | None = None
    _faults: Faults = field(default_factory=Faults)

    def texts(self, chat: str) -> list[str]:
        """Return the texts sent to a chat."""
        return [
            sent["text"]["body"]
            for sent in self.sent
            if chat in (sent.get("to"), sent.get("recipient"))
        ]

    def failure(self, what: str, target: object = None) -> Failure | None:
        """Return the failure for a request, if any; ``target``: the chat that it writes to."""
        if self.failures[what]:
            return self.failures[what].pop(0)
        if self.chaos is None or what != "send" or not self._faults.hit(self.chaos, target):
            return None
        return self.chaos.choice(
            [Failure(500), Failure(503), Failure(429, 130429, retry_after="1"), Failure(cut=True)]
        )


@asynccontextmanager
async def cloud_api() -> AsyncIterator[CloudApi]:
    """Yield a fresh API with two phone numbers."""
    api = CloudApi()
    app = web.Application()

    async def handle(request: web.Request) -> web.StreamResponse:
        return await _answer(api, request)

    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        await runner.cleanup()


async def _answer(api: CloudApi, request: web.Request) -> web.StreamResponse:
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        return _refused(Failure(401, 190, "Invalid OAuth access token"))
    last = request.path.rsplit("/", 1)[-1]
    what = "send" if request.method == "POST" else "media" if last in api.media else "identify"
    api.calls.append(what)
    body = json.loads(await request.read()) if what == "send" else {}
    failure = api.failure(what, body.get("to") or body.get("recipient"))
    if failure is not None and not failure.after:
        return _fail(failure, request)
    if what == "send":
        if body.get("status") == "read":
            api.typing.append(body)
            return web.json_response({"success": True})
        api.sent.append(body)
        if body["text"].get("preview_url") is not False:
            api.previewed.append(body["text"]["body"])
        if failure is not None:
            return _fail(failure, request)
        name = f"wamid.out{len(api.sent)}"
        if api.taken is not None:
            await api.taken(name)
        return web.json_response({"messages": [{"id": name}]})
    if what == "media":
        if request.path.startswith("/bytes/"):
            return web.Response(body=api.media[last])
        size = len(api.media[last])
        url = f"{api.base_url}/bytes/{last}"
        return web.json_response({"id": last, "url": url, "file_size": size})
    if last in NUMBERS:
        return web.json_response({"id": last, "display_phone_number": NUMBERS[last]})
    return _refused(Failure(400, 100, "Unsupported get request"))


def _fail(failure: Failure, request: web.Request) -> web.StreamResponse:
    if failure.cut and request.transport is not None:
        request.transport.abort()
    return _refused(failure)


def _refused(failure: Failure) -> web.StreamResponse:
    error = {"code": failure.code, "message": "(#0)", "error_data": {"details": failure.details}}
    headers = {"Retry-After": failure.retry_after} if failure.retry_after else {}
    return web.json_response({"error": error}, status=failure.status, headers=headers)


def payload(
    *messages: dict[str, Any],
    number: str = NUMBER,
    contacts: Sequence[dict[str, Any]] = (),
    statuses: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return the body of a webhook request."""
    value: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": "".join(c for c in NUMBERS[number] if c.isdecimal()),
            "phone_number_id": number,
        },
    }
    if contacts:
        value["contacts"] = list(contacts)
    if messages:
        value["messages"] = list(messages)
    if statuses:
        value["statuses"] = list(statuses)
    entry = {"id": "102290129340398", "changes": [{"value": value, "field": "messages"}]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


async def call(url: str, body: dict[str, Any], *, secret: str = APP_SECRET) -> int:
    """Make one signed webhook request and return its status."""
    raw = json.dumps(body).encode()
    headers = {"X-Hub-Signature-256": signature(secret, raw), "Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as client,
        client.post(url, data=raw, headers=headers) as answer,
    ):
        return answer.status
