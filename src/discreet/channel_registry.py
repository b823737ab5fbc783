"""The known platforms: one per folder of ``channels``, and those of other packages.

Other packages register theirs as entry points. A platform's library is imported on first use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pkgutil import resolve_name

from discreet.domain.addresses import CHANNEL_ENTRY_POINTS
from discreet.domain.platform import Platform
from discreet.settings import Settings

OURS = {
    "discord": "discreet.channels.discord.platform:DiscordPlatform",
    "telegram": "discreet.channels.telegram.platform:TelegramPlatform",
    "whatsapp": "discreet.channels.whatsapp.platform:WhatsAppPlatform",
}
"""Maps a name to the factory of the platform, which gets the settings."""


class ChannelRegistry(Mapping[str, Platform]):
    """All platforms except the terminal, by name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        others = entry_points(group=CHANNEL_ENTRY_POINTS)
        # A package can't replace one of our own channels.
        self._makers = {found.name: found.value for found in others} | OURS
        self._made: dict[str, Platform] = {}

    def __getitem__(self, name: str) -> Platform:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = resolve_name(self._makers[name])(self._settings)
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)
