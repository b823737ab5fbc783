"""The terminal: whoever runs the installation speaks as the owner or as any sender."""

from discreet.channels.terminal.channel import TerminalChannel

__all__ = ["TerminalChannel"]
