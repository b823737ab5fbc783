"""What the name and the settings of an agent may be."""

from __future__ import annotations

from discreet.domain.errors import BadInput
from discreet.schemas.agents import AgentChange

MAX_NAME_CHARACTERS = 100
MAX_INSTRUCTION_CHARACTERS = 100_000
LEAST_CONTEXT, MAX_CONTEXT = 1_024, 100_000_000
MAX_FALLBACKS = 5
MAX_PERSON_MINUTES = 10_080


def check_agent_name(name: str) -> None:
    """Refuse a name that no agent can have.

    Raises:
        BadInput: it is empty, too long, or has characters that can't be seen.
    """
    if not name.strip() or name != name.strip():
        raise BadInput("An agent's name can't be empty, or begin or end with a space.")
    if len(name) > MAX_NAME_CHARACTERS:
        raise BadInput(f"An agent's name can have at most {MAX_NAME_CHARACTERS} characters.")
    if not name.isprintable():
        raise BadInput("An agent's name can't contain control or invisible characters.")


def check_agent_change(change: AgentChange) -> None:
    """Refuse settings that no agent can have.

    Raises:
        BadInput: a value is out of range, or a text is too long or invalid.
    """
    _check_models(change)
    if change.person_minutes is not None and not 1 <= change.person_minutes <= MAX_PERSON_MINUTES:
        raise BadInput(f"An agent can wait 1 to {MAX_PERSON_MINUTES:,} minutes for a person.")
    for what, text in (
        ("role", change.role),
        ("instructions", change.instructions),
        ("model", change.model),
        ("reply for unknown questions", change.unknown_reply),
        *(("fallback model", name) for name in change.fallback_models or ()),
    ):
        if text is None:
            continue
        if "\0" in text or not _is_unicode(text):
            raise BadInput(
                f"The {what} is not valid text (it contains a NUL, or bytes that are not UTF-8)."
            )
        if len(text) > MAX_INSTRUCTION_CHARACTERS:
            raise BadInput(
                f"The {what} has {len(text):,} characters; at most "
                f"{MAX_INSTRUCTION_CHARACTERS:,} are allowed."
            )


def _check_models(change: AgentChange) -> None:
    if change.context_tokens and not LEAST_CONTEXT <= change.context_tokens <= MAX_CONTEXT:
        raise BadInput(
            f"The context must be {LEAST_CONTEXT:,} to {MAX_CONTEXT:,} tokens.",
            hint="Use 0 to remove the setting; the size is then looked up or learned.",
        )
    named = change.fallback_models or ()
    if len(named) > MAX_FALLBACKS:
        raise BadInput(f"An agent can have at most {MAX_FALLBACKS} fallback models.")
    if any(not name.strip() or len(name) > MAX_NAME_CHARACTERS * 2 for name in named):
        raise BadInput("A fallback model needs a name, written provider:name.")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
