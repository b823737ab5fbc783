"""The terminal as a channel that sends answers."""

from __future__ import annotations

from discreet.domain.outbound import Channel, Outbound, Sent


class TerminalChannel(Channel):
    """Treats answers and drafts as delivered once they are stored: the terminal reads them."""

    platform = "terminal"
    is_local = True

    async def send(self, outbound: Outbound) -> Sent:
        """Accept an answer without sending anything; its message id is its platform id."""
        return Sent(str(outbound.message_id))
