"""The parts of an audit: one that ends in an error is a finding, and the others go on."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import structlog

import discreet
from discreet.audit.findings import Finding
from discreet.domain.errors import DiscreetError

__all__ = ["audit_part", "failure"]

log = structlog.get_logger(__name__)

_QUOTING = ("22", "23")
"""Classes of SQLSTATE whose messages quote values."""


@contextmanager
def audit_part(name: str, findings: list[Finding]) -> Iterator[None]:
    """Add a finding if the block ends in an error, which doesn't go further."""
    try:
        yield
    except Exception as error:
        log.warning("a part of the audit failed", part=name, why=type(error).__name__)
        findings.append(failure(name, error))


def failure(name: str, error: BaseException) -> Finding:
    """Return the finding that a part of the audit ended in this error. It quotes no value."""
    return Finding(
        "audit-failed",
        "leak",
        f"A part of the audit ended in an error, so it proves nothing: {_told(error)}.",
        name,
        "Look at the other findings, repair what they name, and run the audit again.",
    )


def _told(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, DiscreetError):
        return error.message.removesuffix(".")
    told = type(error).__name__
    if isinstance(error, psycopg.Error) and error.sqlstate and error.sqlstate[:2] not in _QUOTING:
        told = f"{told} {error.sqlstate}, {error.diag.message_primary}"
    here = Path(discreet.__file__).parent
    ours = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if here in Path(frame.filename).parents
    ]
    if not ours:
        return told
    place = Path(ours[-1].filename).relative_to(here)
    return f"{told}, in {ours[-1].name} ({place}:{ours[-1].lineno})"
