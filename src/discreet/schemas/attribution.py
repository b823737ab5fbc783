"""The person that a row belongs to, or who said something."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["OWNER", "SHARED", "Person"]


class Person(BaseModel):
    """A contact, by the name it gives itself and its address (`platform:id`).

    The name proves nothing. The address is `owner` for the owner and `shared` for everyone who
    talks to an agent with a shared memory.
    """

    model_config = ConfigDict(frozen=True)

    name: str = ""
    address: str = ""

    @property
    def label(self) -> str:
        """The display name: the name, or else the address."""
        return self.name or self.address


# Neither is a platform address: those contain a colon.
OWNER = Person(address="owner")
SHARED = Person(address="shared")
