"""The limits and durations that database functions apply."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

MAX_WHOLE_NUMBER = 2_147_483_647
"""The largest number of a column of the type ``integer``."""


class Policy(BaseModel):
    """Frozen. Part of the settings.

    When a server starts, it writes the policy to the database, where each field is a column of
    ``gate.policy``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages_a_minute: int = Field(
        default=20, ge=1, description="Messages per minute that one contact may send to one agent."
    )
    messages_waiting: int = Field(
        default=50, ge=1, description="Unanswered messages that one contact may have."
    )
    tokens_a_day: int = Field(
        default=500_000,
        ge=1,
        description="Tokens per day (UTC) that one contact may use, input and output.",
    )
    waiting_silence_seconds: int = Field(
        default=600,
        ge=1,
        description="Seconds between two notices to a contact that has too many unanswered "
        "messages.",
    )
    pairings_pending: int = Field(
        default=10, ge=1, description="Strangers per channel that may wait for approval."
    )
    pairing_codes_an_hour: int = Field(
        default=30, ge=1, description="Codes per hour that one channel gives to strangers."
    )
    pairing_code_seconds: int = Field(
        default=3600, ge=60, description="Seconds for which a stranger's code is valid."
    )
    messages_held: int = Field(
        default=20, ge=1, description="Messages kept of each stranger until the owner decides."
    )
    wrong_codes_an_hour: int = Field(
        default=10, ge=1, description="Wrong codes after which no more are accepted for an hour."
    )
    owner_code_seconds: int = Field(
        default=600, ge=60, description="Seconds for which a code of sb owner link is valid."
    )
    link_code_seconds: int = Field(
        default=600, ge=60, description="Seconds for which a code of /link is valid."
    )
    memories_per_contact: int = Field(
        default=50_000,
        ge=1,
        description="Memories that one agent may have of one contact, or of everyone if its "
        "memory is shared.",
    )
    context_lines: int = Field(
        default=100, ge=1, description="Overheard group messages kept per session."
    )
    album_seconds: int = Field(
        default=1, ge=0, description="Seconds to wait for the remaining parts of an album."
    )
    quarantine_retry_seconds: int = Field(
        default=30, ge=1, description="Seconds until a message in quarantine is first retried."
    )
    quarantine_retry_max_seconds: int = Field(
        default=3600, ge=1, description="Maximum seconds between two retries of such a message."
    )
    reminders_per_contact: int = Field(
        default=50, ge=1, description="Reminders that one contact may have with one agent."
    )

    @field_validator("*")
    @classmethod
    def _fits(cls, value: Any) -> Any:
        if type(value) is int and value > MAX_WHOLE_NUMBER:
            raise ValueError(f"must be at most {MAX_WHOLE_NUMBER:,}")
        return value
