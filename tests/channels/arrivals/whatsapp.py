"""What WhatsApp's kinds of messages become: payload -> (line, whether it is answered).

Written before the parser, after Meta's reference of webhooks.
"""

from __future__ import annotations

from typing import Any

from tests.channels.whatsapp_payloads import IMAGE, message

GROUP = {"group_id": "Y2FwaV9ncm91cDox"}
CARD = {
    "name": {"formatted_name": "Bob Miller", "first_name": "Bob"},
    "phones": [{"phone": "+49 151 2345", "wa_id": "491512345", "type": "CELL"}],
    "emails": [{"email": "bob@example.org", "type": "WORK"}],
    "org": {"company": "Miller & Sons", "title": "Baker"},
    "addresses": [{"street": "Main St 5", "city": "Graz", "country": "Austria"}],
    "urls": [{"url": "https://example.org"}],
    "birthday": "1980-05-01",
}
ORDER = {
    "catalog_id": "194836987003835",
    "text": "without nuts please",
    "product_items": [
        {"product_retailer_id": "CAKE-1", "quantity": 2, "item_price": 4.5, "currency": "EUR"},
        {"product_retailer_id": "TEA", "quantity": 1, "item_price": 30, "currency": "EUR"},
    ],
}
REFERRAL = {
    "source_url": "https://fb.me/ad",
    "source_id": "120",
    "source_type": "ad",
    "headline": "Cakes of Graz",
    "body": "Half price in May",
    "media_type": "image",
    "image_url": "https://example.org/cake.jpg",
    "ctwa_clid": "ARA",
}


