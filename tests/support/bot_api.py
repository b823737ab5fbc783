"""An independent Bot API server on loopback (lo-bot-api-emulator), behind a proxy of ours.

The proxy can be slow, answer 429 or 500, cut connections, and repeat or reorder updates.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
from aiohttp import web
from lo_bot_api_emulator import LoBotApiEmulator

from tests.channels.payloads import PRIVATE
from tests.support.waiting import Faults

CHANGING = ("sendMessage", "editMessageText", "deleteMessage", "sendChatAction")
TOKEN = "4242:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"


@dataclass(frozen=True, slots=True)
class Fault:
    """The fate of one request. ``after``: the server has already carried it out."""

    kind: Literal["status", "cut", "slow"]
    status: int = 500
    description: str = "Internal Server Error"
    parameters: dict[str, Any] = field(default_factory=dict)
    after: bool = False
    seconds: float = 0.0


def too_many(seconds: int) -> Fault:
    return Fault("status", 429, "Too Many Requests", {"retry_after": seconds})


def refused(status: int, description: str, **parameters: Any) -> Fault:
    return Fault("status", status, description, parameters)


@dataclass
class BotApi:
    """The server behind its proxy. ``sent``: the requests that it accepted, in order."""

    base_url: str
    emulator: LoBotApiEmulator
    sent: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    chaos: random.Random | None = None
    randomly: Faults = field(default_factory=Faults)
    next_message: int = 100
    shown: dict[int, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    edits: list[tuple[float, str]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    previewed: list[str] = field(default_factory=list)

    async def say(self, update: dict[str, Any]) -> int:
        """Queue an update and return its id."""
        body = {key: value for key, value in update.items() if key != "update_id"}
        return int(await self.emulator.enqueue_update(body, token=TOKEN))

    async def direct(self, sender: int, text: str, name: str = "Alice") -> int:
        """Send a direct message and return its platform id."""
        self.next_message += 1
        chat = {**PRIVATE, "id": sender, "first_name": name}
        user = {"id": sender, "is_bot": False, "first_name": name}
        await self.say(
            {
                "message": {
                    "message_id": self.next_message,
                    "date": 1_760_000_000,
                    "chat": chat,
                    "from": user,
                    "text": text,
                }
            }
        )
        return self.next_message

    def texts(self, chat: int) -> list[str]:
        """Return the texts sent to a chat."""
        return [sent["text"] for sent in self.sent if int(sent["chat_id"]) == chat]

    def chat(self, chat: int) -> list[str]:
        """Return the current texts of the bot's messages in a chat, oldest first."""
        return [text for _, text in sorted(self.shown[chat].items())]

    def keep(self, method: str, form: dict[str, Any], result: Any) -> None:
        """Apply an accepted request to what the chat shows."""
        chat = int(form["chat_id"])
        preview = json.loads(form.get("link_preview_options") or "{}")
        if "text" in form and not preview.get("is_disabled"):
            self.previewed.append(form["text"])
        match method:
            case "sendMessage":
                self.sent.append(form)
                self.shown[chat][int(result["message_id"])] = form["text"]
            case "editMessageText":
                self.edits.append((time.monotonic(), form["text"]))
                self.shown[chat][int(form["message_id"])] = form["text"]
            case "deleteMessage":
                self.shown[chat].pop(int(form["message_id"]), None)
            case "sendChatAction":
                self.actions.append(form)

    def refusal(self, method: str, form: dict[str, Any]) -> Fault | None:
        """Return a rejection that Telegram makes but the emulator, without messages, doesn't."""
        if method not in ("editMessageText", "deleteMessage"):
            return None
        stands = self.shown[int(form["chat_id"])].get(int(form["message_id"]))
        if stands is None:
            what = "edit" if method == "editMessageText" else "delete"
            return refused(400, f"Bad Request: message to {what} not found")
        if stands == form.get("text"):
            return refused(400, "Bad Request: message is not modified")
        return None


