"""A served installation, also for clients that can't send a token."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from discreet.http_server import serving_http

SB = str(Path(sys.executable).parent / "sb")


@dataclass(frozen=True, slots=True)
class Served:
    """``sb serve`` on its own home. ``url``: its MCP endpoint."""

    home: Path
    url: str

    def sb(self, *words: str) -> str:
        """Return the output of a command."""
        done = subprocess.run(
            [SB, *words], env=_environment(self.home), capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


@contextmanager
def served() -> Iterator[Served]:
    """Yield a fresh, served installation, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="discreet-conformance-") as folder:
        home = Path(folder) / "home"
        process = subprocess.Popen(
            [SB, "serve"],
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout
            found = (re.search(r"MCP at (\S+)", line) for line in process.stdout)
            where = next((match[1] for match in found if match), None)
            assert where is not None, "sb serve does not serve"
            yield Served(home, where)
        finally:
            process.terminate()
            process.communicate(timeout=180)


@asynccontextmanager
async def showing(token: str, url: str) -> AsyncIterator[str]:
    """Yield a URL that forwards to ``url`` with this token, for a client that can't send one."""

    async def pass_on(request: Request) -> Response:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name not in ("authorization", "content-length")
        }
        answer = await http.request(
            request.method,
            url,
            content=await request.body(),
            headers=headers | {"authorization": f"Bearer {token}"},
        )
        kept = {
            name: value
            for name, value in answer.headers.items()
            if name not in ("content-length", "content-encoding", "transfer-encoding")
        }
        return Response(answer.content, answer.status_code, kept)

    methods = ["GET", "POST", "DELETE"]
    async with httpx.AsyncClient(timeout=180) as http:
        app = Starlette(routes=[Route("/mcp/", pass_on, methods=methods)])
        async with serving_http(app, "127.0.0.1:0", setting="DISCREET_LISTEN") as address:
            yield f"{address}/mcp/"


def _environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "DISCREET_HOME": str(home),
        "DISCREET_LISTEN": "127.0.0.1:0",
        "LANG": "C.UTF-8",
    }
