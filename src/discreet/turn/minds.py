"""Which mind answers: the agent's model, else the installation's, else the offline responder."""

from __future__ import annotations

from discreet.settings import Settings
from discreet.turn.models import open_model
from discreet.turn.offline import respond
from discreet.turn.plan import Prompt
from discreet.turn.run import Mind
from discreet.turn.situation import Situation
from discreet.turn.think import Limits, OnText, Tools, think
from discreet.turn.thought import Thought


def mind_for(settings: Settings) -> Mind:
    """The mind of an installation. A model is opened when it is first asked."""
    limits = Limits(
        requests=settings.turn_request_limit,
        tokens=settings.turn_token_limit,
        seconds=settings.model_timeout_seconds,
    )

    async def answer(
        situation: Situation, prompt: Prompt, toolbox: Tools, on_text: OnText
    ) -> Thought:
        name = situation.agent.model or settings.model
        if name is None:
            return await respond(situation, toolbox, on_text)
        key = settings.model_api_key
        model = await open_model(
            name,
            base_url=settings.model_base_url,
            key=None if key is None else key.get_secret_value(),
        )
        return await think(prompt, toolbox, model, limits, on_text)

    return answer
