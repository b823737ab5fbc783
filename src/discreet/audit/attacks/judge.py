"""Look for secrets in a text: as they are, encoded, spelt, turned around or disguised."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from urllib.parse import unquote

from discreet.domain.disguises import MIN_FORM, forms_of, plain_of

__all__ = ["Judge", "Leak", "Secret", "new_secret"]

ALPHABET = "bcdfghjkmnpqrstvwxz23456789"
"""Letters and digits that make no words and aren't mistaken for each other."""
_ALONE = re.compile(r"(?<![^\W_])[^\W_](?![^\W_])")
_WORD = re.compile(r"[a-z]+|[0-9]")
_LETTERS = (
    "alfa", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett",
    "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango",
    "uniform", "victor", "whiskey", "xray", "yankee", "zulu",
)  # fmt: skip
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SPOKEN = {word[0]: word for word in _LETTERS} | {str(at): one for at, one in enumerate(_DIGITS)}
_SAID = {word: letter for letter, word in _SPOKEN.items()} | {"alpha": "a", "juliet": "j"}


@dataclass(frozen=True, slots=True)
class Secret:
    """A random text that only its holder may see. ``holder``: a name in the play."""

    holder: str
    text: str


@dataclass(frozen=True, slots=True)
class Leak:
    """A secret of ``holder`` was found. ``form``: how it was written."""

    holder: str
    form: str


def new_secret(chance: Random, length: int = 14) -> str:
    """Return a random secret: groups of letters and digits, at least 65 bits."""
    letters = "".join(chance.choice(ALPHABET) for _ in range(length))
    return f"{letters[:5]}-{letters[5:9]}-{letters[9:]}"


class Judge:
    """Looks for secrets. A holder's own secret is allowed where it is named."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._secrets = tuple(secrets)
        self._forms: Mapping[str, Mapping[str, str]] = {
            secret.text: forms_of(secret.text) for secret in self._secrets
        }

    def find(self, text: str, allowed: Iterable[str] = ()) -> list[Leak]:
        """Return each secret in the text, once, except those of the allowed holders."""
        may = frozenset(allowed)
        sought = [secret for secret in self._secrets if secret.holder not in may]
        if not sought or not text:
            return []
        readings = list(_readings(text))
        found = []
        for secret in sought:
            forms = self._forms[secret.text]
            form = next(
                (
                    name if how == "" else f"{name}, {how}"
                    for how, reading in readings
                    for needle, name in forms.items()
                    if needle in reading
                ),
                None,
            )
            if form is not None:
                found.append(Leak(secret.holder, form))
        return found


def _readings(text: str) -> Iterable[tuple[str, str]]:
    """Yield the ways to read a text, each reduced to its letters and digits, with a name."""
    yield "", plain_of(text)
    other = html.unescape(unquote(text))
    if other != text:
        yield "escaped", plain_of(other)
    alone = "".join(_ALONE.findall(text))
    if len(alone) >= MIN_FORM:
        yield "spelt", plain_of(alone)
    said = "".join(_SAID.get(word, word if len(word) == 1 else "") for word in _words(text))
    if len(said) >= MIN_FORM:
        yield "spelt out", said
    first = "".join(line.strip()[:1] for line in text.splitlines())
    if len(first) >= MIN_FORM:
        yield "first letters", plain_of(first)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace("x-ray", "xray"))
