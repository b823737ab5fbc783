"""Who may write: admission policies, pairing requests, and the owner's own addresses."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Admission = Literal["open", "pairing", "allowlist"]
AddressText = Annotated[str, Field(min_length=3, max_length=260, description="platform:id")]


class ChannelPolicy(BaseModel):
    """The admission policy of a channel, and how many contacts it admitted."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    agent_id: UUID
    agent: str
    platform: str
    account: str
    name: str
    admission: Admission
    admitted: int


class ChannelPolicyList(BaseModel):
    """The policies of all channels."""

    items: list[ChannelPolicy]


class AdmissionToSet(BaseModel):
    """Who may write on an agent's channels of one platform."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"agent": "Ada", "platform": "telegram", "admission": "pairing"}
        },
    )

    agent: str = Field(min_length=1, max_length=100, description="The agent's name.")
    platform: str = Field(min_length=1, max_length=50)
    admission: Admission = Field(
        description=(
            "`open`: everyone. `pairing`: strangers get a code that the owner approves."
            " `allowlist`: only those the owner names."
        )
    )


class AdmissionSet(BaseModel):
    """The channels that were changed."""

    items: list[ChannelPolicy]
    let_in: int = Field(
        description="Waiting people who were admitted because the channel is now open."
    )


class AddressToAllow(BaseModel):
    """An address to admit before it has written."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"agent": "Ada", "address": "telegram:99887766"}},
    )

    agent: str = Field(min_length=1, max_length=100, description="The agent's name.")
    address: AddressText
    group: bool = Field(False, description="The address belongs to a group.")


class AddressAllowed(BaseModel):
    """The contact of an admitted address."""

    contact_id: UUID


class Pairing(BaseModel):
    """A stranger, or a group of strangers, who wrote on a channel and waits for the owner.

    Only the stranger knows the code.
    """

    model_config = ConfigDict(frozen=True)

    id: UUID
    platform: str
    agent: str
    name: str
    of_group: bool
    address: str | None
    state: Literal["pending", "approved", "denied"]
    expires_at: datetime = Field(description="When the stranger's code expires.")
    created_at: datetime
    held: int = Field(description="Number of held messages.")
    said: str = Field(description="The first held message.")

    @property
    def label(self) -> str:
        """The display name. The name proves nothing, the address does."""
        return " ".join(part for part in (self.name, self.address) if part)


class PairingList(BaseModel):
    """Pending requests, newest first."""

    items: list[Pairing]


class PairingToDecide(BaseModel):
    """Whom to admit or deny."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"who": "telegram:99887766", "let_in": True}}
    )

    who: str = Field(
        min_length=1, max_length=260, description="The code they were given, or platform:id."
    )
    let_in: bool


class PairingDecided(BaseModel):
    """A request that was decided."""

    pairing: Pairing
    messages: int = Field(description="Held messages that will be answered, or were deleted.")


class OwnerAddressList(BaseModel):
    """The owner's own addresses."""

    items: list[str]


class OwnerLinkToMake(BaseModel):
    """The platform of an account to link to the owner."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"platform": "telegram"}}
    )

    platform: str = Field(min_length=1, max_length=50)


class OwnerLink(BaseModel):
    """A code. The account that sends it in a direct chat becomes the owner's."""

    code: str
