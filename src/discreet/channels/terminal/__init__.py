"""The terminal: whoever runs the installation talks as the owner, or as any sender."""

from discreet.channels.terminal.channel import TerminalChannel

__all__ = ["TerminalChannel"]
