"""Check whether a model works before a sender needs it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from discreet.settings import Settings
from discreet.turn.failures import failures
from discreet.turn.models import open_model
from discreet.turn.result import ModelError

if TYPE_CHECKING:
    from pydantic_ai.models import Model

__all__ = ["ModelCheck", "ask_model", "check_setup"]

ASK_SECONDS = 20.0
QUESTION = "Reply with the word OK."
ANSWER_TOKENS = 64


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """The result of a check. ``problem`` None: the model works. ``seconds``: how long it took."""

    model: str
    problem: str | None
    seconds: float = 0.0


async def check_setup(settings: Settings, names: Iterable[str]) -> list[ModelCheck]:
    """Check names, packages and keys without calling any provider. Return the models that fail."""
    wrong = []
    for name in dict.fromkeys(names):
        try:
            await _open(settings, name)
        except ModelError as error:
            wrong.append(ModelCheck(name, _told(error)))
    return wrong


async def ask_model(settings: Settings, name: str) -> ModelCheck:
    """Ask a model one short question, without tools and without a retry."""
    began = time.monotonic()
    try:
        with failures(ASK_SECONDS):
            model = await _open(settings, name)
            from pydantic_ai.direct import model_request
            from pydantic_ai.messages import ModelRequest
            from pydantic_ai.settings import ModelSettings

            async with model:  # closes its connections
                with anyio.fail_after(ASK_SECONDS):
                    await model_request(
                        model,
                        [ModelRequest.user_text_prompt(QUESTION)],
                        model_settings=ModelSettings(max_tokens=ANSWER_TOKENS),
                    )
    except ModelError as error:
        return ModelCheck(name, _told(error), time.monotonic() - began)
    return ModelCheck(name, None, time.monotonic() - began)


async def _open(settings: Settings, name: str) -> Model:
    key = settings.model_api_key
    return await open_model(
        name,
        base_url=settings.model_base_url,
        key=None if key is None else key.get_secret_value(),
    )


def _told(error: ModelError) -> str:
    return f"{error.message} {error.hint}".strip()
