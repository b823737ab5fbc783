"""Parsing of WhatsApp's webhook requests."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from discreet.channels.whatsapp.formatting import MAX_CHARACTERS, render, split
from discreet.channels.whatsapp.parse import parse
from discreet.domain.addresses import Address
from discreet.domain.ids import ChannelId
from discreet.domain.inbound import AddressSender, Attachment, Inbound, UnknownSender
from discreet.domain.platform import Identity, Receipt
from tests.channels.whatsapp_payloads import (
    BOTH,
    BSUID,
    FILE,
    IMAGE,
    ONLY_BSUID,
    PHONE,
    VOICE,
    WINDOW_CLOSED,
    message,
    status,
)
from tests.support.cloud_api import NUMBER, OTHER_NUMBER, payload

CHANNEL = ChannelId(UUID(int=1))
ME = Identity(NUMBER, "+1 555-078-3881")


def only(*messages: dict[str, Any], **more: Any) -> Inbound:
    (inbound,) = parse(payload(*messages, **more), ME, CHANNEL)
    assert isinstance(inbound, Inbound)
    return inbound


def test_a_sender_is_known_by_the_id_of_the_business_and_the_phone_number_beside_it() -> None:
    inbound = only(message(), contacts=[BOTH])
    assert inbound.sender == AddressSender(
        Address("whatsapp", BSUID), "Alice Adams", (Address("whatsapp", PHONE),)
    )
    assert (inbound.chat_id, inbound.text) == (BSUID, "Does it come in another color?")
    assert (inbound.addressed, inbound.group, inbound.thread_key) == (True, None, "")


def test_a_sender_may_come_without_a_phone_number_or_without_the_other_id() -> None:
    without_phone = only(message(**{"from": None}), contacts=[ONLY_BSUID])
    assert without_phone.sender == AddressSender(Address("whatsapp", BSUID), "Alice Adams")
    without_bsuid = only(message(from_user_id=None), contacts=[{**BOTH, "user_id": None}])
    assert without_bsuid.sender == AddressSender(Address("whatsapp", PHONE), "Alice Adams")


def test_a_message_without_any_sender_goes_where_only_the_owner_sees_it() -> None:
    inbound = only(message(**{"from": None, "from_user_id": None}))
    assert isinstance(inbound.sender, UnknownSender)


def test_events_of_another_number_are_not_for_this_one() -> None:
    assert parse(payload(message(), number=OTHER_NUMBER), ME, CHANNEL) == []


@pytest.mark.parametrize(
    ("kind", "body", "text", "files"),
    [
        ("image", IMAGE, "[photo] my cat", (Attachment("photo", IMAGE["id"], "", "image/jpeg"),)),
        ("audio", VOICE, "[voice message]", (Attachment("voice", VOICE["id"], "", "audio/ogg"),)),
        (
            "document",
            FILE,
            "[document: bill.pdf]",
            (Attachment("document", FILE["id"], "bill.pdf", "application/pdf"),),
        ),
        ("button", {"text": "Yes", "payload": "Yes"}, "Yes", ()),
        (
            "interactive",
            {"type": "list_reply", "list_reply": {"id": "1", "title": "Tuesday"}},
            "Tuesday",
            (),
        ),
    ],
)
def test_a_message_that_is_not_text_is_named_and_its_file_is_kept(
    kind: str, body: Any, text: str, files: tuple[Attachment, ...]
) -> None:
    inbound = only(message(kind, body), contacts=[BOTH])
    assert (inbound.text, inbound.attachments, inbound.addressed) == (text, files, True)


def test_an_edit_is_the_whole_message_as_it_is_now() -> None:
    new = {"id": "wamid.1", "type": "text", "text": {"body": "red"}}
    body = {"original_message_id": "wamid.1", "message": new}
    edit = only(message("edit", body, id="wamid.2"), contacts=[BOTH])
    assert (edit.text, edit.edit_of, edit.message_id) == ("red", "wamid.1", "wamid.2")
    assert not edit.addressed
    lost = only(message("edit", {"message": new}), contacts=[BOTH])
    assert (lost.text, bool(lost.edit_of), lost.addressed) == ("red", True, False)


def test_a_reply_names_the_message_that_it_answers() -> None:
    inbound = only(message(context={"from": "15550783881", "id": "wamid.1"}), contacts=[BOTH])
    assert inbound.reply_to == "wamid.1"


def test_in_a_group_the_agent_is_spoken_to_only_where_it_is_answered_or_mentioned() -> None:
    group = {"group_id": "Y2FwaV9ncm91cDox", "contacts": None}
    overheard = only(message(**group))
    assert overheard.group is not None
    assert (overheard.chat_id, overheard.addressed) == ("group Y2FwaV9ncm91cDox", False)
    assert only(message(**group, context={"from": "15550783881", "id": "w"})).addressed
    assert only(message("text", {"body": "@15550783881 hello"}, **group)).addressed


def test_a_message_that_can_not_be_read_stops_no_other() -> None:
    broken, whole = message("text", "no object"), message(id="wamid.2")
    first, second = parse(payload(broken, whole), ME, CHANNEL)
    assert isinstance(first, Inbound)
    assert isinstance(second, Inbound)
    assert first.sender == UnknownSender(
        "WhatsApp's message could not be parsed", Address("whatsapp", BSUID)
    )
    assert second.text == "Does it come in another color?"


def test_receipts_report_what_became_of_an_answer() -> None:
    stages = [
        status("wamid.out1", "sent"),
        status("wamid.out1", "delivered"),
        status("wamid.out1", "read"),
        status("wamid.out2", "failed", errors=[WINDOW_CLOSED]),
    ]
    events = parse(payload(statuses=stages), ME, CHANNEL)
    receipts = [event for event in events if isinstance(event, Receipt)]
    assert [each.stage for each in receipts] == ["delivered", "read", "failed"]
    assert "24 hours" in receipts[-1].why
    assert {each.chats for each in receipts} == {(PHONE,)}


@pytest.mark.parametrize(
    ("told", "chats"),
    [
        ({"recipient_user_id": BSUID}, (BSUID, PHONE)),
        ({"recipient_user_id": BSUID, "recipient_id": None}, (BSUID,)),
        ({"recipient_id": "Y2Fw", "recipient_type": "group"}, ("group Y2Fw",)),
        ({"recipient_id": None}, ()),
    ],
)
def test_a_receipt_names_the_chat_under_every_id_that_was_told(
    told: dict[str, Any], chats: tuple[str, ...]
) -> None:
    (receipt,) = parse(payload(statuses=[status("wamid.out1", "read", **told)]), ME, CHANNEL)
    assert isinstance(receipt, Receipt)
    assert receipt.chats == chats


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("**Hello** you", "*Hello* you"),
        ("*softly* and **loudly**", "_softly_ and *loudly*"),
        ("# Title\ntext", "*Title*\ntext"),
        ("[here](https://a.example)", "here (https://a.example)"),
        ("~~no~~ `**code**`", "~no~ `**code**`"),
        ("```python\na ** b\n```", "```\na ** b\n```"),
        ("2 * 3 * 4", "2 * 3 * 4"),
    ],
)
def test_markdown_is_shown_as_whatsapp_shows_it(markdown: str, shown: str) -> None:
    assert render(markdown) == shown


def test_long_texts_go_in_parts_and_no_word_and_no_emoji_is_cut() -> None:
    words = "word " * 3000
    parts = split(words)
    assert all(len(part) <= MAX_CHARACTERS for part in parts)
    assert " ".join(parts) == words.strip()
    emojis = "👩‍👩‍👧" * 1500
    parts = split(emojis)
    assert "".join(parts) == emojis
    assert all(part.startswith("👩") and part.endswith("👧") for part in parts)
