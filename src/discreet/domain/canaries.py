"""Canaries: random secrets of decoy contacts, which nobody ever has a reason to write.

Every text that leaves is looked through for them. A hit means that something read a row that wasn't
its own. All secrets of an installation begin with the same random letters, so that the number of
decoys doesn't matter to the cost.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

import structlog

from discreet.domain.disguises import forms_of, plain_of
from discreet.domain.errors import ScopeError

__all__ = ["Canaries", "CanaryFound", "check_leaving", "watch", "watched"]

ALPHABET = "bcdfghjkmnpqrstvwxz23456789"
"""Letters and digits that make no words and aren't mistaken for each other."""
MARK, OWN = 12, 8
"""Letters that all secrets of an installation share, and those of each."""


log = structlog.get_logger(__name__)


class CanaryFound(ScopeError):
    """A text that was about to leave holds a decoy's secret."""

    def __init__(self, way: str, form: str) -> None:
        super().__init__(
            f"Stopped: a decoy's secret ({form}) was about to leave ({way}).",
            hint="Rows were read outside their scope. Stop the server and run: sb audit",
        )
        self.way = way


class Canaries:
    """The secrets of an installation. ``key``: 32 bytes that only its servers know."""

    def __init__(self, key: bytes, many: int = 5) -> None:
        mark = _letters(key, "mark", MARK)
        shown = "-".join(mark[at : at + 4] for at in range(0, MARK, 4))
        self.secrets: Sequence[str] = [
            f"{shown}-{_letters(key, f'decoy {number}', OWN)}" for number in range(many)
        ]
        self._forms = forms_of(shown, as_written=True)

    def find(self, text: str) -> str | None:
        """Return how a secret is written in the text, or None if there is none."""
        plain = plain_of(text)
        for form, name in self._forms.items():
            if form in plain:
                return name
        return None


_watched: list[Canaries] = []
# One installation has one set for all its scopes, and the exits have no object in common.


def watch(canaries: Canaries | None) -> None:
    """Look through what leaves this process from now on; None: for nothing."""
    _watched[:] = [] if canaries is None else [canaries]


def watched() -> Canaries | None:
    """Return what this process looks for."""
    return _watched[0] if _watched else None


def check_leaving(text: str, way: str) -> None:
    """Refuse a text that holds a decoy's secret. ``way``: where it was going, for the owner.

    Raises:
        CanaryFound: it holds one.
    """
    canaries = watched()
    if canaries is not None and (form := canaries.find(text)) is not None:
        log.error("a decoy's secret was stopped", way=way, form=form)
        raise CanaryFound(way, form)


def _letters(key: bytes, name: str, many: int) -> str:
    digest = hmac.new(key, f"discreet: canary, {name}".encode(), hashlib.sha256).digest()
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:many])
