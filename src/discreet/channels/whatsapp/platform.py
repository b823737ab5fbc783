"""WhatsApp, as an implementation of ``Platform``, with its webhook.

A request gets 200 once everything in it is stored.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from discreet.channels.whatsapp.api import ApiConnection, who_am_i
from discreet.channels.whatsapp.channel import WhatsAppChannel
from discreet.channels.whatsapp.parse import PLATFORM, accounts_in, parse
from discreet.domain.ids import ChannelId
from discreet.domain.platform import (
    Accounts,
    ChannelSecret,
    Event,
    Identity,
    ReceiveContext,
    WebhookRequest,
    WebhookResponse,
)
from discreet.settings import Settings

log = structlog.get_logger(__name__)

PATH = "/whatsapp"
"""One path for all numbers, because Meta calls one URL for all numbers of an app."""
SIGNATURE_HEADER = "x-hub-signature-256"


class WhatsAppPlatform:
    """Phone numbers; ``account`` is the API's id of a number, ``name`` the number itself."""

    name = PLATFORM

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.whatsapp_base_url
        self._version = settings.whatsapp_api_version
        self._contexts: dict[str, list[ReceiveContext]] = {}

    def open(self, accounts: Accounts) -> WhatsAppChannel:
        """Return a channel that sends through the number of each answer."""

        def connection_of(account: str) -> ApiConnection | None:
            secret = accounts(account)
            return None if secret is None else self._connection(secret)

        return WhatsAppChannel(connection_of)

    async def identify(self, secret: ChannelSecret, account: str) -> Identity:
        """Return the number with this id; see ``Platform.identify``."""
        return await who_am_i(self._connection(secret), account)

    def parse(
        self, payload: Mapping[str, Any], me: Identity, channel_id: ChannelId
    ) -> Sequence[Event]:
        """Parse the part of a payload for one number."""
        return parse(payload, me, channel_id)

    async def receive(self, context: ReceiveContext) -> None:
        """Receive Meta's webhook requests."""
        if context.webhooks is None:
            log.error("WhatsApp needs a public URL to call: DISCREET_WEBHOOK_URL")
            await asyncio.Event().wait()
            return
        contexts = self._contexts.setdefault(context.account, [])
        contexts.append(context)
        try:
            with context.webhooks.answering(PATH, self._answer):
                await asyncio.Event().wait()
        finally:
            contexts.remove(context)

    async def _answer(self, call: WebhookRequest) -> WebhookResponse:
        if call.method == "GET":
            return self._verify(call)
        if call.method != "POST":
            return WebhookResponse(405)
        body = await call.read()
        if body is None:
            return WebhookResponse(413)
        signed_by = self._contexts_that_signed(call.headers.get(SIGNATURE_HEADER, ""), body)
        if not signed_by:
            return WebhookResponse(404)
        try:
            payload = json.loads(body)
        except ValueError:
            return WebhookResponse(400)
        if not isinstance(payload, dict):
            return WebhookResponse(400)
        accounts = accounts_in(payload)
        for context in signed_by:
            if context.account in accounts:
                for event in parse(payload, Identity(context.account, ""), context.channel_id):
                    await context.sink(event)
        # Meta retries a number that isn't being received yet. What was stored is recognized then.
        return WebhookResponse(
            200 if accounts <= {context.account for context in signed_by} else 503
        )

    def _verify(self, call: WebhookRequest) -> WebhookResponse:
        shown = call.query.get("hub.verify_token", "").encode()
        known = [
            hmac.compare_digest(shown, context.secret.webhook_secret.encode())
            for context in self._all_contexts()
        ]
        if call.query.get("hub.mode") != "subscribe" or not any(known):
            return WebhookResponse(404)
        return WebhookResponse(200, call.query.get("hub.challenge", "").encode())

    def _contexts_that_signed(self, shown: str, body: bytes) -> list[ReceiveContext]:
        """Return the numbers whose app secret signed the request, compared in constant time."""
        return [
            context
            for context in self._all_contexts()
            if context.secret.app_secret
            and hmac.compare_digest(
                shown.encode("latin-1"), signature(context.secret.app_secret, body).encode()
            )
        ]

    def _all_contexts(self) -> list[ReceiveContext]:
        return [context for contexts in self._contexts.values() for context in contexts]

    def _connection(self, secret: ChannelSecret) -> ApiConnection:
        return ApiConnection(secret.token, secret.base_url or self._base_url, self._version)


def signature(app_secret: str, body: bytes) -> str:
    """Return Meta's signature header for a body, which must be byte for byte as received."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
