"""Open a language model by name.

pydantic-ai and the provider's package are imported only here, when a model is used: together they
take up to three seconds.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from discreet.domain.errors import BadInput
from discreet.turn.result import ModelError

if TYPE_CHECKING:
    from pydantic_ai.models import Model

# Providers that a base URL replaces; every other known one keeps its own endpoint.
REPLACED_BY_BASE_URL = frozenset({"openai", "openai-chat"})

_IMPORTING = threading.Lock()
_OF_OPENAI = re.compile(r"(?:openai/)?(?:o\d|gpt-5)")
NO_TAGS = ("\0", "\0")
"""``turn/reasoning.py`` separates reasoning from text, not the library, which recognizes a tag only
if it is a chunk by itself.
"""


async def open_model(name: str, *, base_url: str | None = None, key: str | None = None) -> Model:
    """Return the model of that name, in pydantic-ai's notation: ``provider:name``.

    With ``base_url``, a name without a known provider (``llama3.2:3b``) or one of ``openai:`` uses
    that OpenAI-compatible endpoint, with ``key`` or a dummy. Keys of all others come from their
    providers' environment variables.

    Raises:
        ModelError: kind ``setup``: the name is unknown, or a package or a key is missing.
    """
    # In a thread, so that the first import doesn't block a serving process.
    return await asyncio.to_thread(_open_alone, name, base_url, key)


async def import_models(
    names: Iterable[str], *, base_url: str | None = None, key: str | None = None
) -> None:
    """Import what these models need, before the first turn waits for it.

    Missing packages are reported by the turn that needs them, not here.
    """
    for name in names:
        with suppress(Exception):
            await open_model(name, base_url=base_url, key=key)


def _open_alone(name: str, base_url: str | None, key: str | None) -> Model:
    # Threads that import the same packages for the first time see them partially imported.
    with _IMPORTING:
        # A turn imports this later, in the event loop.
        import pydantic_ai
        import pydantic_ai.exceptions
        import pydantic_ai.messages
        import pydantic_ai.settings  # noqa: F401

        model = _open(name, base_url, key)
        _leave_tags(model)
        return model


def _open(name: str, base_url: str | None, key: str | None) -> Model:
    from pydantic_ai.exceptions import UserError
    from pydantic_ai.models import infer_model

    from discreet.proxies import check_proxies

    try:
        check_proxies()
    except BadInput as error:
        raise ModelError("setup", error.message, hint=error.hint) from None
    provider, _, rest = name.partition(":")
    if base_url and (provider in REPLACED_BY_BASE_URL or not _is_provider(provider)):
        return _compatible(rest if provider in REPLACED_BY_BASE_URL else name, base_url, key)
    if not rest or not _is_provider(provider):
        raise ModelError(
            "setup",
            f"Unknown model {name!r}.",
            hint="Write provider:name, for example openai:gpt-5.2 or anthropic:claude-sonnet-4-5,"
            " or set DISCREET_MODEL_BASE_URL for a model of your own.",
        )
    try:
        return infer_model(name)
    except ImportError:
        raise ModelError(
            "setup",
            f"The model {name!r} needs a package that is not installed.",
            hint=f"Run: {_install(provider)}",
        ) from None
    except UserError as error:
        raise ModelError("setup", *_explain(name, str(error))) from None


def _leave_tags(model: Model) -> None:
    # The library offers no other way to change the profile of a model it chose.
    profile = model._profile
    if profile is None or isinstance(profile, dict):
        model._profile = {**(profile or {}), "thinking_tags": NO_TAGS}
        model.__dict__.pop("profile", None)  # it is cached there


def _is_provider(name: str) -> bool:
    from pydantic_ai.providers import infer_provider_class

    try:
        infer_provider_class(name)
    except ImportError:
        return True
    except ValueError:
        return False
    return True


def _compatible(name: str, base_url: str, key: str | None) -> Model:
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIModelProfile
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    provider = OpenAICompatibleProvider("compatible", base_url=base_url, api_key=key)
    profile: OpenAIModelProfile = {
        # Most servers know only max_tokens; OpenAI's newer models reject it.
        "openai_chat_supports_max_completion_tokens": _OF_OPENAI.match(name) is not None,
    }
    return OpenAIChatModel(name, provider=provider, profile=profile)


def known_window(model: Model) -> int | None:
    """Return the context size of a model in tokens, if the table has it."""
    window = model.profile.get("context_window")
    return window if isinstance(window, int) and window > 0 else None


def _install(provider: str) -> str:
    # For the running environment, which the shell's pip may not belong to.
    return f"{shlex.quote(sys.executable)} -m pip install 'pydantic-ai-slim[{provider}]'"


def _explain(name: str, error: str) -> tuple[str]:
    """Explain why a model can't be opened, usually because of a missing key."""
    variable = re.search(r"`([A-Z][A-Z0-9_]+(?:KEY|TOKEN)[A-Z0-9_]*)`", error)
    if variable:
        return (f"The model {name!r} has no key. Set {variable[1]} in the server's environment.",)
    return (f"The model {name!r} can't be used: {error}",)
