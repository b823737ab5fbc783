"""Every field known to the platforms' own libraries is read, or listed here with a reason.

The lists of fields come from python-telegram-bot, discord.py and pywa. A new version with a new
field fails here until it is read or listed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

import discord
import pytest
import pywa.types
import telegram
from pywa.types import others

from discreet.channels import discord as our_discord
from discreet.channels import telegram as our_telegram
from discreet.channels import whatsapp as our_whatsapp
from discreet.channels.discord import content as discord_content
from discreet.channels.discord import notices as discord_notices
from discreet.channels.discord.parse import SAID
from discreet.channels.telegram.content import PARTS
from discreet.channels.telegram.notices import NOTICES
from discreet.channels.telegram.parse import ALLOWED_UPDATES
from discreet.channels.whatsapp.content import KINDS

LAYOUT = "how it looks, not what it says"
ANONYMOUS = "who wrote it stays who wrote it"
PRICE = "what it cost to send it"
ELSEWHERE = "about a conversation with somebody else, which this bot isn't asked into"
LATER = "about a message that was kept before; a platform doesn't send it with a new one"

TELEGRAM_SAYS_NOTHING = {
    "author_signature": "only in channels, where nobody is answered",
    "business_connection_id": ELSEWHERE,
    "direct_messages_topic": "the topic of a channel's own direct messages",
    "effect_id": LAYOUT,
    "guest_bot_caller_chat": ELSEWHERE,
    "guest_bot_caller_user": ELSEWHERE,
    "guest_query_id": ELSEWHERE,
    "has_media_spoiler": LAYOUT,
    "has_protected_content": "a right of the chat: it can't be passed on there",
    "is_automatic_forward": "it has a sender_chat too, which is what counts",
    "is_from_offline": "written earlier by the same person",
    "is_paid_post": PRICE,
    "link_preview_options": LAYOUT,
    "paid_star_count": PRICE,
    "sender_boost_count": ANONYMOUS,
    "sender_business_bot": ELSEWHERE,
    "sender_tag": ANONYMOUS,
    "show_caption_above_media": LAYOUT,
    "suggested_post_info": "the state of a post that is suggested to a channel",
    "via_bot": ANONYMOUS,
}
TELEGRAM_UPDATES_NOT_ASKED_FOR = {
    "business_connection": ELSEWHERE,
    "business_message": ELSEWHERE,
    "callback_query": "the bot sends no buttons",
    "chat_boost": "told as a message too (boost_added)",
    "chat_join_request": "admission is by the bot's own channels, not by Telegram's groups",
    "chat_member": "told as a message too (new_chat_members, left_chat_member)",
    "chosen_inline_result": "the bot has no inline mode",
    "deleted_business_messages": ELSEWHERE,
    "edited_business_message": ELSEWHERE,
    "edited_channel_post": "a post in a channel has no sender",
    "guest_message": ELSEWHERE,
    "inline_query": "the bot has no inline mode",
    "managed_bot": ELSEWHERE,
    "message_reaction_count": "counts without anybody who reacted",
    "my_chat_member": "that the bot may write or not shows when it answers",
    "poll": LATER,
    "poll_answer": "the bot asks nothing by polls",
    "pre_checkout_query": "the bot sells nothing",
    "purchased_paid_media": "the bot sells nothing",
    "removed_chat_boost": "no person's words; boost_added is kept",
    "shipping_query": "the bot sells nothing",
    "update_id": "read before the update is parsed",
}
DISCORD_SAYS_NOTHING = {
    "application_id": "of programs, which are not answered",
    "interaction": "of programs, which are not answered",
    "interaction_metadata": "of programs, which are not answered",
    "mention_channels": "their names come with the server",
    "mention_everyone": "everybody is nobody in particular: it doesn't address the bot",
    "nonce": "the number of a message in its sender's own program",
    "pinned": "told as a notice",
    "position": "its place in a thread; the order is that of arrival",
    "reactions": LATER,
    "thread": "told as a notice",
    "tts": LAYOUT,
}
DISCORD_SNAPSHOT_SAYS_NOTHING = {
    "edited_timestamp": "when the original was edited",
    "mention_roles": "nobody is addressed by what is passed on",
    "type": "only what somebody wrote can be passed on",
}
# Fields that the library renames or adds.
WHATSAPP_CALLED = {
    "contacts": "contacts",
    "data": "payload",
    "from_user": "from",
    "metadata": "display_phone_number",
    "price": "item_price",
    "products": "product_items",
    "reply_to_message": "context",
    "response": "response_json",
    "sku": "product_retailer_id",
    "token": "flow_token",
    "forwarded_many_times": "frequently_forwarded",
    "chat": "group_id",
    "error": "errors",
    "from_user_id": "from",
    "uploaded_to": "phone_number_id",
}
WHATSAPP_SAYS_NOTHING = {
    "acknowledged": "whether the business has seen a change of keys",
    "animated": LAYOUT,
    "country_code": "the country stands beside it",
    "created_timestamp": "when keys changed",
    "ctwa_clid": "an id for those who count the clicks on an ad",
    "first_name": "a part of formatted_name",
    "hash": "of the keys of a phone",
    "identity": "the keys of a phone, which WhatsApp itself looks after",
    "last_name": "a part of formatted_name",
    "media_type": "of the picture of an ad, which is only an address",
    "middle_name": "a part of formatted_name",
    "new_parent_id": "of the new number, which the next message comes from",
    "new_user_id": "of the new number, which the next message comes from",
    "new_wa_id": "of the new number, which the next message comes from",
    "old_wa_id": "of the old number, which the notice comes from",
    "prefix": "a part of formatted_name",
    "raw": "the library's copy of the call",
    "sha256": "the file is fetched by its id, over TLS",
    "source_id": "the number of an ad, whose address is kept",
    "suffix": "a part of formatted_name",
    "sys_type": "the text of the notice says it",
    "uploaded_at": "the time of the message",
    "uploaded_by": "the sender of the message",
    "waba_id": "the business, which the channel stands for",
}
WHATSAPP_TYPES = (
    pywa.types.Message,
    pywa.types.CallbackButton,
    pywa.types.CallbackSelection,
    pywa.types.FlowCompletion,
    pywa.types.PhoneNumberChange,
    pywa.types.IdentityChange,
    pywa.types.Identity,
    pywa.types.Image,
    pywa.types.Video,
    pywa.types.Audio,
    pywa.types.Document,
    pywa.types.Sticker,
    pywa.types.Unsupported,
    others.Contact,
    others.Contact.Name,
    others.Contact.Address,
    others.Contact.Email,
    others.Contact.Org,
    others.Contact.Phone,
    others.Contact.Url,
    others.Location,
    others.Order,
    others.Product,
    others.Reaction,
    others.Referral,
    others.ReferredProduct,
    others.ReplyToMessage,
)


def attributes_read(package: object) -> set[str]:
    """Return the names that a channel's modules read, as attributes or as keys."""
    names: set[str] = set()
    for path in Path(str(package.__path__[0])).glob("*.py"):  # type: ignore[attr-defined]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
            elif isinstance(node, ast.keyword) and node.arg:
                names.add(node.arg)
    return names


