"""Webhooks: add, list, test and remove them, and send them events.

Calls are signed according to Standard Webhooks, and come in the order of events, at least once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog

from discreet.domain.errors import BadInput, DiscreetError, NotFound, Unavailable
from discreet.domain.ids import OwnerId
from discreet.postgres.sealing import NotSealedSo, seal, unseal
from discreet.schemas.events import (
    AddedWebhook,
    Event,
    Webhook,
    WebhookList,
    WebhookTested,
    WebhookToAdd,
)
from discreet.scope import OwnerScope, ScopedDatabase, Transaction, WorkScope
from discreet.services.events import EventMark, events_after
from discreet.services.outbound_addresses import checked_url, destination_of

__all__ = [
    "WebhookAccess",
    "add_webhook",
    "list_webhooks",
    "remove_webhook",
    "send_webhooks",
    "signature_of",
    "test_webhook",
]

log = structlog.get_logger(__name__)

MAX_WEBHOOKS = 20
SECRET_BYTES = 32
CALL_SECONDS = 10.0
LEASE = timedelta(seconds=60)
SENDING_SECONDS = 40.0
"""How long one process sends to one webhook before it claims it again."""
FIRST_WAIT, MAX_WAIT = timedelta(seconds=5), timedelta(hours=1)
MAX_ATTEMPTS = 12
"""An event that was refused this often is left out, so that it doesn't hold up the others."""
DISABLED_AFTER = timedelta(days=3)
"""A webhook that has failed for so long is disabled; events aren't kept longer anyway."""

_WEBHOOKS = (
    "SELECT w.id, w.url, w.kinds AS events, w.agent_id, a.name AS agent, w.allow_private,"
    " w.created_at, w.disabled_at, w.failing_since, w.last_error"
    "  FROM discreet.webhooks w LEFT JOIN discreet.agents a ON a.id = w.agent_id"
)


@dataclass(frozen=True, slots=True)
class WebhookAccess:
    """What webhooks need. ``key``: the sealing key of the credentials file."""

    db: ScopedDatabase
    key: bytes


async def add_webhook(
    access: WebhookAccess, owner_id: OwnerId, request: WebhookToAdd
) -> AddedWebhook:
    """Add a webhook. It is sent what happens from now on; its secret is shown only once.

    Raises:
        BadInput: the URL can't be called, its host can't be found, or it leads to a private
            network; or there are too many.
        NotFound: there is no such agent.
    """
    try:
        await destination_of(request.url, allow_private=request.allow_private)
    except Unavailable as error:
        # Nothing of this server is missing: the caller has to correct the URL.
        raise BadInput(str(error), hint="Check the URL, and that DNS works here.") from None
    secret = os.urandom(SECRET_BYTES)
    text = "whsec_" + base64.b64encode(secret).decode()
    webhook_id = uuid4()
    async with access.db.begin(OwnerScope(owner_id)) as tx:
        if await tx.value("SELECT count(*) FROM discreet.webhooks") >= MAX_WEBHOOKS:
            raise BadInput(
                f"There are {MAX_WEBHOOKS} webhooks already.", hint="See: sb webhooks list"
            )
        if request.agent_id is not None and not await tx.value(
            "SELECT true FROM discreet.agents WHERE id = %(id)s FOR KEY SHARE",
            {"id": request.agent_id},
        ):
            raise NotFound("There is no such agent.", hint="See: sb agents list")
        await tx.execute(
            "INSERT INTO discreet.webhooks (id, url, kinds, agent_id, allow_private, sealed)"
            " VALUES (%(id)s, %(url)s, %(kinds)s, %(agent)s, %(allow_private)s, %(sealed)s)",
            {
                "id": webhook_id,
                "url": checked_url(request.url, allow_private=request.allow_private),
                "kinds": list(dict.fromkeys(request.events)),
                "agent": request.agent_id,
                "allow_private": request.allow_private,
                "sealed": seal(access.key, text, *_bound_to(owner_id, webhook_id)),
            },
        )
        return AddedWebhook(secret=text, webhook=await _get(tx, webhook_id))


async def list_webhooks(db: ScopedDatabase, owner_id: OwnerId) -> WebhookList:
    """List webhooks, oldest first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(_WEBHOOKS + " ORDER BY w.created_at, w.id")
    return WebhookList(items=[Webhook(**row) for row in found])


async def remove_webhook(db: ScopedDatabase, owner_id: OwnerId, which: str) -> Webhook:
    """Remove a webhook with its secret.

    Raises:
        NotFound, BadInput: no webhook's id begins with ``which``, or several do.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        webhook = await _find(tx, which)
        await tx.execute("DELETE FROM discreet.webhooks WHERE id = %(id)s", {"id": webhook.id})
    return webhook


