"""Why an agent said what it said: of turns that failed, were cut off, or whose memories changed."""

from __future__ import annotations

import re

from discreet.schemas.agents import AgentChange
from discreet.schemas.memories import MemoryPatch, Remember
from discreet.services import agents, memories
from discreet.services.turns import list_turns
from discreet.turn.context import TurnContext
from discreet.turn.prompt import Prompt
from discreet.turn.result import ModelError, Step, TurnResult, Usage
from discreet.turn.think import OnText, Tools
from tests.dashboard.conftest import Browser
from tests.support.responders import Think
from tests.support.turns import one_turn

ASKED = {"query": "walnuts"}
FAILED = "The model nowhere:x <b>answered</b> 503."


async def _fails(*_: object) -> TurnResult:
    failure = ModelError("provider", FAILED, final=True)
    failure.model, failure.reasoning = "nowhere:x", "They ask about walnuts."
    raise failure


async def _cut(_: TurnContext, __: Prompt, tools: Tools, ___: OnText) -> TurnResult:
    steps = (Step("recall", ASKED, (await tools.call("recall", ASKED)).text),)
    return TurnResult(
        "She buys walnuts on", "openai:gpt-5.2", steps, Usage(requests=2, output_tokens=38),
        cut_off="limits: The answer reached the length limit.", reasoning="Walnuts again. " * 2_000,
    )  # fmt: skip


async def _turn(inside: Browser, text: str, think: Think) -> str:
    """Let Anna say something, and return the page of the turn."""
    world = inside.harness.world
    said = await world.say("telegram:1001", text, name="Anna")
    await one_turn(world, said.session_id, think)
    [newest, *_] = await list_turns(world.db, world.owner_id)
    return f"/turns/{newest.id}"


def _text(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("<main")[2]))


async def test_a_failed_turn_says_why_and_what_was_said_instead(inside: Browser) -> None:
    page = await inside.page(await _turn(inside, "Who eats walnuts?", _fails))
    assert "<b>answered" not in page
    text = _text(page)
    for shown in ("Why Ada gave no answer", "gave up", "nowhere:x", "&lt;b&gt;answered",
                  "They ask about walnuts.", "Said instead I&#39;m sorry"):  # fmt: skip
        assert shown in text, shown


async def test_a_turn_tells_which_of_its_memories_were_changed_or_forgotten_since(
    inside: Browser,
) -> None:
    world = inside.harness.world
    said = await world.say("telegram:1001", "hello", name="Anna")
    context = world.context(world.contact(said.contact_id))
    facts = ("Anna buys walnuts.", "Anna's dog eats walnuts.", "Anna cracks walnuts.")
    _, changed, gone = [
        (await memories.remember(context, Remember(content=fact))).id for fact in facts
    ]
    path = await _turn(inside, "What do you know about walnuts?", _cut)
    assert "since" not in _text(await inside.page(path))
    await memories.update(inside.harness.app.context, changed, MemoryPatch(content="It eats figs."))
    await memories.forget(inside.harness.app.context, gone)
    page = await inside.page(path)
    marked = r'<a href="([^"]+)"><bdi class="name">[^<]+</bdi></a> <span class="chip warn">([^<]+)'
    assert dict(re.findall(marked, page)) == {
        f"/memories/{changed}": "changed since",
        f"/memories/{gone}/forgotten": "forgotten since",
    }
    assert "cracks walnuts" in await inside.page(f"/memories/{gone}/forgotten")


async def test_a_cut_answer_and_endless_reasoning_are_marked_as_such(inside: Browser) -> None:
    text = _text(await inside.page(await _turn(inside, "What about walnuts?", _cut)))
    assert "Why Ada said this" in text
    assert "The answer is incomplete. limits: The answer reached the length limit." in text
    assert "… (cut)" in text
    assert "&#34;query&#34;: &#34;walnuts&#34;" in text


async def test_a_turn_is_run_again_with_todays_model_or_says_why_not(inside: Browser) -> None:
    world = inside.harness.world
    path = await _turn(inside, "What about walnuts?", _cut)
    await agents.change_agent(world.db, world.owner_id, "Ada", AgentChange(model="nowhere:nothing"))
    sent = await inside.send(f"{path}/rerun")
    assert sent.headers["location"] == path
    assert "It can&#39;t be run again." in (page := await inside.page(path))
    assert "nowhere:nothing" in page
    await agents.change_agent(world.db, world.owner_id, "Ada", AgentChange(model=""))
    again = await inside.send(f"{path}/rerun", 200)
    assert "Model built-in responder (then: openai:gpt-5.2)" in _text(again.text)
    async with world.db.begin(world.owner) as tx:
        assert await tx.value("SELECT count(*) FROM discreet.outbox") == 1
