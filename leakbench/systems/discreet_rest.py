"""Discreet over HTTP, with a token of each contact; the attacker also names others in the request."""

from __future__ import annotations

from typing import Any

import httpx

from discreet.asgi import http_app
from discreet.auth.tokens import create_token
from discreet.http_server import serving_http
from leakbench.attacks import Person, System
from leakbench.systems._discreet import PACKAGES, Installation

__all__ = ["PACKAGES", "SAYS", "TITLE", "open_system"]

TITLE = "Discreet, REST"
SAYS = "A contact's token determines the memory; an odd identity is sent as `sender` with a valid token."


class _Person(Person):
    def __init__(self, system: _System, who: Any) -> None:
        self.system, self.said, self.params = system, [], {}
        if not isinstance(who, str) or who not in system.tokens:
            if isinstance(who, str) and who.isprintable() and who.replace("_", "").isalnum():
                system.make(who)
            else:  # no such contact: the valid token, with the odd identity as a parameter
                self.params = {"sender": str(who)}
                who = system.make("alice")
        self.token = system.tokens[who]

    def _call(self, method: str, path: str, **more: Any) -> Any:
        self.said.append(f"{method} {path} {self.params or ''}".strip())
        headers = {"Authorization": f"Bearer {self.token}"}
        params = {**self.params, **more.pop("params", {})}
        response = httpx.request(
            method, f"{self.system.url}{path}", headers=headers, params=params, timeout=60, **more
        )
        response.raise_for_status()
        return response.json() if response.content else None

    def remember(self, text: str) -> str:
        return str(self._call("POST", "/api/memories", json={"content": text})["id"])

    def recall(self, query: Any) -> list[str]:
        found = self._call("POST", "/api/memories/recall", json={"query": query, "limit": 50})
        return [one["content"] for one in found["items"]]

    def everything(self) -> list[str]:
        return [one["content"] for one in self._call("GET", "/api/memories")["items"]]

    def get(self, memory_id: str) -> str:
        return str(self._call("GET", f"/api/memories/{memory_id}"))

    def update(self, memory_id: str, text: str) -> None:
        self._call("PATCH", f"/api/memories/{memory_id}", json={"content": text})

    def forget(self, memory_id: str) -> None:
        self._call("DELETE", f"/api/memories/{memory_id}")

    def history(self, memory_id: str) -> list[str]:
        return [str(self._call("GET", f"/api/memories/{memory_id}/history"))]


class _System(System):
    def __init__(self) -> None:
        self.installation = Installation()
        self.tokens: dict[str, str] = {}
        self.url = self.installation.wait(self._serve())

    async def _serve(self) -> str:
        served = serving_http(
            http_app(self.installation.app), "127.0.0.1:0", setting="DISCREET_LISTEN"
        )
        url: str = await self.installation.stack.enter_async_context(served)
        return url.rstrip("/")

    def make(self, who: str) -> str:
        """Make a contact with a token of its own."""
        if who not in self.tokens:

            async def work() -> str:
                await self.installation.scope_of(who)
                app = self.installation.app
                return (await create_token(app.db, app.owner_id, contact=f"terminal:{who}"))[1]

            self.tokens[who] = self.installation.wait(work())
        return who

    def person(self, who: Any) -> Person:
        return _Person(self, who)

    def close(self) -> None:
        self.installation.close()


def open_system() -> System:
    """Open an empty one."""
    return _System()
