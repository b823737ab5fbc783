"""Escape names and texts of others, so that a model can't mistake them for instructions."""

from __future__ import annotations

import json
import re
from typing import Any

from discreet.domain.text import JOINERS, is_hidden, plain_name

NAME_LENGTH = 64
# OpenAI's rule of thumb: a token is about four characters of English. Counted in UTF-8 bytes,
# because the usual tokenizers work on bytes; counting characters would underestimate other scripts.
BYTES_PER_TOKEN = 4
# Categories Cc (except tabs and line ends) and Cs.
_UNSTORABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def clean_name(name: str) -> str:
    """Return a name on one line, at most 64 characters, with no control or format characters."""
    return plain_name(name)[:NAME_LENGTH].strip()


def one_line(text: str) -> str:
    """Return a text on one line, without control or format characters."""
    spaced = "".join(" " if char.isspace() else char for char in text)
    return " ".join("".join(char for char in spaced if not is_hidden(char)).split())


def storable(text: str) -> str:
    """Remove control characters and unpaired surrogates from a model's text."""
    return _UNSTORABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def is_blank(text: str) -> bool:
    """Return whether a text has no visible characters."""
    return all(char.isspace() or char in JOINERS or is_hidden(char) for char in text)


def quote(text: Any) -> str:
    """Return a value as JSON on one line, with nothing hidden and no way to end a fence."""
    return "".join(
        _escape(char) if char in "<>&" or is_hidden(char) else char
        for char in json.dumps(text, ensure_ascii=False)
    )


def record(**fields: Any) -> str:
    """Return a JSON object on one line; fields that are None or empty are left out."""
    return (
        "{"
        + ", ".join(
            f"{quote(key)}: {quote(value)}"
            for key, value in fields.items()
            if value is not None and value not in ("", [], {})
        )
        + "}"
    )


def tagged(tag: str, records: list[str]) -> str:
    """Return records, one per line, between tags that quoted text can't contain."""
    return "\n".join([f"<{tag}>", *records, f"</{tag}>"])


def tokens(text: str) -> int:
    """Return approximately how many tokens a text has."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def clip(text: str, limit: int) -> str:
    """Shorten a text to about ``limit`` tokens, with a note in place of its middle."""
    if tokens(text) <= limit:
        return text
    # Characters may be several bytes, so scale by this text's own density.
    room = max(2, len(text) * limit // tokens(text))
    head, tail = room * 2 // 3, room - room * 2 // 3
    return f"{text[:head]} [… {len(text) - head - tail} characters left out …] {text[-tail:]}"


def _escape(char: str) -> str:
    code = ord(char)
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
