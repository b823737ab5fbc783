"""Messages and their answers."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

State = Literal["waiting", "answered", "failed", "stopped", "paused", "taken_over"]
ErrorKind = Literal[
    "setup", "outage", "timeout", "provider", "context", "limits", "empty", "refused", "confused",
    "internal",
]  # fmt: skip
"""Why a turn failed; see ``discreet.turn.result.ModelError``."""


class NewMessage(BaseModel):
    """A message and its sender.

    With a contact's token the sender is that contact, and none may be given. With an agent's token,
    give `sender` or `contact_id`. With an owner's token the default is the owner.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"text": "Hello!", "sender": "telegram:99887766"}},
    )

    text: str = Field(min_length=1, max_length=65_536)
    sender: Annotated[str, Field(max_length=260)] | None = Field(
        None, description="The sender's address, platform:id. The contact is created if new."
    )
    contact_id: UUID | None = Field(None, description="The contact who sends the message.")
    group: Annotated[str, Field(max_length=260)] | None = Field(
        None, description="The address of the group in which `sender` writes, platform:id."
    )
    agent_id: UUID | None = Field(
        None, description="The agent to write to. Default: the first agent."
    )
    thread_key: str = Field("", max_length=200, description="A topic that gets a separate session.")
    new: bool = Field(False, description="Start a new session.")
    replies_to: UUID | None = Field(
        None, description="The id of an earlier message or answer that this one replies to."
    )


class ReplyError(BaseModel):
    """Why there is no answer."""

    kind: ErrorKind = Field(
        description=(
            "`setup`: something is missing on the server. `outage`: the database was lost."
            " `timeout`, `provider`: the model was silent or its provider failed. `context`: the"
            " prompt was too long. `limits`: the turn took too many requests or tokens. `empty`,"
            " `refused`, `confused`: the model gave no usable answer. `internal`: a fault of"
            " Discreet."
        )
    )
    retrying: bool = Field(description="The message is tried again, and may be answered later.")


class Reply(BaseModel):
    """The state of a message."""

    message_id: UUID
    session_id: UUID
    state: State = Field(
        description=(
            "`waiting`: it is waiting or being answered. `answered`. `failed`: see `error`."
            " `stopped`: it won't be answered. `paused`: the agent is paused, and answers when it"
            " is resumed. `taken_over`: the owner answers this contact in person, or was asked to."
        )
    )
    answer: str | None = Field(description="Null unless the state is `answered`.")
    error: Annotated[ReplyError | None, Field(description="Null unless the state is `failed`.")] = (
        None
    )
    apology: Annotated[
        str | None, Field(description="What the sender was told in place of an answer.")
    ] = None