@asynccontextmanager
async def bot_api() -> AsyncIterator[BotApi]:
    """Yield a fresh, empty server."""
    emulator = LoBotApiEmulator(allow_insecure_loopback_webhooks=True, max_updates=20_000)
    async with _site(emulator.app()) as server, aiohttp.ClientSession() as client:
        api = BotApi("", emulator)
        proxy = web.Application(client_max_size=64 * 1024 * 1024)

        async def handle(request: web.Request) -> web.StreamResponse:
            return await _pass_on(api, client, server, request)

        proxy.router.add_route("*", "/{path:.*}", handle)
        async with _site(proxy) as base_url:
            api.base_url = base_url
            yield api


@asynccontextmanager
async def _site(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def _pass_on(
    api: BotApi, client: aiohttp.ClientSession, server: str, request: web.Request
) -> web.StreamResponse:
    method = request.path.rsplit("/", 1)[-1]
    api.calls.append(method)
    body = await request.read()
    if request.path.startswith("/file/"):
        return _file(api, method)
    if method == "getFile" and not api.faults[method]:
        form = dict(await request.post())
        name = str(form["file_id"])
        return web.json_response({"ok": True, "result": _file_record(api, name)})
    given = dict(await request.post()) if method in CHANGING else {}
    fault = _fault_for(api, method, given.get("chat_id"))
    if fault is None and method in CHANGING:
        fault = api.refusal(method, given)
    if fault is not None and not fault.after:
        await _let_it_fail(fault, request)
        if fault.kind == "status":
            return _error(fault)
        if fault.kind == "cut":
            return web.Response(status=502)
    form = "application/x-www-form-urlencoded"
    headers = {"Content-Type": request.headers.get("Content-Type", form)}
    if method in CHANGING:
        body = _without_preview_options(body)
    async with client.post(server + request.path, data=body, headers=headers) as response:
        answer, status = await response.json(), response.status
    if method == "getMe" and status == 200:
        answer["result"]["username"] = "ada_bot"  # every Telegram bot has one
    if method in CHANGING and status == 200:
        api.keep(method, dict(await request.post()), answer["result"])
    if method == "getUpdates" and status == 200 and api.chaos is not None:
        answer["result"] = _muddled(api.chaos, answer["result"])
    if fault is not None and fault.after:
        await _let_it_fail(fault, request)
        return _error(fault) if fault.kind == "status" else web.Response(status=502)
    return web.json_response(answer, status=status)


def _without_preview_options(body: bytes) -> bytes:
    """Remove the options, which Telegram has since Bot API 7.0 but the emulator lacks."""
    fields = [one for one in body.split(b"&") if not one.startswith(b"link_preview_options=")]
    return b"&".join(fields)


def _fault_for(api: BotApi, method: str, chat: object) -> Fault | None:
    if api.faults[method]:
        return api.faults[method].pop(0)
    if api.chaos is None or not api.randomly.hit(api.chaos, (method, chat)):
        return None
    return api.chaos.choice(
        [
            Fault("status", 500),
            Fault("status", 502, "Bad Gateway"),
            too_many(1),
            Fault("cut"),
            Fault("slow", seconds=0.3),
        ]
    )


async def _let_it_fail(fault: Fault, request: web.Request) -> None:
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
    if fault.kind == "cut" and request.transport is not None:
        request.transport.abort()


def _error(fault: Fault) -> web.Response:
    body = {
        "ok": False,
        "error_code": fault.status,
        "description": fault.description,
        "parameters": fault.parameters,
    }
    return web.json_response(body, status=fault.status)


def _muddled(chaos: random.Random, updates: list[Any]) -> list[Any]:
    """Repeat and reorder updates, but keep the order within each chat, as Telegram does."""
    twice = [*updates, *(update for update in updates if chaos.random() < 0.3)]
    by_chat: dict[str, list[Any]] = defaultdict(list)
    for update in sorted(twice, key=lambda u: int(u["update_id"])):
        by_chat[json.dumps(update["message"]["chat"]["id"])].append(update)
    muddled = []
    while by_chat:
        chat = chaos.choice(sorted(by_chat))
        muddled.append(by_chat[chat].pop(0))
        if not by_chat[chat]:
            del by_chat[chat]
    return muddled


def _file_record(api: BotApi, name: str) -> dict[str, Any]:
    size = len(api.files.get(name, b""))
    return {"file_id": name, "file_unique_id": name, "file_path": name, "file_size": size}


def _file(api: BotApi, name: str) -> web.Response:
    return web.Response(body=api.files[name]) if name in api.files else web.Response(status=404)
