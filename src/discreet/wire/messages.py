"""Messages that are sent, and their answers."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

State = Literal["waiting", "answered", "failed", "stopped"]


class Say(BaseModel):
    """A message, and who says it. With a contact's token it is that contact, and nobody is named;
    with an agent's token `sender` or `contact_id` is; with the owner's, nobody means the owner."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"text": "Hello!", "sender": "telegram:99887766"}},
    )

    text: str = Field(min_length=1, max_length=65_536)
    sender: Annotated[str, Field(max_length=260)] | None = Field(
        None, description="platform:id of who says it; a contact is made if it is new."
    )
    contact_id: UUID | None = Field(None, description="The contact who says it.")
    group: Annotated[str, Field(max_length=260)] | None = Field(
        None, description="platform:id of the group in which `sender` says it."
    )
    agent_id: UUID | None = Field(None, description="To whom; else the agent that was made first.")
    thread_key: str = Field("", max_length=200, description="A topic with a session of its own.")
    new: bool = Field(False, description="Begin a new session.")


class Reply(BaseModel):
    """What has become of a message."""

    message_id: UUID
    session_id: UUID
    state: State = Field(
        description="`failed`: every attempt failed, and the answer is an excuse. `stopped`: its"
        " sender stopped it."
    )
    answer: str | None
