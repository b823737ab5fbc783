"""Discord on loopback: its REST API and gateway.

They can fail, cut connections, forget sessions, and repeat events. Messages while nobody is
connected are only in the history.

One file, although it is long: requests and the gateway change the same state.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import WSMsgType, web

from tests.support.discord_objects import (
    ADA,
    BEA,
    EPOCH_MS,
    NOTES,
    Account,
    application_of,
    guild_of,
    now_text,
    on_gateway,
    raw_place,
    user_of,
)
from tests.support.waiting import Faults

__all__ = ["ADA", "BEA", "NOTES", "Account", "DiscordApi", "Failure", "discord_api"]


@dataclass(frozen=True, slots=True)
class Failure:
    """The fate of one request. ``cut``: no response; ``after``: it has already been carried out."""

    status: int = 500
    code: int = 0
    message: str = "Something went wrong"
    cut: bool = False
    after: bool = False
    retry_after: float = 0.0


@dataclass
class _Session:
    """The events sent to a bot in one session, which outlives its connection."""

    account: Account
    id: str
    told: list[dict[str, Any]] = field(default_factory=list)
    socket: web.WebSocketResponse | None = None


SUPPRESS_EMBEDS = 1 << 2


@dataclass
class DiscordApi:
    """Places, their messages, and failures."""

    base_url: str = ""
    accounts: tuple[Account, ...] = (ADA, BEA)
    places: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    calls: list[str] = field(default_factory=list)
    created: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[str, list[Failure]] = field(default_factory=lambda: defaultdict(list))
    previewed: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    chaos: random.Random | None = None
    put_away: set[str] = field(default_factory=set)
    intents_allowed: bool = True
    identified: int = 0
    resumed: int = 0
    _faults: Faults = field(default_factory=Faults)
    _sessions: dict[str, _Session] = field(default_factory=dict)
    _nonces: dict[str, dict[str, Any]] = field(default_factory=dict)
    _last_id: int = 0

    def add_place(self, place: dict[str, Any]) -> None:
        self.places[place["id"]] = place

    def new_id(self) -> str:
        """Return a new snowflake, larger than all before."""
        now = int(datetime.now(UTC).timestamp() * 1000) - EPOCH_MS
        self._last_id = max(now << 22, self._last_id + 1)
        return str(self._last_id)

    def texts(self, place_id: str) -> list[str]:
        """Return the current texts of the accounts in a place."""
        ours = {account.id for account in self.accounts}
        return [said["content"] for said in self.history[place_id] if said["author"]["id"] in ours]

    async def say(
        self, place: dict[str, Any], author: dict[str, Any], text: str, **fields: Any
    ) -> dict[str, Any]:
        """Write a message: add it to the history, and send it to connected bots."""
        said = {
            "id": self.new_id(),
            "type": 0,
            "channel_id": place["id"],
            "author": author,
            "content": text,
            "timestamp": datetime.now(UTC).isoformat(),
            "edited_timestamp": None,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            **fields,
        }
        self.history[place["id"]].append(said)
        await self.tell("MESSAGE_CREATE", on_gateway(said, place))
        return said

    async def tell(self, event: str, data: dict[str, Any]) -> None:
        """Send an event to every session, even those without a connection."""
        for session in list(self._sessions.values()):
            times = 1 + int(self.chaos is not None and self.chaos.random() < 0.2)
            for _ in range(times):
                await _tell(session, event, data)

    async def cut(self) -> None:
        """Cut every connection; the sessions stay and may be resumed."""
        for session in self._sessions.values():
            if session.socket is not None and not session.socket.closed:
                await session.socket.close(code=4000)

    async def forget(self) -> None:
        """Cut every connection, and forget the sessions."""
        await self.cut()
        self._sessions.clear()

    @property
    def listening(self) -> int:
        """Return the number of open connections."""
        return sum(
            session.socket is not None and not session.socket.closed
            for session in self._sessions.values()
        )

    def failure(self, what: str, target: object = None) -> Failure | None:
        """Return the failure for a request, if any; ``target``: the chat that it writes to."""
        if self.failures[what]:
            return self.failures[what].pop(0)
        if self.chaos is None or what != "create" or not self._faults.hit(self.chaos, target):
            return None
        return self.chaos.choice(
            [
                Failure(500),
                Failure(502),
                Failure(429, retry_after=0.3),
                Failure(cut=True),
                Failure(cut=True, after=True),
            ]
        )


@asynccontextmanager
async def discord_api() -> AsyncIterator[DiscordApi]:
    """Yield a fresh Discord with two bots and no places."""
    api = DiscordApi()
    app = web.Application()

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/gateway/"):
            return await _gateway(api, request)
        return await _rest(api, request)

    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10"
    try:
        yield api
    finally:
        await api.forget()
        await runner.cleanup()


# ---- REST


async def _rest(api: DiscordApi, request: web.Request) -> web.StreamResponse:
    path = request.path.removeprefix("/api/v10/").split("/")
    if path[0] == "files":
        content = api.files.get(path[-1])
        if "Authorization" in request.headers:
            return web.Response(status=400)  # the token must not be sent there
        return web.Response(status=404) if content is None else web.Response(body=content)
    account = next(
        (a for a in api.accounts if request.headers.get("Authorization") == f"Bot {a.token}"), None
    )
    if account is None:
        return _refused(401, 0, "401: Unauthorized")
    what = _what(request.method, path)
    api.calls.append(what)
    failure = api.failure(what, path[1] if len(path) > 1 else None)
    if failure is not None and not failure.after:
        return _fail(failure, request)
    answer = await _answer(api, account, what, path, request)
    return answer if failure is None else _fail(failure, request)


def _what(method: str, path: list[str]) -> str:
    match method, path:
        case "GET", ["gateway"] | ["users", "@me"] | [*_, "applications", "@me"]:
            return path[0]
        case "GET", ["channels", _]:
            return "place"
        case "GET", ["channels", _, "messages"]:
            return "history"
        case "GET", ["channels", _, "messages", _]:
            return "message"
        case "POST", ["channels", _, "messages"]:
            return "create"
        case "PATCH", ["channels", _, "messages", _]:
            return "edit"
        case "DELETE", ["channels", _, "messages", _]:
            return "delete"
        case "POST", ["channels", _, "typing"]:
            return "typing"
        case _:
            return "nothing"


async def _answer(
    api: DiscordApi, account: Account, what: str, path: list[str], request: web.Request
) -> web.StreamResponse:
    if what == "gateway":
        url = api.base_url.replace("http", "ws", 1).removesuffix("/api/v10")
        return _json({"url": f"{url}/gateway/"})
    if what == "users":
        return _json(user_of(account))
    if what in ("applications", "oauth2"):
        return _json(application_of(account, NOTES if api.intents_allowed else 0))
    place = api.places.get(path[1]) if len(path) > 1 else None
    if place is None:
        return _refused(404, 10003, "Unknown Channel")
    said = api.history[place["id"]]
    found = next((one for one in said if len(path) > 3 and one["id"] == path[3]), None)
    match what:
        case "place":
            return _json(raw_place(place))
        case "history":
            after = int(request.query.get("after", "0"))
            page = [one for one in said if int(one["id"]) > after]
            page = page[: int(request.query.get("limit", "50"))]
            return _json(page[::-1])
        case "create":
            return _json(await _create(api, account, place, await request.json()))
        case "typing":
            return web.Response(status=204)
        case _ if found is None:
            return _refused(404, 10008, "Unknown Message")
        case "message":
            return _json(found)
        case "edit":
            body = await request.json()
            _note_preview(api, body)
            found |= {"content": body["content"], "edited_timestamp": now_text()}
            await api.tell("MESSAGE_UPDATE", on_gateway(found, place))
            return _json(found)
        case "delete":
            said.remove(found)
            return web.Response(status=204)
    return _refused(404, 0, "404: Not Found")


async def _create(
    api: DiscordApi, account: Account, place: dict[str, Any], body: dict[str, Any]
) -> dict[str, Any]:
    if len(body["content"]) > 2000:
        raise web.HTTPBadRequest
    nonce = body.get("nonce") if body.get("enforce_nonce") else None
    if nonce is not None and nonce in api._nonces:
        return api._nonces[nonce]
    _note_preview(api, body)
    api.created.append({**body, "channel_id": place["id"]})
    extra = {"message_reference": body["message_reference"]} if "message_reference" in body else {}
    said = await api.say(place, user_of(account), body["content"], **extra)
    if nonce is not None:
        api._nonces[nonce] = said
    return said


def _note_preview(api: DiscordApi, body: dict[str, Any]) -> None:
    if not int(body.get("flags") or 0) & SUPPRESS_EMBEDS:
        api.previewed.append(body["content"])


def _fail(failure: Failure, request: web.Request) -> web.StreamResponse:
    if failure.cut and request.transport is not None:
        request.transport.abort()
    if failure.status == 429:
        body = {"message": "You are being rate limited.", "retry_after": failure.retry_after}
        headers = {"Retry-After": str(int(failure.retry_after) + 1), "Via": "1.1 google"}
        return _json({**body, "global": False}, status=429, headers=headers)
    return _refused(failure.status, failure.code, failure.message)


def _json(
    content: object, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    # Discord names no charset, and the library recognizes JSON only without one.
    exactly = {**(headers or {}), "Content-Type": "application/json"}
    return web.Response(body=json.dumps(content).encode(), status=status, headers=exactly)


def _refused(status: int, code: int, message: str) -> web.StreamResponse:
    return _json({"code": code, "message": message}, status=status)


# ---- the gateway


async def _gateway(api: DiscordApi, request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_json({"op": 10, "d": {"heartbeat_interval": 41_250}})
    session: _Session | None = None
    async for frame in socket:
        if frame.type != WSMsgType.TEXT:
            break
        payload = json.loads(frame.data)
        match payload["op"]:
            case 1:
                await socket.send_json({"op": 11})
            case 2:
                session = await _identify(api, socket, payload["d"])
            case 6:
                session = await _resume(api, socket, payload["d"])
            case _:
                pass
    if session is not None and session.socket is socket:
        session.socket = None
    return socket


async def _identify(
    api: DiscordApi, socket: web.WebSocketResponse, said: dict[str, Any]
) -> _Session | None:
    account = next((a for a in api.accounts if a.token == said["token"]), None)
    if account is None:
        await socket.close(code=4004)
        return None
    if not api.intents_allowed and said["intents"] & 1 << 15:
        await socket.close(code=4014)
        return None
    api.identified += 1
    session = _Session(account, f"session{api.identified}", socket=socket)
    guilds = sorted({p["guild_id"] for p in api.places.values() if "guild_id" in p})
    ready = {
        "v": 10,
        "user": user_of(account),
        "guilds": [{"id": guild, "unavailable": True} for guild in guilds],
        "session_id": session.id,
        "resume_gateway_url": api.base_url.replace("http", "ws", 1).replace(
            "/api/v10", "/gateway/"
        ),
        "application": {"id": account.id, "flags": NOTES},
    }
    await _tell(session, "READY", ready)
    for guild in guilds:
        await _tell(session, "GUILD_CREATE", guild_of(api, account, guild))
    api._sessions[session.id] = session
    return session


async def _resume(
    api: DiscordApi, socket: web.WebSocketResponse, said: dict[str, Any]
) -> _Session | None:
    session = api._sessions.get(said["session_id"])
    if session is None:
        await socket.send_json({"op": 9, "d": False})
        return None
    api.resumed += 1
    session.socket = socket
    for payload in session.told[said["seq"] :]:
        await _send(session, payload)
    await _tell(session, "RESUMED", {})
    return session


async def _tell(session: _Session, event: str, data: dict[str, Any]) -> None:
    payload = {"op": 0, "t": event, "s": len(session.told) + 1, "d": data}
    session.told.append(payload)
    await _send(session, payload)


async def _send(session: _Session, payload: dict[str, Any]) -> None:
    if session.socket is not None and not session.socket.closed:
        with suppress(ConnectionError, asyncio.CancelledError):
            await session.socket.send_json(payload)


# ---- what things look like
