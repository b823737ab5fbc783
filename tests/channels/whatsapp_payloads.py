"""Messages and statuses as in Meta's webhook reference; names are made up."""

from __future__ import annotations

import time
from typing import Any

PHONE, BSUID = "16505551234", "US.13491208655302741918"
BOTH = {"profile": {"name": "Alice Adams"}, "wa_id": PHONE, "user_id": BSUID}
"""A contact in a request: the phone number and the id for this business."""
ONLY_BSUID = {"profile": {"name": "Alice Adams", "username": "alice"}, "user_id": BSUID}


def message(kind: str = "text", body: Any = None, **fields: Any) -> dict[str, Any]:
    """Return a message with both ids of its sender; an id that is None is left out."""
    made = {
        "from": PHONE,
        "from_user_id": BSUID,
        "id": "wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQzQTRBNjU5OUFFRTAzODEwMTQ0RgA=",
        "timestamp": str(int(time.time())),
        "type": kind,
        kind: body if body is not None else {"body": "Does it come in another color?"},
        **fields,
    }
    return {key: value for key, value in made.items() if value is not None}


def status(message_id: str, stage: str, **fields: Any) -> dict[str, Any]:
    """Return a status of one of our messages."""
    at = str(int(time.time()))
    return {"id": message_id, "status": stage, "timestamp": at, "recipient_id": PHONE, **fields}


WINDOW_CLOSED = {
    "code": 131047,
    "title": "Re-engagement message",
    "error_data": {"details": "More than 24 hours have passed since the customer last replied"},
}
IMAGE = {"id": "1003383421387256", "mime_type": "image/jpeg", "sha256": "x", "caption": "my cat"}
VOICE = {"id": "1003383421387257", "mime_type": "audio/ogg; codecs=opus", "voice": True}
FILE = {"id": "1003383421387258", "mime_type": "application/pdf", "filename": "bill.pdf"}
