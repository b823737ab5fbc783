"""The results of tools, as data within a limit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

MAX_CHARACTERS = 24_000
"""Characters of one result. The middle of a longer one is left out."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came back. ``is_error``: the tool says that it failed; ``text`` says how."""

    text: str
    structured: Any = None
    is_error: bool = False


def result_of(given: Any) -> ToolResult:
    """Return the result of a call of MCP: its texts, and notes in place of everything else."""
    parts = [_part(block) for block in given.content]
    structured = given.structured_content
    whole = "\n".join(part for part in parts if part)
    if structured is not None and (
        _says_the_same(whole, structured) or len(json.dumps(structured)) > MAX_CHARACTERS
    ):
        whole = whole or json.dumps(structured, ensure_ascii=False)
        structured = None
    return ToolResult(shorten(whole), structured, bool(given.is_error))


def shorten(text: str, most: int = MAX_CHARACTERS) -> str:
    """Shorten a text, with a note in place of its middle."""
    if len(text) <= most:
        return text
    head = most * 2 // 3
    tail = most - head
    return f"{text[:head]} [… {len(text) - most:,} characters left out …] {text[-tail:]}"


def _part(block: Any) -> str:
    match block.type:
        case "text":
            return str(block.text)
        case "image" | "audio":
            size = len(block.data) * 3 // 4
            return f"[{block.type} of type {block.mime_type}, {size:,} bytes, not shown]"
        case "resource_link":
            return f"[link to {block.uri}: {block.name}]"
        case "resource":
            text = getattr(block.resource, "text", None)
            return text if text is not None else f"[file {block.resource.uri}, not shown]"
        case other:
            return f"[{other}, not shown]"


def _says_the_same(text: str, structured: Any) -> bool:
    if structured == {"result": text}:
        return True
    try:
        said = json.loads(text)
        return structured in (said, {"result": said})
    except (ValueError, RecursionError):
        return False
