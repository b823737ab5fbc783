"""Labels of contacts: how they are written."""

from __future__ import annotations

import re
import unicodedata

from discreet.domain.errors import BadInput

MAX_LABEL_CHARACTERS = 40
RESERVED = frozenset({"owner", "nobody", "everybody"})
"""Words that name other groups of people where rights are given."""


def label_of(text: str) -> str:
    """Return a label in the one form in which labels are stored and compared.

    Raises:
        BadInput: it isn't one word, or it is reserved.
    """
    label = unicodedata.normalize("NFKC", text).strip().casefold()
    label = unicodedata.normalize("NFKC", label)
    if not re.fullmatch(r"\w[\w-]*", label) or len(label) > MAX_LABEL_CHARACTERS:
        raise BadInput(
            f"{text!a} can't be a label.",
            hint=f"Use letters, digits, - and _, up to {MAX_LABEL_CHARACTERS}.",
        )
    if label in RESERVED:
        raise BadInput(
            f"{text!a} can't be a label because the word is reserved.", hint="Choose another word."
        )
    return label
