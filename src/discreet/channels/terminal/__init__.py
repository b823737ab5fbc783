"""The terminal: the person who runs the installation writes as the owner or as any sender."""

from discreet.channels.terminal.channel import TerminalChannel

__all__ = ["TerminalChannel"]
