"""Accounts at the authorization server of fastmcp, a process of its own."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx

from discreet.tools.oauth import Begun, Kept, SignInLost, begin, finish, renew, revoke
from tests.support.waiting import until_sync

BACK = "https://agent.example/connect/back"
# Its own provider, as it comes: whoever comes to its page is let in.
SERVER = """
import sys
from fastmcp import FastMCP
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from mcp.server.auth.settings import ClientRegistrationOptions, RevocationOptions

port = int(sys.argv[1])
bank = FastMCP("bank", auth=InMemoryOAuthProvider(
    base_url=f"http://127.0.0.1:{port}",
    client_registration_options=ClientRegistrationOptions(enabled=True),
    revocation_options=RevocationOptions(enabled=True),
))
bank.run(transport="http", host="127.0.0.1", port=port, show_banner=False)
"""


def try_accounts(python: Path) -> bool:
    """Sign in, renew and revoke; return whether the server took what is right and nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen([python, "-c", SERVER, str(port)], stdout=quiet, stderr=quiet)
    url = f"http://127.0.0.1:{port}/mcp"
    try:
        until_sync(lambda: server.poll() is not None or _answers(url), "a server", every=0.2)
        wrong = asyncio.run(_wrong(url))
    finally:
        server.terminate()
        server.wait()
    print(f"fastmcp: accounts: {', '.join(wrong) or 'all as it should be'}")
    return not wrong


async def _wrong(url: str) -> list[str]:
    mine, other = await asyncio.gather(*(begin(url, BACK, _anywhere) for _ in range(2)))
    code, code_of_other = _consent(mine), _consent(other)
    found = {
        "another's code": await _is_refused(_finish(url, mine, code_of_other)),
        "my own code": not await _is_refused(_finish(url, other, code_of_other)),
    }
    kept = await _finish(url, mine, code)()
    found["a code twice"] = await _is_refused(_finish(url, mine, code))
    found["my token"] = _is_let_in(url, kept.access_token)
    new = await renew(url, kept, _anywhere)
    found["the renewed token"] = _is_let_in(url, new.access_token)
    found["renewing twice"] = await _is_refused(lambda: renew(url, kept, _anywhere))
    found["revoking"] = await revoke(url, new, _anywhere)
    found["a revoked token"] = not _is_let_in(url, new.access_token)
    found["renewing a revoked one"] = await _is_refused(lambda: renew(url, new, _anywhere))
    return [what for what, is_right in found.items() if not is_right]


async def _anywhere(url: str) -> str:
    return url


def _answers(url: str) -> bool:
    try:
        return bool(httpx.get(url).status_code)
    except httpx.TransportError:
        return False


def _consent(begun: Begun) -> str:
    back = parse_qs(urlsplit(httpx.get(begun.url).headers["location"]).query)
    assert back["state"] == [begun.state]
    return back["code"][0]


def _finish(url: str, begun: Begun, code: str) -> Callable[[], Awaitable[Kept]]:
    return lambda: finish(url, begun.kept, code, None, _anywhere)


async def _is_refused(attempt: Callable[[], Awaitable[Kept]]) -> bool:
    try:
        await attempt()
    except SignInLost:
        return True
    return False


def _is_let_in(url: str, token: str) -> bool:
    headers = {
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {token}",
    }
    about = {"name": "try", "version": "1"}
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": about}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    return httpx.post(url, headers=headers, json=asked).status_code == 200
