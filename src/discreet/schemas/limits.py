"""Limits on what contacts may use."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

__all__ = [
    "BudgetList",
    "BudgetToSet",
    "ContactLimits",
    "LimitHit",
    "LimitKind",
    "Money",
    "NearLimit",
    "UsageBudget",
]

LimitKind = Literal["messages_a_minute", "waiting", "tokens_a_day", "money_a_day", "budget"]
Money = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
"""US dollars."""
Dollars = Annotated[Money, Field(allow_inf_nan=True, description="US dollars per UTC day.")]


class ContactLimits(BaseModel):
    """What one contact may use of one agent.

    In a request, omitted or null limits stay as they are; in a response, null means no limit.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"example": {"messages_a_minute": 10, "money_a_day": 0.5}},
    )

    messages_a_minute: Annotated[int, Field(le=2**31 - 1)] | None = None
    waiting: Annotated[int, Field(le=2**31 - 1, description="Unanswered messages.")] | None = None
    tokens_a_day: (
        Annotated[int, Field(le=2**31 - 1, description="Input and output tokens per UTC day.")]
        | None
    ) = None
    money_a_day: Dollars | None = None


class BudgetToSet(BaseModel):
    """A daily budget for all contacts together, of one agent or of all agents.

    At least one of the two limits is required; an omitted one means no limit.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"example": {"agent": "Ada", "money_a_day": 5}},
    )

    agent: str | None = Field(
        default=None, description="An agent's name. Null: all agents together."
    )
    tokens_a_day: (
        Annotated[
            int, Field(ge=1, le=2**62, description="In and out, from midnight to midnight, UTC.")
        ]
        | None
    ) = None
    money_a_day: Annotated[Money, Field(gt=0, allow_inf_nan=False, le=10**9)] | None = None


class UsageBudget(BaseModel):
    """A budget and today's usage."""

    model_config = ConfigDict(frozen=True)

    agent: str | None = Field(description="Null: all agents together.")
    tokens_a_day: int | None
    money_a_day: Money | None
    tokens: int = Field(description="Tokens used today (UTC).")
    money: Money = Field(description="US dollars used today (UTC).")


class BudgetList(BaseModel):
    """All budgets."""

    model_config = ConfigDict(frozen=True)

    items: tuple[UsageBudget, ...]


class LimitHit(BaseModel):
    """A contact that exceeded a limit; its messages are ignored until ``until``."""

    model_config = ConfigDict(frozen=True)

    agent: str
    whose: str
    kind: LimitKind
    refused: int
    since: datetime
    until: datetime


class NearLimit(BaseModel):
    """A contact that has used most of a daily limit, or a budget that is nearly used up."""

    model_config = ConfigDict(frozen=True)

    agent: str
    whose: str
    kind: Literal["tokens_a_day", "money_a_day"]
    contact_id: UUID | None = Field(None, description="Null: a budget.")
    share: float = Field(description="Used share of the limit; 1 is all of it.")
