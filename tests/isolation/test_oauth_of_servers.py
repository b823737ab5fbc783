"""What a tool server says about where to sign in is checked before anything is sent there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from discreet.domain.errors import BadInput, DiscreetError, Unavailable
from discreet.tools.oauth import Kept, SignInLost, finish, look, renew, revoke
from tests.support.waiting import until

RESOURCE = "/.well-known/oauth-protected-resource/mcp"
SERVER = "/.well-known/oauth-authorization-server"


@asynccontextmanager
async def saying(**changed: Mapping[str, Any]) -> AsyncIterator[tuple[str, list[str]]]:
    """Serve metadata on loopback; yield the tool server's URL, and the paths asked for."""
    asked: list[str] = []
    base = [""]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope)
        asked.append(f"{request.headers['host']}{request.url.path}")
        url = base[0]
        pages: dict[str, dict[str, Any]] = {
            RESOURCE: {"resource": f"{url}/mcp", "authorization_servers": [url]},
            SERVER: {
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "registration_endpoint": f"{url}/register",
                "code_challenge_methods_supported": ["S256"],
            },
        }
        pages[RESOURCE] |= changed.get("resource", {})
        pages[SERVER] |= changed.get("server", {})
        found = pages.get(request.url.path)
        answer = Response(status_code=401) if found is None else JSONResponse(found)
        if request.url.path == "/away":
            answer = Response(status_code=307, headers={"Location": f"{url}/elsewhere"})
        await answer(scope, receive, send)

    running = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    running.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.get_running_loop().create_task(running.serve())
    try:
        await until(lambda: running.started, "the server listens")
        base[0] = f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
        yield f"{base[0]}/mcp", asked
    finally:
        running.should_exit = True
        await task


async def anywhere(url: str) -> str:
    """Let every URL be called."""
    return url


async def test_what_does_not_fit_the_server_is_refused() -> None:
    async with saying() as (url, _):
        await look(url, anywhere)
    for changed, why, kind in (
        ({"resource": {"resource": "http://127.0.0.1:1/mcp"}}, "another address", Unavailable),
        ({"server": {"issuer": "https://other.example"}}, "different issuer", Unavailable),
        ({"server": {"code_challenge_methods_supported": ["plain"]}}, "PKCE", Unavailable),
        ({"server": {"code_challenge_methods_supported": None}}, "PKCE", Unavailable),
        (
            {"resource": {"authorization_servers": ["http://localhost:1"]}},
            "isn't https",
            BadInput,
        ),
    ):
        async with saying(**changed) as (url, _):
            with pytest.raises(kind, match=why):
                await look(url, anywhere)


async def test_a_place_that_the_check_forbids_is_never_called() -> None:
    async def nowhere(url: str) -> str:
        raise BadInput(f"not {url}")

    async with saying() as (url, asked):
        with pytest.raises(DiscreetError):
            await look(url, nowhere)
        assert asked == [f"{urlsplit(url).netloc}/mcp"]  # the server itself, which the owner named


async def test_a_name_is_looked_up_once_and_the_call_goes_to_the_address_that_was_checked() -> None:
    async with saying() as (url, asked):
        port = urlsplit(url).port

        async def found(named: str) -> str:
            # This name has no address, so nothing can have looked it up again.
            return named.replace("shop.invalid", "127.0.0.1")

        server = f"http://shop.invalid:{port}"
        kept = Kept(
            client={"client_id": "x", "redirect_uris": ["https://agent.example/connect/back"]},
            issuer=server,
            token_endpoint=f"{server}/token",
            revocation_endpoint=f"{server}/away",
            redirect_uri="https://agent.example/connect/back",
            resource=f"{server}/mcp",
            refresh_token="renews it",
        )
        with pytest.raises(SignInLost, match="401"):
            await renew(f"{server}/mcp", kept, found)
        assert asked == [f"shop.invalid:{port}/token"]
        # A redirect to elsewhere isn't followed, so nothing is sent there.
        assert await revoke(f"{server}/mcp", kept, found) is False
        assert asked[1:] == [f"shop.invalid:{port}/away"]


async def test_an_answer_of_another_issuer_is_not_exchanged() -> None:
    kept = Kept(
        client={"client_id": "x"},
        issuer="https://right.example",
        token_endpoint="https://right.example/token",
        redirect_uri="https://agent.example/connect/back",
        resource="https://right.example/mcp",
        states_issuer=True,
    )
    for issuer in ("https://wrong.example", None):
        with pytest.raises(SignInLost):
            await finish("https://right.example/mcp", kept, "code", issuer, anywhere)