async def test_webhook(access: WebhookAccess, owner_id: OwnerId, which: str) -> WebhookTested:
    """Send a webhook a ``webhook.test`` event. If it works, a disabled one is enabled again.

    Raises:
        NotFound, BadInput: as for ``remove_webhook``.
    """
    async with access.db.begin(OwnerScope(owner_id)) as tx:
        found = await _load(tx, (await _find(tx, which)).id)
    if found is None:
        raise NotFound("This webhook was removed.", hint="See: sb webhooks list")
    event = Event(
        id=uuid4(), kind="webhook.test", created_at=datetime.now(UTC), agent_id=None,
        contact_id=None, session_id=None, message_id=None, data={}, message=None,
    )  # fmt: skip
    problem = await _call(access, owner_id, found, event)
    if problem is None:
        async with access.db.begin(OwnerScope(owner_id)) as tx:
            await tx.execute(
                "UPDATE discreet.webhooks SET disabled_at = NULL, failing_since = NULL,"
                " last_error = NULL, attempts = 0, next_try_at = clock_timestamp()"
                " WHERE id = %(id)s",
                {"id": found["id"]},
            )
    return WebhookTested(problem=problem)


async def send_webhooks(access: WebhookAccess) -> int:
    """Send every webhook its pending events; return how many webhooks were called."""
    async with access.db.begin(WorkScope()) as tx:
        claimed = await tx.fetch(
            "SELECT owner_id, webhook_id FROM gate.claim_webhooks(%(lease)s)", {"lease": LEASE}
        )
    for row in claimed:
        owner_id, webhook_id = OwnerId(row["owner_id"]), row["webhook_id"]
        try:
            await _send_one(access, owner_id, webhook_id)
        except Unavailable:
            raise
        except Exception as error:  # the others are called all the same
            log.error("a webhook could not be called", error=type(error).__name__)
            await _put_off(access, owner_id, webhook_id, error)
    return len(claimed)


async def _put_off(
    access: WebhookAccess, owner_id: OwnerId, webhook_id: UUID, error: Exception
) -> None:
    """Try a webhook later that this server fails to call; no event is left out."""
    async with access.db.begin(OwnerScope(owner_id)) as tx:
        await tx.execute(
            "UPDATE discreet.webhooks SET attempts = attempts + 1, last_error = %(problem)s,"
            " failing_since = coalesce(failing_since, clock_timestamp()),"
            " next_try_at = clock_timestamp() + least(%(max)s,"
            "   %(first)s * 2 ^ least(attempts, 20)), claimed_until = clock_timestamp()"
            " WHERE id = %(id)s",
            {
                "id": webhook_id,
                "problem": f"This server failed ({type(error).__name__}).",
                "first": FIRST_WAIT,
                "max": MAX_WAIT,
            },
        )


async def _send_one(access: WebhookAccess, owner_id: OwnerId, webhook_id: UUID) -> None:
    until = time.monotonic() + SENDING_SECONDS
    while time.monotonic() < until:
        async with access.db.begin(OwnerScope(owner_id)) as tx:
            found = await _load(tx, webhook_id)
            if found is None or found["disabled_at"] is not None:
                return
            mark = EventMark(found["last_event_tx"], found["last_event_at"], found["last_event_id"])
            events = await events_after(
                tx, None if found["is_restored"] else mark, found["kinds"],
                only_agent=found["agent_id"], limit=20,
            )  # fmt: skip
        if not events:
            break
        for mark, event in events:
            problem = await _call(access, owner_id, found, event)
            if problem is not None:
                await _failed(access, owner_id, found, mark, problem)
                return
            await _told(access, owner_id, webhook_id, mark)
            found["attempts"] = 0
    await _release(access, owner_id, webhook_id)


async def _told(
    access: WebhookAccess, owner_id: OwnerId, webhook_id: UUID, mark: EventMark
) -> None:
    async with access.db.begin(OwnerScope(owner_id)) as tx:
        await tx.execute(
            "UPDATE discreet.webhooks SET last_event_tx = %(tx)s::xid8, last_event_at = %(at)s,"
            " last_event_id = %(event)s, attempts = 0, failing_since = NULL, last_error = NULL,"
            " claimed_until = clock_timestamp() + %(lease)s WHERE id = %(id)s",
            {
                "tx": mark.tx, "at": mark.created_at, "event": mark.id, "id": webhook_id,
                "lease": LEASE,
            },
        )  # fmt: skip


