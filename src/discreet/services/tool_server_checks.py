"""Check what an owner gives for a new tool server."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit
from uuid import uuid4

from discreet.domain.errors import BadInput
from discreet.domain.ids import AgentId, OwnerId
from discreet.schemas.tools import (
    CommandToAdd,
    ToolServerToAdd,
)
from discreet.tools.servers import ClientId, McpServer


def checked_server(
    owner_id: OwnerId, agent_id: AgentId, given: ToolServerToAdd | CommandToAdd
) -> McpServer:
    if isinstance(given, ToolServerToAdd):
        if given.signs_in and given.shared:
            raise BadInput("A server where contacts sign in can't be shared by all of them.")
        return McpServer(
            uuid4(),
            owner_id,
            agent_id,
            given.name,
            url=_checked_url(given.url),
            shared=given.shared,
            tells_addresses=given.tells_addresses,
            signs_in=given.signs_in,
            client=_client(given),
            headers=_checked_headers(given.headers),
        )
    return McpServer(
        uuid4(),
        owner_id,
        agent_id,
        given.name,
        command=tuple(given.command),
        shared=given.shared,
        trusted=given.trusted,
        ports=tuple(sorted(set(given.ports))),
        readable=tuple(given.readable),
        tells_addresses=given.tells_addresses,
        environment=given.environment,
    )


def _client(given: ToolServerToAdd) -> ClientId | None:
    if given.client_id is None:
        if given.client_secret is not None:
            raise BadInput("A client's secret needs the client's id.", hint="Add --client-id.")
        return None
    if not given.signs_in:
        raise BadInput(
            "A client's id only works for a server where contacts sign in.", hint="--sign-in"
        )
    return ClientId(given.client_id, given.client_secret)


def _checked_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or "@" in parts.netloc or parts.fragment or not text.isprintable():
        raise BadInput(
            f"{text!a} is not the URL of a server.",
            hint="Write https://host/path; credentials go into a header (--header).",
        )
    return text


def _checked_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not name.replace("-", "").isalnum() or not name.isascii() or not value.isprintable():
            raise BadInput(f"{name!a} can't be a header, or its value contains a line end.")
        if name.lower().startswith("discreet-"):
            raise BadInput(f"The header {name} is reserved for Discreet.")
    return headers
