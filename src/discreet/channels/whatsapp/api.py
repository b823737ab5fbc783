"""The Cloud API: one connection per phone number, opened on first use."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import httpx

from discreet.channels.http import open_client, read_object
from discreet.domain.errors import BadInput
from discreet.domain.platform import Identity

ACCOUNT = re.compile(r"[0-9]{5,30}")
TOKEN = re.compile(r"[!-~]{20,1000}")


@dataclass(frozen=True, slots=True)
class ApiConnection:
    """A connection to the API. ``token`` is a secret: its holder can write as the business."""

    token: str = field(repr=False)
    base_url: str
    version: str

    def url(self, path: str) -> str:
        """Return the URL of an API path."""
        return f"{self.base_url.rstrip('/')}/{self.version}/{path}"

    def open_client(self) -> httpx.AsyncClient:
        """Open a client that sends the token. Close it with ``aclose``."""
        return open_client({"Authorization": f"Bearer {self.token}"})


def error_of(response: httpx.Response) -> tuple[int, str]:
    """Return the code and text of a rejection; code 0 if the API gave none."""
    try:
        error = response.json()["error"]
        data = error.get("error_data") or {}
        words = data.get("details") or error.get("message") or ""
        return int(error.get("code") or 0), " ".join(str(words).split())[:200]
    except (ValueError, KeyError, TypeError, AttributeError):
        return 0, f"HTTP {response.status_code}"


async def who_am_i(connection: ApiConnection, account: str) -> Identity:
    """Return the phone number with this id, from the API.

    Raises:
        BadInput: the id or the token is invalid, or they don't belong together.
        Unavailable: the API can't be reached.
    """
    if not ACCOUNT.fullmatch(account):
        raise BadInput(
            "Give the phone number ID, which has digits only.",
            hint="Find it in Meta's dashboard: WhatsApp, API Setup, Phone number ID.",
        )
    if not TOKEN.fullmatch(connection.token):
        raise BadInput(
            "That is not an access token.",
            hint="Meta Business Settings, System users, Generate token.",
        )
    async with connection.open_client() as client:
        found = await read_object(
            client,
            connection.url(account),
            base_url=connection.base_url,
            refused=_mistake,
            params={"fields": "id,display_phone_number,verified_name"},
        )
    if str(found.get("id")) != account:
        raise BadInput("WhatsApp answered for a different phone number.", hint="Check the id.")
    return Identity(account, str(found.get("display_phone_number") or account))


def _mistake(response: httpx.Response) -> BadInput | None:
    if response.status_code not in (400, 401, 403, 404):
        return None
    return BadInput(
        f"WhatsApp rejected the request: {error_of(response)[1]}",
        hint="Check the token and the phone number ID.",
    )
