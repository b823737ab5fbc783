"""The terminal as a channel that sends answers."""

from __future__ import annotations

from discreet.domain.outbound import Channel, Outbound, Sent


class TerminalChannel(Channel):
    """An answer is delivered once it is stored: whoever waits at a terminal reads it there, and the
    draft of it too."""

    platform = "terminal"

    async def send(self, outbound: Outbound) -> Sent:
        """Nothing goes over a wire; the id of the message is its name here."""
        return Sent(str(outbound.message_id))
