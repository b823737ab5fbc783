"""Versions with known faults that touch isolation, secrets or memory safety.

The list ships with the package and is never updated over the network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["FAULTS", "Fault", "parse_version"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of ``part`` from version ``since`` until ``fixed``; ``named``: where it is told."""

    part: str
    since: str
    fixed: str
    named: str
    what: str


def parse_version(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: ``18.4 (Debian)`` is (18, 4)."""
    found = re.match(r"[0-9]+(?:\.[0-9]+)*", text.strip())
    return tuple(int(part) for part in found[0].split(".")) if found else ()


_ROWS = "a cached plan could apply the row-level security of another role"
_STATS = "statistics could show values that row-level security hides"
_MEMORY = "a wrong quotation of invalid text could let SQL in (libpq, psql)"
_WRITES = "a size that wraps lets a login write beyond its memory"

FAULTS: tuple[Fault, ...] = (
    *(
        Fault("postgresql", f"{major}.0", f"{major}.{minor}", "CVE-2024-10976", _ROWS)
        for major, minor in ((12, 21), (13, 17), (14, 14), (15, 9), (16, 5), (17, 1))
    ),
    *(
        Fault("postgresql", f"{major}.0", f"{major}.{minor}", "CVE-2025-1094", _MEMORY)
        for major, minor in ((13, 19), (14, 16), (15, 11), (16, 7), (17, 3))
    ),
    *(
        Fault("postgresql", f"{major}.0", f"{major}.{minor}", "CVE-2025-8713", _STATS)
        for major, minor in ((13, 22), (14, 19), (15, 14), (16, 10), (17, 6))
    ),
    *(
        Fault("postgresql", f"{major}.0", f"{major}.{minor}", "CVE-2026-6473", _WRITES)
        for major, minor in ((14, 23), (15, 18), (16, 14), (17, 10), (18, 4))
    ),
    Fault(
        "pgvector", "0.6.0", "0.8.2", "pgvector 0.8.2",
        "building an HNSW index in parallel could overflow a buffer",
    ),
)  # fmt: skip