async def _failed(
    access: WebhookAccess,
    owner_id: OwnerId,
    found: Mapping[str, Any],
    mark: EventMark,
    problem: str,
) -> None:
    """Try again later, longer each time; leave out what was refused too often; or give up."""
    attempts = found["attempts"] + 1
    left_out = attempts >= MAX_ATTEMPTS
    async with access.db.begin(OwnerScope(owner_id)) as tx:
        await tx.execute(
            "UPDATE discreet.webhooks SET attempts = %(attempts)s, last_error = %(problem)s,"
            " failing_since = coalesce(failing_since, clock_timestamp()),"
            " next_try_at = clock_timestamp() + %(wait)s, claimed_until = clock_timestamp(),"
            " last_event_tx = CASE WHEN %(left_out)s THEN %(tx)s::xid8 ELSE last_event_tx END,"
            " last_event_at = CASE WHEN %(left_out)s THEN %(at)s ELSE last_event_at END,"
            " last_event_id = CASE WHEN %(left_out)s THEN %(event)s ELSE last_event_id END,"
            " disabled_at = CASE WHEN failing_since < clock_timestamp() - %(most)s"
            "                    THEN clock_timestamp() END"
            " WHERE id = %(id)s",
            {
                "id": found["id"],
                "attempts": 0 if left_out else attempts,
                "problem": problem,
                "wait": min(FIRST_WAIT * 2 ** (attempts - 1), MAX_WAIT),
                "left_out": left_out,
                "tx": mark.tx,
                "at": mark.created_at,
                "event": mark.id,
                "most": DISABLED_AFTER,
            },
        )


async def _release(access: WebhookAccess, owner_id: OwnerId, webhook_id: UUID) -> None:
    async with access.db.begin(OwnerScope(owner_id)) as tx:
        await tx.execute(
            "UPDATE discreet.webhooks SET claimed_until = clock_timestamp() WHERE id = %(id)s",
            {"id": webhook_id},
        )


async def _call(
    access: WebhookAccess, owner_id: OwnerId, found: Mapping[str, Any], event: Event
) -> str | None:
    """Send one event; return what went wrong, or None. Redirects are not followed."""
    import httpx

    body = json.dumps(event.model_dump(mode="json"), ensure_ascii=False).encode()
    try:
        text = unseal(access.key, bytes(found["sealed"]), *_bound_to(owner_id, found["id"]))
        to = await destination_of(found["url"], allow_private=found["allow_private"])
        now = int(time.time())
        async with httpx.AsyncClient(timeout=CALL_SECONDS, trust_env=False) as client:
            request = client.build_request(
                "POST",
                to.url,
                content=body,
                headers={
                    "Host": to.host_header,
                    "Content-Type": "application/json",
                    "User-Agent": "Discreet",
                    "webhook-id": str(event.id),
                    "webhook-timestamp": str(now),
                    "webhook-signature": signature_of(text, str(event.id), now, body),
                },
                extensions={"sni_hostname": to.host},
            )
            response = await client.send(request, stream=True)
            await response.aclose()
    except NotSealedSo:
        return "Its secret was stored by a server with other credentials. Add the webhook again."
    except DiscreetError as error:
        return error.message
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return f"The call failed ({type(error).__name__})."
    return None if response.is_success else f"It answered {response.status_code}."


def signature_of(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the header ``webhook-signature``: HMAC-SHA256 over id, time and body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((event_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _bound_to(owner_id: OwnerId, webhook_id: UUID) -> tuple[str, str, str]:
    return str(owner_id), "webhook", str(webhook_id)


async def _load(tx: Transaction, webhook_id: UUID) -> dict[str, Any] | None:
    row = await tx.fetch_one(
        "SELECT id, url, kinds, agent_id, allow_private, sealed, disabled_at, attempts,"
        " last_event_tx::text AS last_event_tx, last_event_at, last_event_id,"
        " last_event_tx >= pg_snapshot_xmax(pg_current_snapshot()) AS is_restored"
        " FROM discreet.webhooks WHERE id = %(id)s",
        {"id": webhook_id},
    )
    return None if row is None else dict(row)


async def _get(tx: Transaction, webhook_id: UUID) -> Webhook:
    row = await tx.fetch_one(_WEBHOOKS + " WHERE w.id = %(id)s", {"id": webhook_id})
    if row is None:
        raise NotFound("There is no such webhook.", hint="See: sb webhooks list")
    return Webhook(**row)


async def _find(tx: Transaction, which: str) -> Webhook:
    prefix = which.strip().casefold().replace("-", "")
    found = await tx.fetch(
        _WEBHOOKS + " WHERE starts_with(replace(w.id::text, '-', ''), %(prefix)s) LIMIT 2",
        {"prefix": prefix},
    )
    if not found or len(prefix) < 6:
        raise NotFound(f"There is no webhook {which[:100]!a}.", hint="See: sb webhooks list")
    if len(found) > 1:
        raise BadInput(f"Several webhooks begin with {which}.", hint="See: sb webhooks list")
    return Webhook(**found[0])
