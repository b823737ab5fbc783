"""The arguments of the model's tools. None names a scope, and unknown ones are rejected.

They are a subset of the requests in ``discreet.schemas.memories``, with lower limits, for two
reasons: size, since every argument is sent to the model in each turn and every result fills its
context; and safety, since a message can't talk the model into an argument that doesn't exist.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from discreet.schemas.memories import Salience, Time

MAX_MEMORY = 4_000
MAX_QUERY = 1_000
MAX_TOPICS = 10
MAX_FOUND = 30


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("it contains a NUL character, which can't be stored")
    return text


Text = Annotated[str, AfterValidator(_storable)]
Topic = Annotated[str, Field(max_length=200), AfterValidator(_storable)]


class Arguments(BaseModel):
    """Arguments of one tool.

    An unknown one is an error: ignoring it would change the call's meaning.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


_CONTENT = Field(
    min_length=1,
    max_length=MAX_MEMORY,
    description="What to remember, as a sentence that makes sense on its own.",
)
_TOPIC_KEY = Field(
    default=None,
    max_length=200,
    description="A name for this one fact, such as `home_town`. It replaces an earlier memory with"
    " the same name.",
)
_TOPICS = Field(default=None, max_length=MAX_TOPICS, description="More topics, as short words.")
_SALIENCE = Field(
    default=None,
    description="How important it is. High and critical memories are loaded in every turn.",
)
_MEMORY_ID = Field(max_length=100, description="The memory's `id`, as returned by recall.")
_LIMIT = Field(default=10, ge=1, le=MAX_FOUND, description="Maximum number of results.")


_SINCE = Field(default=None, description="Only at or after this date or time (ISO 8601).")
_UNTIL = Field(default=None, description="Only before this date or time (ISO 8601).")


class RememberCall(Arguments):
    content: Text = _CONTENT
    topic_key: Text | None = _TOPIC_KEY
    topics: list[Topic] | None = _TOPICS
    salience: Salience | None = _SALIENCE
    replaces: Text | None = Field(
        default=None,
        max_length=100,
        description="The `id` of a memory that is no longer true and that this one replaces."
        " The old text stays in its history.",
    )


class RecallCall(Arguments):
    query: Text = Field(
        default="",
        max_length=MAX_QUERY,
        description="What to search for. If empty, returns the newest memories.",
    )
    limit: int = _LIMIT
    since: Time | None = _SINCE
    until: Time | None = _UNTIL


class ForgetCall(Arguments):
    memory_id: Text = _MEMORY_ID


class UpdateMemoryCall(Arguments):
    memory_id: Text = _MEMORY_ID
    version: int | None = Field(
        default=None, description="The version you read, to avoid overwriting a newer one."
    )
    content: Text = _CONTENT
    topic_key: Text | None = _TOPIC_KEY
    topics: list[Topic] | None = _TOPICS
    salience: Salience | None = _SALIENCE


class SearchConversationCall(Arguments):
    query: Text = Field(min_length=1, max_length=MAX_QUERY, description="What to look for.")
    limit: int = _LIMIT
    since: Time | None = _SINCE
    until: Time | None = _UNTIL


class SetTimeZoneCall(Arguments):
    zone: Text = Field(
        min_length=1, max_length=64, description="An IANA name, such as `Europe/Berlin`."
    )


class RemindCall(Arguments):
    text: Text = Field(
        min_length=1, max_length=1_000, description="What to remind of, in the person's language."
    )
    at: Text = Field(
        min_length=10,
        max_length=40,
        description="When, on the person's clock, such as `2026-12-24T18:30`.",
    )
    repeat: Text | None = Field(
        default=None,
        max_length=200,
        description="How it recurs, as an RFC 5545 rule such as `FREQ=WEEKLY;BYDAY=MO`. Leave it"
        " out for once.",
    )


class ListRemindersCall(Arguments):
    pass


class CancelReminderCall(Arguments):
    reminder_id: Text = Field(max_length=100, description="Its `id`, as list_reminders shows it.")


class AskForPersonCall(Arguments):
    reason: Text = Field(
        min_length=1, max_length=500, description="Why the person is needed, in one sentence."
    )


def schema_of(arguments: type[Arguments]) -> dict[str, Any]:
    """Return the JSON schema of a tool's arguments, for a model."""
    schema: dict[str, Any] = json.loads(_schema_text(arguments))
    return schema


@cache
def _schema_text(arguments: type[Arguments]) -> str:
    """Return it as text, of which each caller gets a copy: it takes milliseconds to make."""
    schema = arguments.model_json_schema()
    schema.pop("title")
    schema.pop("description", None)
    for described in schema.setdefault("properties", {}).values():
        described.pop("title", None)
    return json.dumps(schema)


def what_is_wrong(error: ValidationError) -> str:
    """Return which arguments are invalid and why, in one line for the model."""
    wrong = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            wrong.append(f"unknown argument {name!r}")
        elif problem["type"] == "missing":
            wrong.append(f"{name!r} is missing")
        else:
            why = problem["msg"].removeprefix("Value error, ")
            wrong.append(f"{name!r}: {why[:1].lower()}{why[1:]}")
    return "; ".join(wrong)
