"""Text from outside: what is taken, what is refused, what is made harmless for showing."""

from __future__ import annotations

import unicodedata

from discreet.domain.errors import BadInput

MAX_TEXT = 65_536
"""Characters in one message. A platform's own limit is smaller; this one is for terminals."""

MAX_NAME = 128
"""Characters of a display name that are kept."""

_KEPT_CONTROLS = {"\n", "\t"}
# Joiners shape emoji and several scripts; every other invisible format character is dropped.
_KEPT_FORMATS = {"\u200c", "\u200d"}


def checked_text(text: str) -> str:
    """The text of a message as it is stored: newlines unified, control characters dropped.

    Raises:
        BadInput: empty, longer than ``MAX_TEXT``, or not valid Unicode.
    """
    if len(text) > MAX_TEXT:
        raise BadInput(
            f"The message is {len(text):,} characters long; at most {MAX_TEXT:,} are taken.",
            hint="Send it in parts.",
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput("The message is not valid UTF-8.", hint="Send it as UTF-8 text.") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(
        c for c in text if c in _KEPT_CONTROLS or unicodedata.category(c) not in ("Cc", "Cs")
    )
    if not text.strip():
        raise BadInput("The message is empty.", hint="Write something.")
    return text


def plain_name(name: str) -> str:
    """A display name that can't act: one line, no control, format or bidirectional characters.

    It is for showing only; a name never identifies anybody.
    """
    name = name.encode("utf-8", "replace").decode("utf-8", "replace")
    kept = (
        " " if c.isspace() else c
        for c in name
        if c.isspace() or c in _KEPT_FORMATS or unicodedata.category(c) not in _DROPPED
    )
    return " ".join("".join(kept).split())[:MAX_NAME]


_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def terminal_text(text: str) -> str:
    """A text that can be written to a terminal: no escape, control or bidirectional characters."""
    return "".join(
        c
        for c in text
        if c in _KEPT_CONTROLS or c in _KEPT_FORMATS or unicodedata.category(c) not in _HIDDEN
    )


_HIDDEN = frozenset({"Cc", "Cf", "Cs"})
