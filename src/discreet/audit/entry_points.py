"""Call an installation's REST and MCP as a program that holds a contact's token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from discreet.audit.attacks import Call

__all__ = ["Entries"]

MCP_VERSION = "2025-06-18"
TIMEOUT_SECONDS = 120.0
_TOOLS = {
    "recall": "recall", "list": "list_memories", "get": "get_memory", "update": "update_memory",
    "forget": "forget", "history": "get_memory_history", "restore": "restore_memory",
    "remember": "remember", "messages": "list_messages", "sessions": "list_sessions",
    "contacts": "list_contacts", "start_session": "start_session",
    "search_messages": "search_conversation",
}  # fmt: skip


@dataclass
class Entries:
    """REST and MCP at one address, with one token."""

    base_url: str
    token: str
    _session: dict[str, str] = field(default_factory=dict)

    async def call(self, call: Call) -> str:
        """Make a call; return everything that came back, refusals included."""
        if call.way == "mcp":
            return await self._mcp(call)
        return await self._rest(call)

    async def _rest(self, call: Call) -> str:
        method, path, body = _request(call)
        params = _named(call.arguments)
        async with self._client() as client:
            response = await client.request(
                method, f"/api{path}", params=params, json=body or None, headers=self._headers()
            )
        return f"{response.status_code} {response.headers}\n{response.text}"

    async def _mcp(self, call: Call) -> str:
        tool = _TOOLS.get(call.operation)
        if tool is None:
            return await self._rest(call)
        async with self._client() as client:
            if not self._session:
                begun = await client.post("/mcp/", json=_INITIALIZE, headers=self._headers())
                self._session["mcp-session-id"] = begun.headers.get("mcp-session-id", "")
                await self._tool(client, "start_session", {})
            answer = await self._tool(client, tool, _arguments(call))
            for uri in _RESOURCES if call.operation == "list" else ():
                answer += await self._post(client, "resources/read", {"uri": uri})
        return answer

    async def _tool(self, client: httpx.AsyncClient, name: str, given: Mapping[str, Any]) -> str:
        return await self._post(client, "tools/call", {"name": name, "arguments": dict(given)})

    async def _post(self, client: httpx.AsyncClient, method: str, params: Mapping[str, Any]) -> str:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": dict(params)}
        response = await client.post(
            "/mcp/", json=request, headers={**self._headers(), **self._session}
        )
        return f"{response.status_code}\n{response.text}"

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.base_url, timeout=TIMEOUT_SECONDS, trust_env=False)

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/json, text/event-stream",
            "mcp-protocol-version": MCP_VERSION,
        }


_RESOURCES = ("discreet://session/transcript", "discreet://session/knowledge")
_INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": MCP_VERSION,
        "capabilities": {},
        "clientInfo": {"name": "sb audit", "version": "1"},
    },
}


def _request(call: Call) -> tuple[str, str, dict[str, Any]]:
    """Return the method, path and body of an operation over REST."""
    given = call.arguments
    one = quote(str(given.get("id", "")), safe="")
    others = {} if "filter" not in given else {"filters": given["filter"]}
    searched = {"query": str(given.get("query", "")), **others}
    if "limit" in given:
        searched["limit"] = given["limit"]
    match call.operation:
        case "recall":
            return "POST", "/memories/recall", searched
        case "search_messages":
            return "POST", "/messages/search", searched
        case "list":
            return "GET", "/memories", {}
        case "remember":
            return "POST", "/memories", {"content": given.get("text", "")}
        case "get":
            return "GET", f"/memories/{one}", {}
        case "update":
            return "PATCH", f"/memories/{one}", {"content": given.get("text", "")}
        case "forget":
            return "DELETE", f"/memories/{one}", {}
        case "history":
            return "GET", f"/memories/{one}/history", {}
        case "restore":
            return "POST", f"/memories/{one}/restore", {"version": given.get("version", 1)}
        case "messages":
            return "GET", f"/sessions/{one}/messages", {}
        case "sessions":
            return "GET", "/sessions", {}
        case "contacts":
            return "GET", "/admin/contacts", {}
        case "start_session":
            session = quote(str(given.get("session", "")), safe="")
            return "GET", f"/sessions/{session}", {}
        case "send":
            return "POST", "/messages", {
                "text": given.get("text", ""), "replies_to": given.get("reply_to"),
            }  # fmt: skip
        case _:
            raise AssertionError(call.operation)


def _named(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that name somebody else."""
    if "user" not in given:
        return {}
    user = given["user"]
    if isinstance(user, str) and ":" in user:
        return {"sender": user}
    return {"contact_id": "" if user is None else user}


def _arguments(call: Call) -> dict[str, Any]:
    """Return the arguments of an operation as an MCP tool."""
    given = dict(call.arguments)
    names = {"id": "memory_id", "text": "content", "user": "contact_id", "filter": "filters",
             "session": "session_id"}  # fmt: skip
    if call.operation == "messages":
        names["id"] = "session_id"
    return {names.get(name, name): value for name, value in given.items()}
