"""The terminal as delivery sees it."""

from __future__ import annotations

from datetime import timedelta

from discreet.domain.outbound import NoFile, Outbound, Progress, Sent


class TerminalChannel:
    """An answer is delivered once it is stored: whoever waits at a terminal reads it there."""

    platform = "terminal"

    def parts(self, text: str) -> int:  # noqa: ARG002
        """A terminal takes any text."""
        return 1

    async def fetch(self, account: str, platform_file: str, most_bytes: int) -> NoFile:  # noqa: ARG002
        """No files come in at a terminal."""
        return NoFile("a terminal has no files")

    async def show_progress(self, progress: Progress) -> timedelta:  # noqa: ARG002
        """A terminal reads for itself what is written so far."""
        return timedelta(days=1)

    async def send(self, outbound: Outbound) -> Sent:
        """Nothing goes over a wire; the id of the message is its name here."""
        return Sent(str(outbound.message_id))
