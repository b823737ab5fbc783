"""Which tests are quick, and in which order tests run: the long ones first, some by each worker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

TESTS = Path(__file__).parents[1]

QUICK = frozenset(
    [
        "channels",
        "contacts",
        "delivery",
        "docs",
        "intake",
        "isolation",
        "memory",
        "mutation",
        "queue",
        "services",
        "turn",
    ]
)
"""Folders whose tests start no server and no process, but for those in ``NOT_QUICK``."""
SLOW = frozenset(["api", "cli", "dashboard", "journeys", "mcp", "postgres", "schema"])
"""The others; ``scripts/test --quick`` leaves them out."""
NOT_TESTS = frozenset(["browser", "burst", "conformance", "failover", "support", "trace", "twins"])
"""Programs and helpers."""

NOT_QUICK = frozenset(
    (
        "channels/test_long_answers.py",
        "docs/test_first_conversation.py",
        "isolation/test_twins.py",
        "mutation/test_rights.py",
        "test_cancelling.py",
        "test_http_server.py",
        "test_proxies.py",
        "turn/test_models.py",
    )
)

LONG = (
    "journeys",
    "dashboard/test_every_page.py",
    "dashboard/test_journeys.py",
    "postgres/test_backup.py",
    "cli",
    "mcp/test_stdio.py",
    "isolation/test_twins.py",
    "postgres",
    "api/test_description.py",
    "turn/test_models.py",
)
"""Folders and files in the order in which they are begun, before all others."""


class Item(Protocol):
    """The part of a test of pytest that counts here."""

    @property
    def path(self) -> Path: ...


One = TypeVar("One", bound=Item)


def is_quick(path: Path) -> bool:
    """Whether ``scripts/test --quick`` runs the tests of a file."""
    place = path.relative_to(TESTS)
    folder = place.parts[0] if len(place.parts) > 1 else ""
    return (not folder or folder in QUICK) and place.as_posix() not in NOT_QUICK


def in_order(items: Iterable[One], workers: int) -> list[One]:
    """The items so that, cut into as many equal parts as there are workers, each part begins with
    its share of the long files. The tests of a file stay together where that can be."""
    files: dict[Path, list[One]] = defaultdict(list)
    for item in items:
        files[item.path].append(item)
    ranked = sorted(files, key=lambda path: (_rank(path), path))
    long = [path for path in ranked if _rank(path) < len(LONG)]
    parts: list[list[One]] = [[] for _ in range(workers)]
    for number, path in enumerate(long):
        parts[number % workers] += files[path]
    rest = [item for path in ranked[len(long) :] for item in files[path]]
    return _filled(parts, rest)


def _filled(parts: Sequence[list[One]], rest: list[One]) -> list[One]:
    """The parts one after the other, made equally long with the rest, or nearly so."""
    size = (sum(map(len, parts)) + len(rest)) // len(parts)
    for part in parts[:-1]:
        missing = max(0, size - len(part))
        part.extend(rest[:missing])
        del rest[:missing]
    parts[-1].extend(rest)
    return [item for part in parts for item in part]


def _rank(path: Path) -> int:
    place = path.relative_to(TESTS).as_posix()
    for rank, long in enumerate(LONG):
        if place == long or place.startswith(f"{long}/"):
            return rank
    return len(LONG)
