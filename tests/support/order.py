"""Which tests are quick, and the order of tests: long ones first, divided among the workers."""

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
"""Folders of which ``scripts/test --quick`` runs what is in neither ``STARTING`` nor ``LATER``."""
SLOW = frozenset(["api", "audit", "cli", "dashboard", "journeys", "mcp", "postgres", "schema"])
"""The others; ``scripts/test --quick`` leaves them out."""
NOT_TESTS = frozenset(
    ["browser", "burst", "collector", "conformance", "failover", "support", "trace", "twins"]
)
"""Programs and helpers."""

STARTING = frozenset(
    (
        "channels/test_long_answers.py",
        "docs/test_first_conversation.py",
        "isolation/test_accounts_at_authlib.py",
        "isolation/test_certificates_of_servers.py",
        "isolation/test_non_interference.py",
        "isolation/test_oauth_of_servers.py",
        "isolation/test_server_tools.py",
        "isolation/test_tool_confirmation.py",
        "isolation/test_tool_floods.py",
        "isolation/test_tool_identity.py",
        "isolation/test_tool_sandbox.py",
        "isolation/test_twins.py",
        "memory/test_reembedding.py",
        "mutation/test_rights.py",
        "queue/test_slots.py",
        "queue/test_worker.py",
        "queue/test_worker_stops.py",
        "test_cancelling.py",
        "test_http_server.py",
        "test_proxies.py",
        "test_static_checks.py",
        "turn/test_compact.py",
        "turn/test_limits.py",
        "turn/test_models.py",
        "turn/test_models_take_over.py",
        "turn/test_questions.py",
        "turn/test_small_contexts.py",
        "turn/test_think.py",
    )
)
"""Files whose tests start servers or processes, or keep a core busy for long."""
LATER = frozenset(
    (
        "contacts/test_linking_at_once.py",
        "contacts/test_linking_by_code.py",
        "delivery/test_retries.py",
        "intake/test_admission_limits.py",
        "intake/test_admission_withheld.py",
        "intake/test_batches.py",
        "intake/test_budgets.py",
        "intake/test_platform_messages.py",
        "intake/test_quarantine.py",
        "intake/test_what_people_are_called.py",
        "isolation/test_accounts_of_contacts.py",
        "isolation/test_admission.py",
        "isolation/test_audience.py",
        "isolation/test_dashboard_apart.py",
        "isolation/test_decoys.py",
        "isolation/test_events.py",
        "isolation/test_linking.py",
        "isolation/test_memory_apart.py",
        "isolation/test_minted_tokens.py",
        "isolation/test_other_installation.py",
        "isolation/test_own_data.py",
        "isolation/test_own_session.py",
        "isolation/test_platform_ids.py",
        "isolation/test_reminders.py",
        "isolation/test_rest_operations.py",
        "isolation/test_turns_apart.py",
        "isolation/test_web_chats.py",
        "memory/test_asked.py",
        "memory/test_held_back.py",
        "memory/test_keeping.py",
        "memory/test_memories.py",
        "memory/test_multilingual.py",
        "memory/test_spaces.py",
        "services/test_branches.py",
        "services/test_deleting_agents.py",
        "services/test_erasing.py",
        "services/test_erasing_at_once.py",
        "services/test_exporting.py",
        "services/test_idempotency.py",
        "services/test_lists.py",
        "services/test_owner_messages.py",
        "services/test_policy.py",
        "services/test_retention.py",
        "services/test_status.py",
        "services/test_takeover.py",
        "services/test_tokens.py",
        "services/test_web_chats.py",
        "test_recurrence.py",
        "turn/reminders",
        "turn/test_dry_run.py",
        "turn/test_forgetting.py",
        "turn/test_handover.py",
        "turn/test_owner_chat.py",
        "turn/test_replies_and_edits.py",
        "turn/test_run_shared.py",
        "turn/test_time_zones.py",
        "turn/test_traces.py",
        "turn/test_typing_indicator.py",
    )
)
"""Files and folders that take most of the remaining time. They follow a feature from one end to the
other; where they fail, a quick test of one of its parts usually fails too."""
NOT_QUICK = STARTING | LATER

WAITING = (
    "journeys/test_telegram_streaming.py",
    "journeys/test_discord.py",
    "journeys/test_frozen.py",
    "journeys",
)
"""Files whose tests wait for processes and platforms most of the time, the longest first. Half of
the workers begin with them, so that the others meanwhile have the cores to themselves."""
BUSY = (
    "dashboard/test_every_page.py",
    "isolation/test_twins.py",
    "audit/test_in_action.py",
    "postgres/test_backup.py",
    "postgres/test_restore.py",
    "api/test_description.py",
    "dashboard/test_journeys.py",
    "cli",
    "mcp/test_stdio.py",
    "postgres",
    "memory/test_multilingual.py",
    "turn/test_models.py",
    "turn/test_small_contexts.py",
)
"""Long files that keep a core busy, the longest first; the other half begins with them."""
LONG = (*WAITING, *BUSY)
"""Folders and files that start before all others."""


class Item(Protocol):
    """The parts of a pytest item used here."""

    @property
    def path(self) -> Path: ...


One = TypeVar("One", bound=Item)


def is_quick(path: Path) -> bool:
    """Return whether ``scripts/test --quick`` runs the tests of a file."""
    place = path.relative_to(TESTS)
    folder = place.parts[0] if len(place.parts) > 1 else ""
    left_out = {place.as_posix(), place.parent.as_posix()} & NOT_QUICK
    return (not folder or folder in QUICK) and not left_out


def in_order(items: Iterable[One], workers: int) -> list[One]:
    """Sort the items so that each worker's equal share begins with some of the long files.

    Tests of a file stay together if possible.
    """
    files: dict[Path, list[One]] = defaultdict(list)
    for item in items:
        files[item.path].append(item)
    ranked = sorted(files, key=lambda path: (_rank(path), path))
    waiting = [path for path in ranked if _rank(path) < len(WAITING)]
    busy = [path for path in ranked if len(WAITING) <= _rank(path) < len(LONG)]
    rest = [item for path in ranked[len(waiting) + len(busy) :] for item in files[path]]
    parts: list[list[One]] = [[] for _ in range(workers)]
    half = (workers + 1) // 2
    for paths, some in ((waiting, parts[:half]), (busy, parts[half:] or parts)):
        for number, path in enumerate(paths):
            # There and back: whoever gets the longest of one round gets the shortest of the next.
            turn, place = divmod(number, len(some))
            some[place if turn % 2 == 0 else -1 - place].extend(files[path])
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