def discords_own() -> ast.Module:
    """Return discord.py's message types without executing them: their imports are circular."""
    return ast.parse((Path(discord.__file__).parent / "types" / "message.py").read_text())


def fields_of(*classes: str) -> set[str]:
    """Return the fields of these classes of discord.py."""
    return {
        line.target.id
        for found in ast.walk(discords_own())
        if isinstance(found, ast.ClassDef) and found.name in classes
        for line in found.body
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
    }


def unaccounted(fields: Iterable[str], read: set[str], silent: Iterable[str]) -> set[str]:
    return {field for field in fields if not field.startswith("_")} - read - set(silent)


def test_every_attribute_of_a_telegram_message_is_read_or_listed() -> None:
    fields = set(telegram.Message.__slots__)
    read = attributes_read(our_telegram)
    for field in ("entities", "caption_entities"):
        read |= {field} if f"parse_{field}" in read else set()
    assert unaccounted(fields, read, TELEGRAM_SAYS_NOTHING) == set()
    assert set(TELEGRAM_SAYS_NOTHING) <= fields
    assert set(TELEGRAM_SAYS_NOTHING).isdisjoint({*PARTS, *NOTICES})
    assert {*PARTS, *NOTICES} <= fields


def test_every_kind_of_update_of_telegram_is_asked_for_or_listed() -> None:
    fields = set(telegram.Update.__slots__)
    assert unaccounted(fields, set(ALLOWED_UPDATES), TELEGRAM_UPDATES_NOT_ASKED_FOR) == set()
    assert set(TELEGRAM_UPDATES_NOT_ASKED_FOR) <= fields


def test_a_quote_from_another_chat_has_only_parts_that_messages_have() -> None:
    fields = set(telegram.ExternalReplyInfo.__slots__)
    own = {"origin", "chat", "message_id"}
    known = {*telegram.Message.__slots__, *own}
    assert fields <= known


def test_every_field_of_a_discord_message_is_read_or_listed() -> None:
    fields = fields_of("Message", "PartialMessage")
    assert len(fields) > 30
    read = attributes_read(our_discord) - set(DISCORD_SAYS_NOTHING)
    assert unaccounted(fields, read, DISCORD_SAYS_NOTHING) == set()
    assert set(DISCORD_SAYS_NOTHING) <= fields
    # A field unknown to the library is named in the line if it has content.
    assert fields <= discord_content.KNOWN


def test_every_field_of_what_discord_passes_on_is_read_or_listed() -> None:
    fields = fields_of("MessageSnapshot")
    assert len(fields) > 10
    read = attributes_read(our_discord) - set(DISCORD_SNAPSHOT_SAYS_NOTHING)
    assert unaccounted(fields, read, DISCORD_SNAPSHOT_SAYS_NOTHING) == set()


def test_every_type_of_a_discord_message_is_said_or_a_notice() -> None:
    types = {
        number.value
        for line in discords_own().body
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "MessageType"
        for number in ast.walk(line.value)
        if isinstance(number, ast.Constant)
    }
    assert len(types) > 30
    assert types <= SAID | set(discord_notices.NOTICES)


def test_every_kind_of_message_that_pywa_knows_is_read() -> None:
    # "unknown" is the library's own value for unknown types.
    assert {kind.value for kind in others.MessageType} - KINDS == {"unknown"}


@pytest.mark.parametrize("kind", WHATSAPP_TYPES, ids=lambda kind: kind.__name__)
def test_every_field_of_what_whatsapp_sends_is_read_or_listed(kind: type) -> None:
    fields = {WHATSAPP_CALLED.get(field, field) for field in kind.__dataclass_fields__}  # type: ignore[attr-defined]
    read = attributes_read(our_whatsapp) - set(WHATSAPP_SAYS_NOTHING)
    assert unaccounted(fields, read, WHATSAPP_SAYS_NOTHING) == set()


def test_no_reason_is_given_for_a_field_that_nobody_has() -> None:
    there = {field for kind in WHATSAPP_TYPES for field in kind.__dataclass_fields__}  # type: ignore[attr-defined]
    assert {*WHATSAPP_SAYS_NOTHING, *WHATSAPP_CALLED} <= there
