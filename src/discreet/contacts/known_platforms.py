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
    """``telegram`` -> ``Telegram``; a platform without a known spelling as it is."""
    return _NAMES.get(platform, platform)
