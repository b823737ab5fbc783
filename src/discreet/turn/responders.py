"""Choose the responder: the agent's model, else the installation's, else the offline responder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from discreet.settings import Settings
from discreet.turn.compact import Passage, Summarise
from discreet.turn.context import AgentCard, TurnContext
from discreet.turn.models import import_models, open_model
from discreet.turn.offline import respond
from discreet.turn.prompt import Prompt
from discreet.turn.result import TurnResult, Usage
from discreet.turn.run import Responder
from discreet.turn.summarise import pick_sentences, summarise_with
from discreet.turn.think import ModelLimits, OnText, Tools, think

if TYPE_CHECKING:
    from pydantic_ai.models import Model


def make_responder(settings: Settings) -> Responder:
    """Return the mind of an installation. A model is opened when it is first asked."""

    async def answer(
        context: TurnContext, prompt: Prompt, toolbox: Tools, on_text: OnText
    ) -> TurnResult:
        model = await _model_of(settings, context.agent)
        if model is None:
            return await respond(context, toolbox)
        return await think(prompt, toolbox, model, _limits(settings), on_text)

    return answer


def summariser_for(settings: Settings) -> Summarise:
    """Return what makes summaries: the agent's model, else the installation's, else rules."""

    async def summarise(passage: Passage) -> tuple[str, Usage]:
        model = await _model_of(settings, passage.agent)
        if model is None:
            return await pick_sentences(passage)
        return await summarise_with(model, _limits(settings), passage)

    return summarise


async def import_responders(settings: Settings, models: Iterable[str]) -> None:
    """Import what the installation's model needs, and those of agents; nothing if there is none."""
    names = dict.fromkeys([*([settings.model] if settings.model else []), *models])
    await import_models(names, base_url=settings.model_base_url, key=_key(settings))


async def _model_of(settings: Settings, agent: AgentCard) -> Model | None:
    name = agent.model or settings.model
    if name is None:
        return None
    return await open_model(name, base_url=settings.model_base_url, key=_key(settings))


def _key(settings: Settings) -> str | None:
    key = settings.model_api_key
    return None if key is None else key.get_secret_value()


def _limits(settings: Settings) -> ModelLimits:
    return ModelLimits(
        requests=settings.turn_request_limit,
        tokens=settings.turn_token_limit,
        silence=settings.turn_silence_seconds,
        total=settings.turn_total_seconds,
    )
