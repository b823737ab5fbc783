"""The terminal as delivery sees it."""

from __future__ import annotations

from discreet.domain.outbound import NoFile, Outbound, Place, Rejected, Sent


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

    def draft_pace(self, place: Place) -> None:
        """Whoever waits at a terminal reads the draft itself, out of the database."""

    async def show_draft(
        self,
        place: Place,  # noqa: ARG002
        text: str,  # noqa: ARG002
        reply_to: str | None,  # noqa: ARG002
        shown_as: str | None,  # noqa: ARG002
    ) -> Rejected:
        """See ``draft_pace``."""
        return Rejected("a terminal reads the draft itself")

    async def take_back(self, place: Place, platform_message_id: str) -> None:
        """Nothing was shown."""

    async def send(self, outbound: Outbound) -> Sent:
        """Nothing goes over a wire; the id of the message is its name here."""
        return Sent(str(outbound.message_id))
