"""An owner with an account of theirs on Telegram, and what they are told and answered there."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from discreet.intake import Accepted
from discreet.memory.embedding import bundled_embedder
from discreet.services import admission
from discreet.services.attention import find_concerns
from discreet.services.channels import ChannelAccess
from discreet.services.limits import ContactLimits, set_limits
from discreet.services.owner_notices import NoticeRules, notify_owner
from discreet.settings import Settings
from discreet.turn.context import TurnContext
from discreet.turn.prompt import Budget, Prompt
from discreet.turn.result import ModelError, TurnResult
from discreet.turn.run import run_turn
from discreet.turn.think import OnText, Tools
from discreet.turn.turns import Turns
from tests.support.platform import Platform

OLGA, ALICE, BOB, GROUP = "telegram:9", "telegram:1001", "telegram:1002", "telegram:-100500"
KEY = bytes(32)
AT_ONCE = NoticeRules(digest=timedelta(0))


async def link(platform: Platform, account: str) -> None:
    world = platform.world
    code = await admission.make_owner_link(world.db, world.owner_id, "telegram")
    assert await platform.reason(account, code) == "linked"


async def echo(context: TurnContext, _: Prompt, __: Tools, ___: OnText) -> TurnResult:
    return TurnResult("I heard: " + " / ".join(line.text for line in context.waiting), "echo")


async def fail(_: TurnContext, __: Prompt, ___: Tools, ____: OnText) -> TurnResult:
    raise ModelError("setup", "The provider rejected the API key.", final=True)


async def run(platform: Platform, said: Accepted, responder: Any = echo) -> None:
    world = platform.world
    access = ChannelAccess(world.db, world.owner_id, {}, KEY)
    look = partial(find_concerns, access, Settings(home=Path("/")))
    turns = Turns(world.db, bundled_embedder(), responder, 1, Budget(), look=look)
    await run_turn(turns, said.session_id)


async def ask(platform: Platform, text: str, sender: str = OLGA, **more: Any) -> str:
    """What somebody is answered on Telegram."""
    said = await platform.accepted(sender, text, **more)
    await run(platform, said)
    return (await platform.sent(more.get("group") or sender))[-1]


async def raise_limits(platform: Platform) -> None:
    world = platform.world
    limits = ContactLimits(messages_a_minute=10_000)
    await set_limits(world.db, world.owner_id, None, limits)


async def told(platform: Platform, rules: NoticeRules = AT_ONCE) -> list[str]:
    """What the owner is told now that they weren't told before."""
    before = await platform.sent(OLGA)
    await notify_owner(platform.world.db, platform.world.owner_id, rules)
    return (await platform.sent(OLGA))[len(before) :]
