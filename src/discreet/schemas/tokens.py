"""Access tokens for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from discreet.domain.ids import ContactId

TokenKind = Literal["owner", "agent", "contact", "metrics"]
MAX_LIFE_SECONDS = 3650 * 86_400
MAX_MINTED_SECONDS = 86_400
MINTED_SECONDS = 3_600


class Token(BaseModel):
    """A token as listed. Its text was shown once and is not stored."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    prefix: str = Field(description="Its first characters.")
    kind: TokenKind
    of: str = Field(description="The contact's label or the agent's name; empty for the owner's.")
    agent: str | None
    contact_id: ContactId | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    minted_by: UUID | None = Field(description="The agent's token that minted it.")

    @property
    def is_valid(self) -> bool:
        """Whether it is valid now."""
        return self.revoked_at is None and (
            self.expires_at is None or self.expires_at > datetime.now(UTC)
        )


class ListTokens(BaseModel):
    """The tokens to list."""

    model_config = ConfigDict(extra="forbid")

    minted: bool = Field(False, description="List the tokens minted by agents' tokens instead.")


class TokenList(BaseModel):
    """Tokens, newest first; at most 1,000."""

    items: list[Token]


class TokenToCreate(BaseModel):
    """A token to create. `contact` needs one, and may name the agent it talks to."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"kind": "contact", "contact": "web:anna", "create": True}},
    )

    kind: TokenKind
    agent: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        None, description="The agent's name. For a contact's token the default is the first agent."
    )
    contact: Annotated[str, Field(min_length=1, max_length=260)] | None = Field(
        None, description="The contact's id, or its address, platform:id."
    )
    create: bool = Field(False, description="Create the contact if no contact has the address.")
    name: str = Field("", max_length=200, description="A name for the list.")
    expires_in: Annotated[int, Field(ge=60, le=MAX_LIFE_SECONDS)] | None = Field(
        None, description="Lifetime in seconds. Default: no expiry."
    )


class CreatedToken(BaseModel):
    """A new token. Keep its text like a password; it is not shown again."""

    model_config = ConfigDict(json_schema_extra={"example": {"token": "sb_...", "listed": {}}})

    token: str
    listed: Token


class TokenToMint(BaseModel):
    """The contact to mint a token for: one that has written to the agent, or a new address."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"sender": "web:anna", "expires_in": 3600}},
    )

    sender: Annotated[str, Field(max_length=260)] | None = Field(
        None, description="The contact's address, platform:id. The contact is created if new."
    )
    contact_id: UUID | None = Field(None, description="The contact's id, instead of `sender`.")
    expires_in: int = Field(
        MINTED_SECONDS,
        ge=60,
        le=MAX_MINTED_SECONDS,
        description="Lifetime in seconds; at most a day.",
    )


class MintedToken(BaseModel):
    """A token for one contact with the agent. It ends early if the token that minted it does."""

    token: str
    token_id: UUID
    contact_id: UUID
    expires_at: datetime
