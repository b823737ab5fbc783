"""The names of platforms, as people write them."""

from __future__ import annotations

_NAMES = {
    "telegram": "Telegram",
    "whatsapp": "WhatsApp",
    "discord": "Discord",
    "terminal": "the terminal",
    "web": "the web",
}


def platform_name(platform: str) -> str:
    """Return the usual spelling, such as ``Telegram`` for ``telegram``, or else the name itself."""
    return _NAMES.get(platform, platform)
