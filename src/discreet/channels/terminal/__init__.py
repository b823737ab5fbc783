"""The terminal: whoever runs the installation talks as the owner, or as any sender."""

from discreet.channels.terminal.channel import TerminalChannel
from discreet.channels.terminal.messages import TerminalMessage, to_inbound

__all__ = ["TerminalChannel", "TerminalMessage", "to_inbound"]
