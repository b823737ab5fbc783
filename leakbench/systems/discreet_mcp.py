"""Discreet over MCP, with a token of each contact and the SDK's own client."""

from __future__ import annotations

from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from leakbench.attacks import Person, System
from leakbench.systems import discreet_rest
from leakbench.systems._discreet import PACKAGES

__all__ = ["PACKAGES", "SAYS", "TITLE", "open_system"]

TITLE = "Discreet, MCP"
SAYS = "A contact's token determines the memory; an odd identity is an argument of `start_session`."


class _Person(Person):
    def __init__(self, system: _System, who: Any) -> None:
        self.system, self.said = system, []
        own = isinstance(who, str) and who.replace("_", "").isalnum() and who.isascii()
        self.named = {} if own else {"sender": who}
        self.token = system.tokens[system.make(who if own else "alice")]

    def _call(self, tool: str, **given: Any) -> Any:
        self.said.append(f"{tool}({', '.join(given)}) after start_session({self.named or ''})")

        async def work() -> Any:
            headers = {"Authorization": f"Bearer {self.token}"}
            async with (
                httpx2.AsyncClient(headers=headers, timeout=60) as http,
                Client(
                    streamable_http_client(f"{self.system.url}/mcp", http_client=http)
                ) as client,
            ):
                for name, arguments in (("start_session", self.named), (tool, given)):
                    done = await client.call_tool(name, arguments)
                    if done.is_error:
                        raise PermissionError(str(done.content)[:200])
                return done.structured_content

        return self.system.installation.wait(work())

    def remember(self, text: str) -> str:
        return str(self._call("remember", content=text)["id"])

    def recall(self, query: Any) -> list[str]:
        return [one["content"] for one in self._call("recall", query=query, limit=50)["items"]]

    def everything(self) -> list[str]:
        return [one["content"] for one in self._call("list_memories")["items"]]

    def get(self, memory_id: str) -> str:
        return str(self._call("get_memory", memory_id=memory_id))

    def update(self, memory_id: str, text: str) -> None:
        self._call("update_memory", memory_id=memory_id, content=text)

    def forget(self, memory_id: str) -> None:
        self._call("forget", memory_id=memory_id)

    def history(self, memory_id: str) -> list[str]:
        return [str(self._call("get_memory_history", memory_id=memory_id))]


class _System(discreet_rest._System):
    def person(self, who: Any) -> Person:
        return _Person(self, who)


def open_system() -> System:
    """Open an empty one."""
    return _System()
