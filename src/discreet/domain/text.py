"""Validate and sanitize text from outside."""

from __future__ import annotations

import re
import unicodedata

from discreet.domain.errors import BadInput

MAX_TEXT = 65_536
"""Maximum characters in one message. Platforms have smaller limits; this one is for terminals."""

MAX_NAME = 128
"""Maximum characters kept of a display name."""

MAX_THREAD_KEY = 200
"""Maximum characters of a thread key."""

_KEPT_CONTROLS = {"\n", "\t"}
JOINERS = frozenset("\u200c\u200d")
"""Format characters used in Persian spelling and in many emoji. The others reorder, hide or tag
text.
"""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# A terminal can show characters unknown to this Python, such as a new emoji.
_ACTING = frozenset({"Cc", "Cf", "Cs"})

# Default_Ignorable_Code_Point of Unicode 16, even for characters unknown to this Python, and
# characters that look blank but aren't spaces.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U00013441\U00013442\U00016fe4"
    "\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def is_hidden(char: str) -> bool:
    """Return whether a character is invisible or has an effect of its own.

    These are control, format, private and unassigned characters and line separators, but not
    joiners.
    """
    return unicodedata.category(char) in _HIDDEN and char not in JOINERS


def is_visible(key: str) -> bool:
    """Return whether every character of an id is visible, or a space within it.

    Control and invisible characters and variation selectors are not. Two ids that look the same
    could be two people.
    """
    return key.isprintable() and _UNSEEN.search(key) is None


def checked_thread_key(key: str) -> str:
    """Return the key unchanged if it is valid. A repaired key could be somebody else's.

    Raises:
        BadInput: too long, or with white space at either end, or control or invisible characters.
    """
    plain = key == key.strip() and is_visible(key) and unicodedata.is_normalized("NFC", key)
    if len(key) > MAX_THREAD_KEY or not plain:
        raise BadInput(
            f"{key[:60]!a} is not a valid thread key.",
            hint=f"Use up to {MAX_THREAD_KEY} visible characters, such as trip:lisbon.",
        )
    return key


def checked_text(text: str) -> str:
    """Return a message's text as it is stored: newlines unified, control characters removed.

    Raises:
        BadInput: empty, longer than ``MAX_TEXT``, or not valid Unicode.
    """
    if len(text) > MAX_TEXT:
        raise BadInput(
            f"The message is {len(text):,} characters long; the maximum is {MAX_TEXT:,}.",
            hint="Split it into several messages.",
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
        raise BadInput("The message is empty.", hint="Type a message.")
    return text


def valid_unicode(text: str) -> str:
    """Replace unpaired surrogates with question marks.

    They come from bytes that aren't UTF-8 and from broken JSON escapes.
    """
    return text.encode("utf-8", "replace").decode()


def plain_name(name: str) -> str:
    """Return a harmless display name: one line, no control, format or bidirectional characters.

    It is for display only; a name never identifies anybody.
    """
    name = valid_unicode(name)
    kept = (" " if c.isspace() else c for c in name if c.isspace() or not is_hidden(c))
    return " ".join("".join(kept).split())[:MAX_NAME]


def literal(words: str, most: int = MAX_NAME) -> str:
    """Return a text as one code span of CommonMark, of at most ``most`` characters.

    On every platform it is shown literally, and can't be a link, a command or one of our labels.
    """
    words = valid_unicode(words)
    kept = (" " if c.isspace() else c for c in words if c.isspace() or not is_hidden(c))
    line = " ".join("".join(kept).split()).replace("`", "\u02cb")
    return f"`{line if len(line) <= most else line[: most - 1] + '…'}`" if line else "`-`"


def terminal_text(text: str) -> str:
    """Remove escape, control and bidirectional characters that are unsafe on a terminal."""
    return "".join(
        c
        for c in text
        if c in _KEPT_CONTROLS or c in JOINERS or unicodedata.category(c) not in _ACTING
    )
