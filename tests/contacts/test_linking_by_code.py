"""Linking accounts of one person by codes."""

from __future__ import annotations

import pytest

from discreet.domain.errors import BadInput, Conflict
from discreet.scope import ScopedDatabase
from discreet.services import linking
from discreet.turn.run import run_turn
from tests.contacts.linked import (
    ANN,
    ANN_TOO,
    BOB,
    GROUP,
    Admin,
    answered,
    code_in,
    keep,
    link,
    link_by_codes,
    link_by_id,
)
from tests.support.platform import Platform, make_platform
from tests.support.responders import Responder
from tests.support.turns import turns_of


async def test_who_carries_a_code_each_way_has_one_conversation_and_one_memory(
    platform: Platform,
) -> None:
    responder = Responder()
    first = await platform.accepted(ANN, "I am Ann", name="Ann")
    await answered(platform, ANN, "hello", responder)
    await keep(platform, first, "Ann has a dog called Rex")
    other = await platform.accepted(ANN_TOO, "I am Ann as well")
    await answered(platform, ANN_TOO, "hello", responder)
    await keep(platform, other, "Ann lives in Ghent")

    assert "accounts are linked" in await link_by_codes(platform, ANN, ANN_TOO)

    said = await platform.accepted(ANN_TOO, "where do I live and who is Rex?")
    assert said.contact_id == first.contact_id
    assert said.session_id == first.session_id
    await run_turn(turns_of(platform.world.db, responder), said.session_id)
    assert (await platform.sent(ANN_TOO))[-1] == "hm"
    assert {found.text for found in responder.contexts[-1].recalled if found.kind == "memory"} == {
        "Ann has a dog called Rex",
        "Ann lives in Ghent",
    }


async def test_the_other_side_is_told_whose_code_it_is_and_what_follows(
    platform: Platform,
) -> None:
    await platform.accepted(ANN, "hi", name="Ann")
    there = code_in(await answered(platform, ANN, "/link", Responder()))
    told = await answered(platform, ANN_TOO, f"/link {there}", Responder())
    assert "Ann telegram:1001" in told
    assert "can be read there" in told


async def test_a_code_works_once_in_time_and_only_where_it_belongs(
    platform: Platform, admin: Admin
) -> None:
    there = code_in(await answered(platform, ANN, "/link", Responder()))
    assert "other account" in await answered(platform, ANN, f"/link {there}", Responder())
    back = code_in(await answered(platform, ANN_TOO, f"/link {there}", Responder()))
    # It is already used, and the returned code is for Ann only.
    assert "invalid" in await answered(platform, BOB, f"/link {there}", Responder())
    assert "invalid" in await answered(platform, BOB, f"/link {back}", Responder())
    assert "invalid" in await answered(platform, ANN_TOO, f"/link {back}", Responder())
    admin.execute("UPDATE discreet.link_requests SET expires_at = clock_timestamp()")
    assert "expired" in await answered(platform, ANN, f"/link {back}", Responder())

    there = code_in(await answered(platform, ANN, "/link", Responder()))
    admin.execute("UPDATE discreet.link_requests SET expires_at = clock_timestamp()")
    assert "expired" in await answered(platform, ANN_TOO, f"/link {there}", Responder())
    there, newer = [code_in(await answered(platform, ANN, "/link", Responder())) for _ in range(2)]
    assert "invalid" in await answered(platform, ANN_TOO, f"/link {there}", Responder())
    assert await linking.list_links(platform.world.db, platform.world.owner_id) == []

    back = code_in(await answered(platform, ANN_TOO, f"/link {newer}", Responder()))
    assert "accounts are linked" in await answered(platform, ANN, f"/link {back}", Responder())
    assert "invalid" in await answered(platform, ANN, f"/link {back}", Responder())
    [made] = await linking.list_links(platform.world.db, platform.world.owner_id)
    assert (made.proof, made.addresses) == ("codes", (ANN_TOO,))


async def test_who_guesses_at_codes_is_not_heard_for_an_hour(platform: Platform) -> None:
    there = code_in(await answered(platform, ANN, "/link", Responder()))
    for _ in range(10):
        assert "invalid" in await answered(platform, BOB, "/link ABCD-2345", Responder())
    assert "Too many" in await answered(platform, BOB, f"/link {there}", Responder())
    assert "code of" in await answered(platform, ANN_TOO, f"/link {there}", Responder())


async def test_a_group_can_not_be_linked(platform: Platform) -> None:
    there = code_in(await answered(platform, ANN, "/link", Responder()))
    for text in ("/link", f"/link {there}"):
        told = await answered(platform, BOB, text, Responder(), group=GROUP)
        assert "in a direct chat with me" in told
    group = await platform.accepted(BOB, "hello", group=GROUP)
    with pytest.raises(BadInput, match="group"):
        await link(platform, ANN, str(group.contact_id))
    ann = await platform.accepted(ANN, "me")
    with pytest.raises(Conflict, match="group"):
        await link_by_id(platform, ann, group)


async def test_everybody_shares_an_agent_so_nobody_is_joined_there(db: ScopedDatabase) -> None:
    platform = await make_platform(db, admission="pairing", memory_model="shared")
    said = await platform.world.say(ANN, "/link")
    await run_turn(turns_of(db, Responder()), said.session_id)
    assert "in a direct chat with me" in (await platform.sent("web:" + ANN))[-1]
