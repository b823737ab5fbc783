"""The policy that database functions follow: limits and durations."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Policy(BaseModel):
    """Frozen. Part of the settings; a server writes it into the database when it starts, where each
    field is a column of ``gate.policy``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages_a_minute: int = Field(
        default=20, ge=1, description="Messages of one contact to one agent in a minute."
    )
    messages_waiting: int = Field(
        default=50, ge=1, description="Messages of one contact that may wait for an answer."
    )
    tokens_a_day: int = Field(
        default=500_000, ge=1, description="Tokens for one contact in a day (UTC), in and out."
    )
    waiting_silence_seconds: int = Field(
        default=600,
        ge=1,
        description="How long a contact with too many waiting messages isn't told again.",
    )
    pairings_pending: int = Field(
        default=10, ge=1, description="Strangers who may wait to be let in, on one channel."
    )
    pairing_codes_an_hour: int = Field(
        default=30, ge=1, description="Codes that one channel gives to strangers in an hour."
    )
    pairing_code_seconds: int = Field(
        default=3600, ge=60, description="How long a stranger's code is valid."
    )
    messages_held: int = Field(
        default=20, ge=1, description="Messages of one stranger that are kept until a decision."
    )
    wrong_codes_an_hour: int = Field(
        default=10, ge=1, description="Wrong codes after which no more are taken for an hour."
    )
    owner_code_seconds: int = Field(
        default=600, ge=60, description="How long a code of sb owner link is valid."
    )
    link_code_seconds: int = Field(
        default=600, ge=60, description="How long a code of /link is valid."
    )
    memories_per_contact: int = Field(
        default=50_000,
        ge=1,
        description="Memories of one contact with one agent; everybody together, where they share.",
    )
    context_lines: int = Field(
        default=100, ge=1, description="Overheard lines of a group that are kept in a session."
    )
    album_seconds: int = Field(
        default=1, ge=0, description="How long the parts of an album are waited for."
    )
    quarantine_retry_seconds: int = Field(
        default=30, ge=1, description="When a message in quarantine is first tried again."
    )
    quarantine_retry_max_seconds: int = Field(
        default=3600, ge=1, description="The longest time between two tries of such a message."
    )
