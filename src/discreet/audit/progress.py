"""The result of each attack, stored at once so that an interrupted audit can continue."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from discreet.domain.errors import BadInput

__all__ = ["AttackOutcome", "Log", "Seen"]

FILE_NAME = "audit-progress.jsonl"


@dataclass(frozen=True, slots=True)
class Seen:
    """A secret of ``holder`` that ``reader`` got at.

    ``way``: where it was seen. ``form``: how it was written. ``text``: what it stood in.
    """

    holder: str
    reader: str
    way: str
    form: str
    text: str


@dataclass(frozen=True, slots=True)
class AttackOutcome:
    """The result of one attack. ``turns``: how many it took; ``seen``: empty if it was held.

    ``unanswered``: how many of its turns failed, so that it wasn't tried as it was meant.
    """

    agent: str
    family: str
    variant: int
    what: str
    turns: int
    seen: tuple[Seen, ...] = ()
    unanswered: int = 0

    @property
    def name(self) -> str:
        """The attack's name, as ``Attack.name``."""
        return f"{self.family}/{self.variant}"


@dataclass
class Log:
    """The outcomes so far, in a private file. ``changed``: whose memory was found changed."""

    path: Path
    seed: str
    outcomes: dict[tuple[str, str], AttackOutcome] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)

    @classmethod
    def begin(cls, home: Path, seed: str) -> Log:
        """Begin a new one; an interrupted audit is forgotten."""
        log = cls(home / FILE_NAME, seed)
        log._write({"seed": seed}, "w")
        return log

    @classmethod
    def resume(cls, home: Path) -> Log:
        """Continue the interrupted audit.

        Raises:
            BadInput: there is none.
        """
        path = home / FILE_NAME
        try:
            first, *lines = path.read_text(encoding="utf-8").splitlines()
            log = cls(path, str(json.loads(first)["seed"]))
            for line in lines:
                log._keep(_outcome(json.loads(line)))
        except (OSError, ValueError, KeyError, TypeError):
            raise BadInput("No audit was interrupted.", hint="Start one: sb audit") from None
        return log

    def find(self, agent: str, name: str) -> AttackOutcome | None:
        """Return the result of an attack that was tried before."""
        return self.outcomes.get((agent, name))

    def add(self, outcome: AttackOutcome) -> None:
        """Note the result of an attack."""
        self._keep(outcome)
        self._write(asdict(outcome), "a")

    def end(self) -> None:
        """Forget it: the audit is finished."""
        self.path.unlink(missing_ok=True)

    def _keep(self, outcome: AttackOutcome) -> None:
        self.outcomes[outcome.agent, outcome.name] = outcome

    def _write(self, record: dict[str, Any], mode: str) -> None:
        with open(self.path, mode, encoding="utf-8", opener=_open_private) as file:
            file.write(json.dumps(record) + "\n")


def _outcome(record: dict[str, Any]) -> AttackOutcome:
    seen = tuple(Seen(**one) for one in record.pop("seen"))
    return AttackOutcome(**record, seen=seen)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
