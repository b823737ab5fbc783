"""The arguments of MCP tools.

They are the requests of ``discreet.schemas``, and what REST has in its path or headers. Unknown
arguments are rejected, never ignored.
"""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from discreet.schemas import memories


class Given(BaseModel):
    """Arguments of a tool."""

    model_config = ConfigDict(extra="forbid")


class StartOwn(Given):
    thread_key: str = Field("", max_length=128, description="A topic that gets a separate session.")
    force_new: bool = Field(
        False, description="End the session that is open on this thread and start a new one."
    )


class StartAny(StartOwn):
    agent: str | None = Field(None, description="The agent's name. Default: the first agent.")
    contact_id: UUID | None = Field(
        None, description="The contact whose session to open. Default: the owner's own."
    )
    sender: str | None = Field(
        None, description="The sender's address, platform:id. The contact is created if new."
    )


class Nothing(Given):
    pass


class OfMemory(Given):
    memory_id: UUID


class UpdateMemoryInput(memories.MemoryPatch):
    memory_id: UUID
    expected_version: int | None = Field(
        None, ge=1, description="Change it only if this is still its version."
    )

    @property
    def patch(self) -> memories.MemoryPatch:
        """The change itself, with only the fields that were given."""
        given = self.model_dump(exclude={"memory_id", "expected_version"}, exclude_unset=True)
        return memories.MemoryPatch(**given)


class ForgetInput(OfMemory):
    expected_version: int | None = Field(
        None, ge=1, description="Forget it only if this is still its version."
    )


class RestoreMemory(memories.Restore):
    memory_id: UUID
