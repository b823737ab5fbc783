"""Choose the responder: the agent's model, else the installation's, else the offline responder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from discreet.settings import Settings
from discreet.turn.compact import Passage
from discreet.turn.context import AgentCard, KeptFile, TurnContext
from discreet.turn.model_limits import ModelLimits, Room
from discreet.turn.models import import_models, known_window, open_model
from discreet.turn.offline import respond
from discreet.turn.own_tools import TOOLS
from discreet.turn.prices import Prices, priced
from discreet.turn.prompt import Budget, ChatMessage, Prompt, build_prompt
from discreet.turn.reasoning import Habits
from discreet.turn.result import ModelError, TurnResult, Usage
from discreet.turn.summarise import pick_sentences, summarise_with
from discreet.turn.think import OnText, Tools, think
from discreet.turn.tools import ToolSpec
from discreet.turn.turns import Responder
from discreet.turn.windows import Fit, Windows, fit

if TYPE_CHECKING:
    from pydantic_ai.models import Model

__all__ = ["Models", "import_responders", "make_responder", "without_files"]

MAX_FITS = 8
"""How often one turn may shrink its prompt."""
SHRINK = 0.6
"""The factor, if the provider names no size."""
MAX_DENSITY = 4.0
TAKES_OVER = frozenset({"provider", "timeout", "setup", "outage", "confused", "empty", "context"})
"""Failures after which another model is tried. A content filter's refusal is an answer, and the
limits of a turn apply to all models together.
"""


def make_responder(settings: Settings) -> Responder:
    """Return the responder of an installation. Models are opened on first use."""
    return Models(settings).answer


async def import_responders(settings: Settings, models: Iterable[str]) -> None:
    """Import what the models of the installation and of agents need; nothing if there are none."""
    names = dict.fromkeys([*([settings.model] if settings.model else []), *models])
    await import_models(names, base_url=settings.model_base_url, key=_key(settings))


@dataclass(frozen=True, slots=True)
class _Opened:
    """A model and its known properties. ``window``: its context size by setting or table."""

    model: Model
    key: str
    window: int | None


@dataclass
class _Try:
    """The parameters of a turn's next attempt.

    ``window`` is the context size implied by the failures so far; a ``guess`` if they name none.
    ``density``: actual tokens per estimated token.
    """

    files: tuple[KeptFile, ...]
    window: int | None = None
    is_guess: bool = False
    density: float = 1.0
    watched: bool = True
    silences: int = 0

    def learn(self, failure: ModelError, prompt: Prompt) -> bool:
        """Take a failure into account; return whether another attempt can help."""
        if failure.has_acted:
            return False
        if failure.kind == "provider" and failure.final and prompt.files:
            self.files = ()
            return True
        if failure.kind != "context" and not failure.is_bare:
            return False
        self.watched = False  # only once: after that, trust what the server reports
        if failure.window is not None:
            if failure.window == self.window or failure.sent is not None:
                counted = (failure.sent or 0) / max(prompt.size, 1)
                self.density = max(self.density * 1.15, min(counted, MAX_DENSITY))
            self.window, self.is_guess = failure.window, False
            return True
        self.silences += 1
        if self.silences > 1:  # the first may have been a hiccup
            self.window = int((self.window or prompt.size * 1.5) * SHRINK)
            self.is_guess = True
        return True


@dataclass
class Models:
    """The models of an installation, and the facts learned about them.

    ``habits``: how they write reasoning, on which it depends whether a draft can be shown.
    """

    settings: Settings
    budget: Budget = field(default_factory=Budget)
    windows: Windows = field(default_factory=Windows)
    habits: Habits = field(default_factory=Habits)

    async def answer(
        self, context: TurnContext, prompt: Prompt, toolbox: Tools, on_text: OnText
    ) -> TurnResult:
        """Let the agent's models answer, trying one after the other; see ``Responder``."""
        names = self._names(context.agent)
        if not names:
            return await respond(context, toolbox)
        spent, failed = Usage(), []
        for number, name in enumerate(names):
            try:
                result = await self._answer_with(name, context, prompt, toolbox, on_text)
            except ModelError as failure:
                failure.model = failure.model or name
                spent += failure.usage
                failure.usage = spent
                failed.append(f"{failure.model}: {failure}")
                is_last = number == len(names) - 1
                if is_last or failure.has_acted or failure.kind not in TAKES_OVER:
                    raise
                continue
            instead_of = "; ".join(failed) or None
            return replace(result, usage=result.usage + spent, instead_of=instead_of)
        raise AssertionError("the last model answers or raises")

    async def summarise(self, passage: Passage) -> tuple[str, Usage]:
        """Summarize with the agent's model, or by rules if there is none."""
        names = self._names(passage.agent)
        if not names:
            return await pick_sentences(passage)
        opened = await self._open(names[0], passage.agent)
        fitted = self._fit(opened, None, 1.0, ())
        try:
            text, usage = await summarise_with(
                opened.model, self._limits(), passage, fitted.budget.total, fitted.answer
            )
        except ModelError as failure:
            if failure.window is not None:
                self.windows.learn(opened.key, failure.window)
            raise
        return text, priced(usage, opened.model, self._prices())

    async def budget_for(self, agent: AgentCard) -> Budget:
        """Return the budget of a prompt for the agent's first model."""
        names = self._names(agent)
        if not names:
            return self.budget
        try:
            opened = await self._open(names[0], agent)
        except ModelError:
            return self.budget  # the turn reports the problem
        return self._fit(opened, None, 1.0, TOOLS).budget

    async def _answer_with(
        self, name: str, context: TurnContext, prompt: Prompt, toolbox: Tools, on_text: OnText
    ) -> TurnResult:
        """Return an answer of one model, shrinking the prompt until it fits."""
        opened = await self._open(name, context.agent)
        spent, try_it = Usage(), _Try(files=prompt.files)
        for number in range(1, MAX_FITS + 1):
            fitted = self._fit(opened, try_it.window, try_it.density, toolbox.specs)
            if prompt.size > fitted.budget.total:
                prompt = replace(build_prompt(context, fitted.budget), files=prompt.files)
            if try_it.files != prompt.files:
                prompt = without_files(prompt)
            habit, says_ends = self.habits.of(opened.key), self.habits.says_ends(opened.key)
            room = Room(fitted.answer, fitted.specs, try_it.watched, habit, says_ends)
            try:
                result = await self._think(opened, prompt, toolbox, on_text, room)
            except ModelError as failure:
                spent += failure.usage
                failure.usage = spent
                if number == MAX_FITS or not try_it.learn(failure, prompt):
                    raise
                if failure.window is not None:
                    self.windows.learn(opened.key, failure.window)
                continue
            if try_it.window is not None and try_it.is_guess:
                self.windows.learn(opened.key, try_it.window)
            return replace(result, usage=result.usage + spent)
        raise AssertionError("the last try returns or raises")

    async def _think(
        self, opened: _Opened, prompt: Prompt, toolbox: Tools, on_text: OnText, room: Room
    ) -> TurnResult:
        prices = self._prices()
        try:
            result = await think(prompt, toolbox, opened.model, self._limits(), on_text, room)
        except ModelError as failure:
            failure.usage = priced(failure.usage, opened.model, prices)
            raise
        self.habits.learn(
            opened.key,
            closed_alone=result.closed_alone,
            finished=result.finished,
            says_ends=result.says_ends,
        )
        return replace(result, usage=priced(result.usage, opened.model, prices))

    def _fit(
        self, opened: _Opened, window: int | None, density: float, specs: Sequence[ToolSpec]
    ) -> Fit:
        window = window or self.windows.of(opened.key, opened.window)
        return fit(window, density, self.budget, specs, self.settings.answer_tokens)

    def _names(self, agent: AgentCard) -> list[str]:
        first = agent.model or self.settings.model
        return [] if first is None else list(dict.fromkeys([first, *agent.fallback_models]))

    async def _open(self, name: str, agent: AgentCard) -> _Opened:
        base_url = self.settings.model_base_url
        model = await open_model(name, base_url=base_url, key=_key(self.settings))
        is_first = name == (agent.model or self.settings.model)
        window = agent.context_tokens if is_first else None
        key = f"{model.system}:{model.model_name} {getattr(model, 'base_url', '')}"
        return _Opened(model, key, window or known_window(model))

    def _prices(self) -> Prices:
        return Prices(self.settings.model_prices)

    def _limits(self) -> ModelLimits:
        return ModelLimits(
            requests=self.settings.turn_request_limit,
            tokens=self.settings.turn_token_limit,
            silence=self.settings.turn_silence_seconds,
            total=self.settings.turn_total_seconds,
        )


def without_files(prompt: Prompt) -> Prompt:
    """Return the prompt for a model that accepts no files, with a note about them."""
    names = ", ".join(f"{file.name or 'a file'} ({file.media_type})" for file in prompt.files)
    last = prompt.messages[-1]
    text = f"{last.text}\n\n[You can't open what came with this message: {names}. Say so.]"
    return replace(
        prompt, files=(), messages=(*prompt.messages[:-1], ChatMessage(last.role, text.strip()))
    )


def _key(settings: Settings) -> str | None:
    key = settings.model_api_key
    return None if key is None else key.get_secret_value()
