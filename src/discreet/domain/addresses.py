"""Addresses: a platform identity, written ``platform:id``."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

from discreet.domain.errors import BadInput
from discreet.domain.text import is_visible

PLATFORMS = ("telegram", "whatsapp", "discord", "terminal", "web")
CHANNEL_ENTRY_POINTS = "discreet.channels"
"""The group of entry points in which other packages register channels, by platform name."""
MAX_PLATFORM_ID = 256


@cache
def known_platforms() -> tuple[str, ...]:
    """Return the platforms of this package and of installed extensions."""
    others = {found.name for found in entry_points(group=CHANNEL_ENTRY_POINTS)}
    return (*PLATFORMS, *sorted(others - set(PLATFORMS)))


@dataclass(frozen=True, slots=True)
class Address:
    """A person or group on a platform. Compared byte for byte, without trimming or case folding."""

    platform: str
    platform_id: str

    def __str__(self) -> str:
        return f"{self.platform}:{self.platform_id}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parse an address such as ``telegram:99887766``.

        Raises:
            BadInput: malformed text, an unknown platform, or an id with characters that no platform
                uses (white space, control or invisible characters, variation selectors, not
                NFC). Ids are refused, never repaired: a repaired id could be somebody else's.
        """
        platform, colon, platform_id = text.partition(":")
        if not colon:
            raise BadInput(
                f"{_shown(text)} is not an address.",
                hint="Write platform:id, such as telegram:99887766.",
            )
        if platform not in PLATFORMS and platform not in known_platforms():
            raise BadInput(
                f"{_shown(platform)} is not a known platform.",
                hint=f"Known: {', '.join(known_platforms())}.",
            )
        if not platform_id:
            raise BadInput(
                f"{_shown(text)} has no id.", hint=f"Write {platform}:id, with the sender's id."
            )
        if len(platform_id) > MAX_PLATFORM_ID or not _is_plain(platform_id):
            raise BadInput(
                f"{_shown(text)} has an invalid id.",
                hint="An id has no spaces, no control or invisible characters.",
            )
        return cls(platform, platform_id)


def _is_plain(text: str) -> bool:
    return " " not in text and is_visible(text) and unicodedata.is_normalized("NFC", text)


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:60] + "…")
