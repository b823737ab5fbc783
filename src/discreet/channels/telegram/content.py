"""Read the typed parts of a Telegram message, one attribute each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from telegram import ExternalReplyInfo, InlineKeyboardMarkup, Message, MessageEntity, User

from discreet.domain.content import Part, part, unsupported

Holder = Message | ExternalReplyInfo
"""Both use the same attribute names."""
Read = Callable[[Any, Any], Part]
"""Makes a part from an attribute's value and the message around it."""

# Currencies of Telegram's whose smallest unit is the unit itself.
_WHOLE = {"XTR", "CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND"}
_CARD_LINE = re.compile(r"^(?:[\w-]+\.)?(TEL|EMAIL|ORG|URL|ADR)\b[^:\n]*:(.*)$", re.M | re.I)


def parts_of(message: Message) -> tuple[Part, ...]:
    """Return everything in a message other than its text and file."""
    return (*_links(message), *held_by(message), *_unknown(message))


def held_by(holder: Holder) -> Iterator[Part]:
    """Return the typed part of a message, or of one quoted from another chat."""
    for name, read in PARTS.items():
        value = getattr(holder, name, None)
        # A venue also contains its location; name it once.
        if value and not (name == "location" and getattr(holder, "venue", None)):
            yield read(value, holder)


def has_unknown_kind(message: Message) -> bool:
    """Return whether a message contains something unknown to this version of the library."""
    return any(isinstance(value, dict | list) for value in message.api_kwargs.values())


def _unknown(message: Message) -> Iterator[Part]:
    # A text message has no other content; objects that came with it are metadata.
    if message.text is None:
        for name, value in message.api_kwargs.items():
            if isinstance(value, dict | list):
                yield unsupported(name)


def _links(message: Message) -> Iterator[Part]:
    found = message.parse_entities() if message.text else message.parse_caption_entities()
    for entity, text in found.items():
        if entity.type == MessageEntity.TEXT_LINK:
            yield part("link", text=text, url=entity.url)
    if isinstance(message.reply_markup, InlineKeyboardMarkup):
        for row in message.reply_markup.inline_keyboard:
            for button in row:
                if button.url:
                    yield part("link", text=button.text, url=button.url)


def _contact(contact: Any, _: Any) -> Part:
    card: dict[str, list[str]] = {}
    for found in _CARD_LINE.finditer((contact.vcard or "").replace("\r", "")):
        card.setdefault(found[1].upper(), []).append(found[2].replace("\\,", ",").strip())
    phones = {_digits(phone): phone for phone in [*card.get("TEL", []), contact.phone_number]}
    # Telegram's own number comes first; each number is listed once.
    ordered = [phones.pop(_digits(contact.phone_number)), *phones.values()]
    return part(
        "contact",
        name=_full_name(contact),
        phones=ordered,
        emails=card.get("EMAIL"),
        company=[value.strip(";").replace(";", ", ") for value in card.get("ORG", [])],
        web=card.get("URL"),
        address=[
            ", ".join(filter(None, (piece.strip() for piece in value.split(";"))))
            for value in card.get("ADR", [])
        ],
    )


def _poll(poll: Any, _: Any) -> Part:
    voted = poll.total_voter_count > 0
    return part(
        "poll",
        question=poll.question,
        options=[
            f"{option.text} ({option.voter_count} votes)" if voted else option.text
            for option in poll.options
        ],
        description=poll.description,
        explanation=poll.explanation,
        type=poll.type if poll.type != "regular" else None,
        several_answers=poll.allows_multiple_answers,
        closed=poll.is_closed,
    )


def _location(place: Any, _: Any) -> Part:
    live = place.live_period
    return part(
        "location", at=_at(place), live_for=f"{live.total_seconds():.0f} seconds" if live else None
    )


def _venue(venue: Any, _: Any) -> Part:
    return part("place", name=venue.title, address=venue.address, at=_at(venue.location))


def _checklist(checklist: Any, _: Any) -> Part:
    done = [task.text for task in checklist.tasks if task.completion_date is not None]
    open_ = [task.text for task in checklist.tasks if task.completion_date is None]
    return part("checklist", title=checklist.title, open=open_, done=done)


def _giveaway(giveaway: Any, _: Any) -> Part:
    return part(
        "giveaway",
        prize=_prize(giveaway),
        winners=giveaway.winner_count,
        drawn_on=_day(giveaway.winners_selection_date),
        chats=[chat.effective_name for chat in giveaway.chats],
    )


def _winners(winners: Any, _: Any) -> Part:
    return part(
        "giveaway", prize=_prize(winners), winners=[each.full_name for each in winners.winners]
    )


def _prize(giveaway: Any) -> str:
    if giveaway.prize_description:
        return str(giveaway.prize_description)
    if giveaway.prize_star_count:
        return f"{giveaway.prize_star_count} stars"
    months = giveaway.premium_subscription_month_count
    return f"{months} months of Telegram Premium" if months else "a prize"


def _gift(info: Any, _: Any) -> Part:
    return part("gift", text=info.text or "a gift", stars=info.gift.star_count)


def _users(shared: Any, _: Any) -> Part:
    return part("contact", names=[_shared_name(user) for user in shared.users])


def _shared_name(user: Any) -> str:
    name, username = _full_name(user), f"@{user.username}" if user.username else ""
    return f"{name} ({username})" if name and username else name or username or str(user.user_id)


PARTS: Mapping[str, Read] = {
    "checklist": _checklist,
    "contact": _contact,
    "dice": lambda dice, _: part("dice", emoji=dice.emoji, value=dice.value),
    "game": lambda game, _: part(
        "game", title=game.title, description=game.description, text=game.text
    ),
    "gift": _gift,
    "giveaway": _giveaway,
    "giveaway_winners": _winners,
    "invoice": lambda invoice, _: part(
        "invoice",
        title=invoice.title,
        description=invoice.description,
        amount=_money(invoice),
    ),
    "location": _location,
    "paid_media": lambda info, _: part(
        "paid media", holds=[str(one.type) for one in info.paid_media], stars=info.star_count
    ),
    "passport_data": lambda _, __: unsupported("passport_data"),
    "poll": _poll,
    "refunded_payment": lambda paid, _: part("payment", amount=f"refund of {_money(paid)}"),
    "sticker": lambda sticker, _: part("sticker", emoji=sticker.emoji),
    "story": lambda story, _: part("story", of=f"of {story.chat.effective_name or story.chat.id}"),
    "successful_payment": lambda paid, _: part("payment", amount=_money(paid)),
    "unique_gift": lambda info, _: part("gift", name=f"{info.gift.base_name} #{info.gift.number}"),
    "users_shared": _users,
    "chat_shared": lambda shared, _: part(
        "contact", name=shared.title or shared.username or str(shared.chat_id)
    ),
    "venue": _venue,
    "web_app_data": lambda data, _: part("form", button=data.button_text, data=data.data),
}
"""Content by the attribute that holds it. ``held_by`` reads them in this order."""


def _money(amount: Any) -> str:
    whole = amount.currency in _WHOLE
    number = str(amount.total_amount) if whole else f"{amount.total_amount / 100:.2f}"
    return f"{number} {amount.currency}"


def _at(place: Any) -> str:
    return f"{place.latitude}, {place.longitude}"


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _full_name(person: Any) -> str:
    return " ".join(filter(None, (person.first_name, person.last_name)))


def _digits(number: str) -> str:
    return "".join(char for char in number if char.isdecimal())


def people_named(users: tuple[User, ...]) -> str:
    """Return several people on one line."""
    return ", ".join(user.full_name for user in users)