def interactive(kind: str, body: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return message("interactive", {"type": kind, kind: body}, **fields)


KINDS: dict[str, tuple[dict[str, Any], str, bool]] = {
    "a contact card": (
        message("contacts", [CARD]),
        "[contact: Bob Miller; phones: +49 151 2345; emails: bob@example.org;"
        " company: Miller & Sons, Baker; addresses: Main St 5, Graz, Austria;"
        " web: https://example.org; birthday: 1980-05-01]",
        True,
    ),
    "two contact cards": (
        message(
            "contacts",
            [
                {"name": {"formatted_name": "Bob"}, "phones": [{"wa_id": "491512345"}]},
                {"name": {"formatted_name": "Eve"}},
            ],
        ),
        "[contact: Bob; phones: 491512345]\n[contact: Eve]",
        True,
    ),
    "a location": (
        message("location", {"latitude": 1.5, "longitude": 2}),
        "[location: 1.5, 2]",
        True,
    ),
    "a place": (
        message(
            "location",
            {
                "latitude": 1.5,
                "longitude": 2,
                "name": "Home",
                "address": "Main St 5",
                "url": "https://example.org",
            },
        ),
        "[place: Home; address: Main St 5; at: 1.5, 2; web: https://example.org]",
        True,
    ),
    "an order with the customer's words": (
        message("order", ORDER),
        "without nuts please\n[order: 2 × CAKE-1 at 4.5 EUR, 1 × TEA at 30 EUR;"
        " catalog: 194836987003835]",
        True,
    ),
    "an order without words": (
        message("order", {"product_items": [{"product_retailer_id": "TEA", "quantity": 1}]}),
        "[order: 1 × TEA]",
        True,
    ),
    "the answers of a form": (
        interactive(
            "nfm_reply",
            {
                "name": "flow",
                "body": "Sent",
                "response_json": '{"flow_token": "secret", "date": "2026-05-01",'
                ' "seats": 2, "extras": ["wine", "tea"], "guest": {"name": "Bob"}}',
            },
        ),
        "[form: date: 2026-05-01, seats: 2, extras: wine, tea, guest: name: Bob]",
        True,
    ),
    "a form whose answers are no JSON": (
        interactive("nfm_reply", {"name": "flow", "body": "Sent", "response_json": "date=1 May"}),
        "[form: date=1 May]",
        True,
    ),
    "an address that was asked for": (
        interactive(
            "nfm_reply",
            {
                "name": "address_message",
                "body": "Main St 5, Graz",
                "response_json": '{"values": {"city": "Graz"}}',
            },
        ),
        "Main St 5, Graz\n[form: address_message; answers: values: city: Graz]",
        True,
    ),
    "a list reply": (
        interactive("list_reply", {"id": "1", "title": "Tuesday", "description": "10 to 12"}),
        "Tuesday\n[button: 10 to 12; id: 1]",
        True,
    ),
    "a button reply": (
        interactive("button_reply", {"id": "yes-7", "title": "Yes"}),
        "Yes\n[button: yes-7]",
        True,
    ),
    "a button of a template": (
        message("button", {"text": "Yes", "payload": "Yes"}),
        "Yes",
        True,
    ),
    "a permission to call": (
        interactive("call_permission_reply", {"response": "accept", "response_source": "user"}),
        "[unsupported message: 'call_permission_reply']",
        True,
    ),
    "a product that is asked about": (
        message(
            context={
                "from": "1",
                "id": "w",
                "referred_product": {"catalog_id": "194", "product_retailer_id": "CAKE-1"},
            }
        ),
        "Does it come in another color?\n[product: CAKE-1; catalog: 194]",
        True,
    ),
    "an ad that is referred to": (
        message("text", {"body": "is it still on?"}, referral=REFERRAL),
        "is it still on?\n[referral: Cakes of Graz; text: Half price in May; web: https://fb.me/ad;"
        " from: ad; media: https://example.org/cake.jpg]",
        True,
    ),
    "an ad that is referred to with a photo": (
        message("image", IMAGE, referral={"source_url": "https://fb.me/ad"}),
        "[photo] my cat\n[referral: https://fb.me/ad]",
        True,
    ),
    "forwarded": (
        message("text", {"body": "sale!"}, context={"forwarded": True}),
        "[forwarded] sale!",
        True,
    ),
    "forwarded many times": (
        message("text", {"body": "sale!"}, context={"frequently_forwarded": True}),
        "[forwarded many times] sale!",
        True,
    ),
    "what WhatsApp doesn't pass on": (
        message(
            "unsupported",
            None,
            unsupported={"type": "poll_creation"},
            errors=[{"code": 131051, "title": "Message type unknown"}],
        ),
        "[unsupported message: 'poll_creation']",
        True,
    ),
    "what WhatsApp doesn't name": (
        message("unsupported", {}, errors=[{"code": 131051, "title": "Message type unknown"}]),
        "[unsupported message: 'Message type unknown']",
        True,
    ),
    "a kind nobody foresaw": (
        message("hologram", {"depth": 3}),
        "[unsupported message: 'hologram']",
        True,
    ),
    "a kind nobody foresaw, in a group": (
        message("hologram", {"depth": 3}, **GROUP),
        "[unsupported message: 'hologram']",
        False,
    ),
    "a kind nobody foresaw, with a caption": (
        message("hologram", {"caption": "look"}),
        "look\n[unsupported message: 'hologram']",
        True,
    ),
    "a reaction": (
        message("reaction", {"message_id": "wamid.1", "emoji": "👍"}),
        "[reaction: 👍]",
        False,
    ),
    "a reaction taken back": (
        message("reaction", {"message_id": "wamid.1", "emoji": ""}),
        "[reaction: none, taken back]",
        False,
    ),
    "a message taken back": (
        message("revoke", {"original_message_id": "wamid.1"}),
        "[took a message back]",
        False,
    ),
    "a changed number": (
        message(
            "system",
            {
                "body": "Alice changed from 1 to 2",
                "wa_id": "2",
                "type": "user_changed_number",
            },
        ),
        "[Alice changed from 1 to 2]",
        False,
    ),
    "a notice in a group that nobody sent": (
        {**message("system", {"body": "The group has a new name"}, **GROUP), "from": ""},
        "[The group has a new name]",
        False,
    ),
    "a chat that was opened": (message("request_welcome", {}), "[opened the chat]", False),
    "a mention in front, in a group": (
        message("text", {"body": "@15550783881 /memories"}, **GROUP),
        "/memories",
        True,
    ),
    "a mention and a dash in front, in a group": (
        message("text", {"body": "@15550783881 – /memories"}, **GROUP),
        "/memories",
        True,
    ),
    "a sticker": (
        message("sticker", {"id": "1", "mime_type": "image/webp", "animated": True}),
        "[sticker]",
        True,
    ),
}
