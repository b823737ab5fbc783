"""Behaviour common to all channels."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from discreet.channel_registry import OURS, ChannelRegistry
from discreet.domain.errors import BadInput, DiscreetError
from discreet.domain.ids import ChannelId, MessageId
from discreet.domain.inbound import AddressSender, Inbound, UnknownSender
from discreet.domain.outbound import (
    Later,
    NoFile,
    Outbound,
    Place,
    Rejected,
    Sent,
    ShownDraft,
    Unreachable,
)
from discreet.domain.platform import ChannelSecret
from discreet.settings import Settings
from tests.channels.contract.benches import BENCHES, SAID, Bench, Trouble

CHANNEL = ChannelId(UUID(int=1))


@pytest.fixture(params=sorted(BENCHES))
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with BENCHES[request.param](tmp_path) as bench:
        yield bench


def answer(bench: Bench, text: str, part: int = 0, account: str = "") -> Outbound:
    return Outbound(
        MessageId(UUID(int=1)),
        account or bench.me.account,
        bench.chat,
        "",
        text,
        None,
        part,
        heard_at=datetime.now(UTC),
    )


def test_every_platform_is_on_a_bench(tmp_path: Path) -> None:
    assert set(OURS) <= set(BENCHES)
    platforms = ChannelRegistry(Settings(home=tmp_path))
    assert {platforms[name].name for name in OURS} == set(OURS)


async def test_what_somebody_says_comes_with_who_and_where(bench: Bench) -> None:
    (said,) = bench.platform.parse(bench.said, bench.me, CHANNEL)
    assert isinstance(said, Inbound)
    assert isinstance(said.sender, AddressSender)
    assert said.sender.address.platform == bench.platform.name == bench.channel.platform
    assert (said.channel_id, said.chat_id, said.text) == (CHANNEL, bench.chat, SAID)
    assert (said.addressed, said.group) == (True, None)
    assert said.message_id
    assert said.sent_at.tzinfo is not None


async def test_parsing_is_pure_and_the_same_payload_is_the_same_message(bench: Bench) -> None:
    before = copy.deepcopy(bench.said)
    first = bench.platform.parse(bench.said, bench.me, CHANNEL)
    assert bench.platform.parse(bench.said, bench.me, CHANNEL) == first
    assert bench.said == before
    assert bench.sent() == []


async def test_an_unnamed_person_is_never_mistaken_for_anybody(bench: Bench) -> None:
    for payload in (bench.nobody, bench.broken):
        (said,) = bench.platform.parse(payload, bench.me, CHANNEL)
        assert isinstance(said, Inbound)
        assert isinstance(said.sender, UnknownSender)
        assert said.sender.why


async def test_overheard_lines_and_edits_start_no_turn(bench: Bench) -> None:
    for payload in bench.overheard:
        (said,) = bench.platform.parse(payload, bench.me, CHANNEL)
        assert isinstance(said, Inbound)
        assert not said.addressed


async def test_an_unknown_payload_is_not_an_error(bench: Bench) -> None:
    for payload in ({}, {"update_id": 1}, {"entry": 7}, {"entry": [{"changes": [None]}]}):
        assert list(bench.platform.parse(payload, bench.me, CHANNEL)) == []


async def test_an_answer_arrives_whole_in_as_many_parts_as_were_said(bench: Bench) -> None:
    text = "some words and more. " * 900
    parts = bench.channel.parts(text)
    assert parts > 1
    assert bench.channel.parts(text) == parts
    for part in range(parts):
        result = await bench.channel.send(answer(bench, text, part))
        assert isinstance(result, Sent)
        assert result.platform_message_id
    assert " ".join(bench.sent()).split() == text.split()


async def test_no_link_in_a_sent_or_edited_message_gets_a_preview(bench: Bench) -> None:
    text = "Look: [here](https://evil.example/?said=secret) or https://evil.example/?said=secret"
    long = f"{text} {'and more words. ' * 400}"
    for part in range(bench.channel.parts(long)):
        assert isinstance(await bench.channel.send(answer(bench, long, part)), Sent)
    place = Place(bench.me.account, bench.chat, "")
    if bench.channel.draft_interval(place) is not None:
        shown = await bench.channel.show_draft(place, f"{text} grows", None, None)
        assert isinstance(shown, Sent)
        name = shown.platform_message_id
        assert isinstance(
            await bench.channel.show_draft(place, f"{text} grows on", None, name), Sent
        )
        final = replace(answer(bench, text), draft=ShownDraft(name, fits=True))
        assert isinstance(await bench.channel.send(final), Sent)
    assert any("evil.example" in sent for sent in bench.sent())
    assert bench.previewed() == []


KINDS: dict[Trouble, type[Later | Unreachable | Rejected]] = {
    "slow down": Later,
    "down": Later,
    "cut": Later,
    "gone": Unreachable,
    "refused": Rejected,
}


async def test_what_goes_wrong_is_one_of_a_closed_set_and_the_next_answer_goes_through(
    bench: Bench,
) -> None:
    for trouble, begin in bench.troubles.items():
        before = bench.sent()
        begin()
        result = await bench.channel.send(answer(bench, "hello"))
        bench.mend()
        assert isinstance(result, KINDS[trouble]), trouble
        if isinstance(result, Later):
            assert (result.wait > timedelta(0)) == (trouble == "slow down")
        assert bench.secret.token not in repr(result)
        assert bench.sent() == before, trouble
    assert isinstance(await bench.channel.send(answer(bench, "hello")), Sent)
    assert bench.sent() == ["hello"]


async def test_an_account_that_was_removed_sends_nothing(bench: Bench) -> None:
    result = await bench.channel.send(answer(bench, "hello", account="31415926535"))
    assert isinstance(result, Rejected)
    assert isinstance(await bench.channel.fetch("31415926535", "file", 10), NoFile)
    assert bench.sent() == []


async def test_typing_indicators_never_fail(bench: Bench) -> None:
    place = Place(bench.me.account, bench.chat, "")
    await bench.channel.show_typing(place)
    await bench.channel.show_typing(Place("31415926535", bench.chat, ""))
    await bench.channel.take_back(place, "1")
    if bench.channel.draft_interval(place) is None:
        assert isinstance(await bench.channel.show_draft(place, "hel", None, None), Rejected)


async def test_an_invalid_secret_is_reported_and_quoted_nowhere(bench: Bench) -> None:
    assert bench.secret.token not in repr(bench.secret)
    with pytest.raises(BadInput) as raised:
        await bench.platform.identify(ChannelSecret("not a token"), bench.me.account)
    assert isinstance(raised.value, DiscreetError)
    assert raised.value.hint
