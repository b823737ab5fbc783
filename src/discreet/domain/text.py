"""Validate and sanitise text from outside."""

from __future__ import annotations

import re
import unicodedata

from discreet.domain.errors import BadInput

MAX_TEXT = 65_536
"""Characters in one message. A platform's own limit is smaller; this one is for terminals."""

MAX_NAME = 128
"""Characters of a display name that are kept."""

MAX_THREAD_KEY = 200
"""Characters of a thread key."""

_KEPT_CONTROLS = {"\n", "\t"}
JOINERS = frozenset("\u200c\u200d")
"""Format characters that are part of spelling in Persian and in many emoji. The other ones reorder,
hide or tag text."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# A terminal shows what this Python doesn't know yet, such as a new emoji.
_ACTING = frozenset({"Cc", "Cf", "Cs"})

# Default_Ignorable_Code_Point of Unicode 16, also where this Python doesn't know a character yet,
# and characters that are blank without being spaces.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U00013441\U00013442\U00016fe4"
    "\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def is_hidden(char: str) -> bool:
    """Return whether a character shows nothing or acts: a control, format, private or unassigned
    character, or a separator of lines. Joiners are not."""
    return unicodedata.category(char) in _HIDDEN and char not in JOINERS


def is_visible(key: str) -> bool:
    """Return whether every character of an id can be seen, spaces within it included: no controls,
    no invisible characters, no variation selectors. Two ids that look the same could be two people.
    """
    return key.isprintable() and _UNSEEN.search(key) is None


def checked_thread_key(key: str) -> str:
    """Return the key as it is: refused rather than repaired, since a repaired one is another's.

    Raises:
        BadInput: too long, or with white space at its ends, control or invisible characters.
    """
    plain = key == key.strip() and is_visible(key) and unicodedata.is_normalized("NFC", key)
    if len(key) > MAX_THREAD_KEY or not plain:
        raise BadInput(
            f"{key[:60]!a} is no thread key.",
            hint=f"Up to {MAX_THREAD_KEY} visible characters, like trip:lisbon.",
        )
    return key


def checked_text(text: str) -> str:
    """Return the text of a message as it is stored: newlines unified, control characters dropped.

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
    """Return the text with a question mark for each half of a surrogate pair, which is what bytes
    that aren't UTF-8 and broken JSON escapes become."""
    return text.encode("utf-8", "replace").decode()


def plain_name(name: str) -> str:
    """Return a display name that can't act: one line, no control, format or bidirectional
    characters.

    It is for showing only; a name never identifies anybody.
    """
    name = valid_unicode(name)
    kept = (" " if c.isspace() else c for c in name if c.isspace() or not is_hidden(c))
    return " ".join("".join(kept).split())[:MAX_NAME]


def terminal_text(text: str) -> str:
    """Return a text that can be written to a terminal: no escape, control or bidirectional
    characters."""
    return "".join(
        c
        for c in text
        if c in _KEPT_CONTROLS or c in JOINERS or unicodedata.category(c) not in _ACTING
    )
