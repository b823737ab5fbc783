"""Accounts and objects of Discord's API, as the emulator sends them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.channels.discord_payloads import BOT_ROLE

if TYPE_CHECKING:
    from tests.support.discord_api import DiscordApi

EPOCH_MS = 1_420_070_400_000


NOTES = 1 << 19
"""The flag of an application that may read messages."""


@dataclass(frozen=True, slots=True)
class Account:
    """A bot: its token and permissions."""

    id: str
    name: str
    token: str


ADA = Account("900000000000000001", "ada", "OTAwMDAwMDAwMDAwMDAwMDAx.Gabcde." + "x" * 38)


BEA = Account("900000000000000002", "bea", "OTAwMDAwMDAwMDAwMDAwMDAy.Gabcde." + "y" * 38)


def now_text() -> str:
    return datetime.now(UTC).isoformat()


def user_of(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "username": account.name,
        "global_name": None,
        "discriminator": "0",
        "avatar": None,
        "bot": True,
    }


def application_of(account: Account, flags: int) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "icon": None,
        "description": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "",
        "owner": {"id": "1", "username": "o", "discriminator": "0", "avatar": None},
        "flags": flags,
    }


def raw_place(place: dict[str, Any]) -> dict[str, Any]:
    """Return a place as in the API, without other members' names."""
    return {
        name: value for name, value in place.items() if name not in ("parent_name", "guild_name")
    }


def on_gateway(said: dict[str, Any], place: dict[str, Any]) -> dict[str, Any]:
    return {**said, "guild_id": place["guild_id"]} if "guild_id" in place else said


def guild_of(api: DiscordApi, account: Account, guild_id: str) -> dict[str, Any]:
    inside = [p for p in api.places.values() if p.get("guild_id") == guild_id]
    everybody = {
        "id": guild_id,
        "name": "@everyone",
        "permissions": str((1 << 10) | (1 << 16) | (1 << 11)),
        "position": 0,
        "color": 0,
        "hoist": False,
        "managed": False,
        "mentionable": False,
    }
    own = {**everybody, "id": BOT_ROLE, "name": account.name, "managed": True}
    own |= {"tags": {"bot_id": account.id}, "position": 1}
    threads = [p for p in inside if p["type"] in (10, 11, 12)]
    shown = [p for p in threads if p["id"] not in api.put_away]
    return {
        "id": guild_id,
        "name": inside[0]["guild_name"],
        "owner_id": "1",
        "unavailable": False,
        "member_count": 3,
        "roles": [everybody, own],
        "members": [
            {
                "user": user_of(account),
                "roles": [BOT_ROLE],
                "joined_at": "2026-01-01T00:00:00+00:00",
                "deaf": False,
                "mute": False,
                "flags": 0,
            }
        ],
        "channels": [
            {
                **raw_place(p),
                "position": 0,
                "permission_overwrites": [],
                "last_message_id": last_message(api, p),
            }
            for p in inside
            if p not in threads
        ],
        "threads": [
            {
                **raw_place(p),
                "owner_id": "1",
                "last_message_id": last_message(api, p),
                "message_count": 1,
                "member_count": 1,
                "thread_metadata": {
                    "archived": False,
                    "auto_archive_duration": 1440,
                    "archive_timestamp": now_text(),
                    "locked": False,
                },
            }
            for p in shown
        ],
        "emojis": [],
        "stickers": [],
        "features": [],
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
        "preferred_locale": "en-US",
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "premium_progress_bar_enabled": False,
        "system_channel_flags": 0,
        "afk_timeout": 0,
        "afk_channel_id": None,
        "system_channel_id": None,
    }


def last_message(api: DiscordApi, place: dict[str, Any]) -> str | None:
    return api.history[place["id"]][-1]["id"] if api.history[place["id"]] else None
