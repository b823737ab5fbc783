"""Follow a contact's conversations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from discreet.app import App
    from discreet.domain.ids import ContactId
    from discreet.services.takeover import SpokenLine

POLL_SECONDS = 0.5
EARLIER_LINES = 20


async def follow_contact(
    app: App, contact_id: ContactId, show: Callable[[SpokenLine], None], *, own: bool = True
) -> None:
    """Show the last lines of a contact, then each new one, until cancelled.

    Args:
        own: Whether to show new lines that the owner writes in person.
    """
    from discreet.services import takeover
    from discreet.services.own_data import record_access

    await record_access(app.db, app.owner_id, [contact_id], "read", "terminal")
    after: datetime | None = None
    while True:
        earlier = after is None
        for line in await takeover.lines_after(
            app.db, app.owner_id, contact_id, after=after, limit=EARLIER_LINES
        ):
            if earlier or own or not line.in_person:
                show(line)
            after = line.at
        await asyncio.sleep(POLL_SECONDS)


def show_line(line: SpokenLine) -> None:
    """Print one line with its time and speaker."""
    from discreet.cli.printing import print_text, when

    print_text(f"[{when(line.at)}] {line.speaker}: {line.text}")
