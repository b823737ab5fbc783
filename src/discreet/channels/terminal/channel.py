"""The terminal as delivery sees it."""

from __future__ import annotations

from discreet.domain.outbound import NoFile, Outbound, Place, Sent


class TerminalChannel:
    """An answer is delivered once it is stored: whoever waits at a terminal reads it there."""

    platform = "terminal"

    def parts(self, text: str) -> int:  # noqa: ARG002
        """A terminal takes any text."""
        return 1

    async def fetch(self, account: str, platform_file: str, most_bytes: int) -> NoFile:  # noqa: ARG002
        """No files come in at a terminal."""
        return NoFile("a terminal has no files")

    async def show_typing(self, place: Place) -> None:
        """A terminal shows the answer itself while it is written."""

    async def send(self, outbound: Outbound) -> Sent:
        """Nothing goes over a wire; the id of the message is its name here."""
        return Sent(str(outbound.message_id))
