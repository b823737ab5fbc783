"""MCP resources and the prompt: the session's transcript and knowledge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import mcp_types as types

from discreet.domain.errors import BadInput, NotFound
from discreet.mcp.tools import ToolCall
from discreet.schemas.attribution import OWNER
from discreet.schemas.memories import GetKnowledge, Memory
from discreet.scope import OwnerScope
from discreet.services import memories, sessions
from discreet.sessions import transcript
from discreet.turn.load import party_of
from discreet.turn.prompt import OF_CONTACTS, whom_you_talk_to

TRANSCRIPT, KNOWLEDGE = "discreet://session/transcript", "discreet://session/knowledge"
TALKING_TO = "talking_to"
MAX_LINES = 500
"""Maximum lines of a transcript in one read, the newest."""
KNOWLEDGE_TOKENS = 2000
JSON = "application/json"


def resources(call: ToolCall) -> list[types.Resource]:
    """Return the resources of this connection; none before its session."""
    if call.connection.session_id is None:
        return []
    return [
        types.Resource(
            uri=TRANSCRIPT,
            name="transcript",
            description="The messages of this session, oldest first.",
            mime_type=JSON,
        ),
        types.Resource(
            uri=KNOWLEDGE,
            name="knowledge",
            description="The critical and high memories this session starts with.",
            mime_type=JSON,
        ),
    ]


async def read(call: ToolCall, uri: str) -> types.TextResourceContents:
    """Read one resource as JSON records.

    Raises:
        NotFound: there is no such resource on this connection.
    """
    if uri not in {str(one.uri) for one in resources(call)}:
        raise NotFound(f"There is no resource {uri!a}.")
    records = await (_transcript(call) if uri == TRANSCRIPT else _knowledge(call))
    text = json.dumps(records, ensure_ascii=False, indent=1)
    return types.TextResourceContents(uri=uri, mime_type=JSON, text=text)


def prompts(call: ToolCall) -> list[types.Prompt]:
    """Return the prompts of this connection; none before its session."""
    if call.connection.session_id is None:
        return []
    return [
        types.Prompt(
            name=TALKING_TO,
            description="Describe who you are talking to and who else can read it.",
            arguments=[],
        )
    ]


async def prompt(call: ToolCall, name: str, arguments: Mapping[str, str]) -> types.GetPromptResult:
    """Return the prompt that tells a model whom it is talking to.

    Raises:
        NotFound: there is no such prompt on this connection.
        BadInput: it was given an argument.
    """
    if name not in {one.name for one in prompts(call)}:
        raise NotFound(f"There is no prompt {name!a}.")
    if arguments:
        raise BadInput(f"There is no argument {next(iter(arguments))!a}.")
    scope = call.connection.scope
    async with call.db.begin(scope) as tx:
        party = await party_of(tx, scope)
    session = await sessions.get_session(call.context, call.session_id)
    text = whom_you_talk_to(party, session.thread_key)
    if isinstance(scope, OwnerScope):
        text += f"\n{OF_CONTACTS}"
    content = types.TextContent(type="text", text=text)
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=content)])


async def _transcript(call: ToolCall) -> list[dict[str, Any]]:
    async with call.db.begin(call.connection.scope) as tx:
        lines = await transcript.messages_before(tx, call.session_id, 2**62, MAX_LINES)
    return [
        {
            "position": line.position,
            "said_by": line.sender_name or line.sender_address or "sender"
            if line.direction == "in"
            else "owner, in person"
            if line.in_person
            else "you",
            "address": line.sender_address,
            "at": line.created_at.isoformat(),
            "text": line.text,
        }
        for line in lines
    ]


async def _knowledge(call: ToolCall) -> list[dict[str, Any]]:
    found = await memories.get_knowledge(call.context, GetKnowledge(budget=KNOWLEDGE_TOKENS))
    return [_record(memory) for memory in found.items]


def _record(memory: Memory) -> dict[str, Any]:
    of = memory.whose
    label = {} if of is None or of == OWNER else {"whose": f"contact {of.label}"}
    return {
        "id": str(memory.id),
        **label,
        "salience": memory.salience,
        "content": memory.content,
    }
