"""An owner's tool server, and the tools that it offers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from discreet.domain.errors import BadInput
from discreet.domain.ids import AgentId, OwnerId

MAX_TOOLS = 128
MAX_NAME = 200
"""Characters of a tool's name."""
MAX_DESCRIPTION = 4_000
"""Characters of a tool's description."""
MAX_SCHEMA = 20_000
"""Characters of a tool's schema, as JSON."""
MAX_MODEL_NAME = 64
"""The longest name of a tool that all providers accept."""
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class ClientId:
    """A client that the owner registered at an authorization server."""

    id: str
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class McpServer:
    """How to reach a server: at a URL, or as a child process.

    ``shared``: one session serves everybody, as the owner declared it stateless. ``trusted``: it
    runs without a sandbox. ``ports``: TCP ports that a child may connect to; empty: it has no
    network. ``readable``: further files that it may read. ``tells_addresses``: whether it is told
    the addresses of contacts. ``signs_in``: each person connects an account there; ``client``:
    what the owner registered for that, if anything. ``account``: the connection that a session
    uses.
    """

    id: UUID
    owner_id: OwnerId
    agent_id: AgentId
    name: str
    url: str | None = None
    command: tuple[str, ...] = ()
    shared: bool = False
    trusted: bool = False
    ports: tuple[int, ...] = ()
    readable: tuple[str, ...] = ()
    tells_addresses: bool = False
    signs_in: bool = False
    client: ClientId | None = None
    account: UUID | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ToolDescription:
    """A tool as its server describes it. ``reads_only``: the server says that it changes nothing.

    ``called``: its name for the model.
    """

    name: str
    called: str
    description: str
    schema: Mapping[str, Any]
    reads_only: bool

    def as_json(self) -> dict[str, Any]:
        """Return it as stored."""
        return {
            "name": self.name,
            "called": self.called,
            "description": self.description,
            "schema": dict(self.schema),
            "reads_only": self.reads_only,
        }


def describe_tool(
    server: str, name: str, description: str, schema: Mapping[str, Any], *, reads_only: bool
) -> ToolDescription:
    """Return a tool as it is stored and shown to the model.

    Raises:
        BadInput: its name, description or schema is too long.
    """
    if len(name) > MAX_NAME:
        raise BadInput(f"A tool has a name of more than {MAX_NAME} characters.")
    if len(description) > MAX_DESCRIPTION:
        raise BadInput(
            f"The tool {name!a} has a description of more than {MAX_DESCRIPTION:,} characters."
        )
    if len(json.dumps(schema)) > MAX_SCHEMA:
        raise BadInput(f"The tool {name!a} has a schema of more than {MAX_SCHEMA:,} characters.")
    return ToolDescription(name, name_for_model(server, name), description, schema, reads_only)


def name_for_model(server: str, tool: str) -> str:
    """Return ``server__tool``; a name that providers would reject is shortened and marked."""
    plain = f"{server}__{_NOT_IN_NAMES.sub('_', tool)}"
    if plain == f"{server}__{tool}" and len(plain) <= MAX_MODEL_NAME:
        return plain
    mark = hashlib.sha256(tool.encode()).hexdigest()[:6]
    return f"{plain[: MAX_MODEL_NAME - 7]}_{mark}"
