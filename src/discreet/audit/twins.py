"""Run the same statements in databases that differ only in other people's rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from discreet.audit.probes import Probe

__all__ = ["Answer", "Difference", "Twin", "answers", "compare"]

Answer = tuple[str, tuple[str, ...], tuple[str, ...]]
"""How a statement ended (an error, or the number of rows), its rows in any order, its notices."""

TRANSACTION_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Twin:
    """One of the databases: a connection of the role, and the statement that opens its scope.

    ``enter`` runs at the beginning of each transaction, and sets a ticket, or none, or a bad one.
    ``as_many`` is false if other people's rows are missing, so that plans must differ.
    """

    name: str
    connection: psycopg.Connection[Any]
    enter: Callable[[psycopg.Connection[Any]], None]
    as_many: bool = True


@dataclass(frozen=True, slots=True)
class Difference:
    """A statement whose answer reveals something about other people's rows."""

    probe: Probe
    answers: tuple[tuple[str, Answer], ...]

    def __str__(self) -> str:
        said = "\n".join(f"  {name}: {answer}" for name, answer in self.answers)
        return f"{'; '.join((*self.probe.off, self.probe.statement))}\n{said}"


def compare(
    twins: Sequence[Twin], probes: Iterable[Probe], *, enough: int | None = None
) -> tuple[list[Difference], int]:
    """Run each statement in each twin, in a transaction that is rolled back.

    Return those whose answers differ, at most ``enough``, and the number of statements.
    """
    sessions = [_Session(twin) for twin in twins]
    found: list[Difference] = []
    tried = 0
    try:
        for probe in probes:
            tried += 1
            asked = [s for s in sessions if s.twin.as_many or not probe.by_plan]
            answers = [(session.twin.name, session.answer(probe)) for session in asked]
            if len({answer for _, answer in answers}) > 1:
                found.append(Difference(probe, tuple(answers)))
            if len(found) == enough:
                break
    finally:
        for session in sessions:
            session.end()
    return found, tried


def answers(twin: Twin, probes: Iterable[Probe]) -> list[Answer]:
    """Run each statement in one database, in a transaction that is rolled back.

    For a database that can't be copied: ask before and after others' rows have changed. Statements
    whose answer depends on the plan are left out.
    """
    session = _Session(twin)
    try:
        return [session.answer(probe) for probe in probes if not probe.by_plan]
    finally:
        session.end()


class _Session:
    """A transaction of a twin, with a savepoint for each statement; replaced before it gets old."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self._notices: list[str] = []
        self._began = 0.0
        twin.connection.add_notice_handler(self._note)

    def answer(self, probe: Probe) -> Answer:
        connection = self.twin.connection
        if time.monotonic() - self._began > TRANSACTION_SECONDS:
            connection.rollback()
            self.twin.enter(connection)
            connection.execute("SAVEPOINT probe")
            self._began = time.monotonic()
        self._notices.clear()
        settings = "".join(f"SET LOCAL {name} = off; " for name in probe.off)
        try:
            cursor = connection.execute(f"ROLLBACK TO probe; {settings}{probe.statement}".encode())
            cursor.set_result(-1)
            rows = cursor.fetchall() if cursor.description else []
            ended = f"{cursor.rowcount}"
        except psycopg.Error as error:
            rows = []
            ended = f"{error.sqlstate} {error.diag.message_primary} {error.diag.message_detail}"
        said = [repr(row) for row in rows]
        return ended, tuple(said if probe.by_plan else sorted(said)), tuple(self._notices)

    def end(self) -> None:
        self.twin.connection.remove_notice_handler(self._note)
        self.twin.connection.rollback()

    def _note(self, notice: psycopg.errors.Diagnostic) -> None:
        self._notices.append(f"{notice.sqlstate} {notice.message_primary}")
