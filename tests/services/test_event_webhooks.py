"""Webhooks: what a receiver gets, and what becomes of one that fails."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from discreet.domain.errors import BadInput, NotFound
from discreet.postgres.sealing import seal
from discreet.schemas.events import AddedWebhook, WebhookToAdd
from discreet.services import event_webhooks
from discreet.services.agents import pause_agent
from discreet.services.event_webhooks import WebhookAccess, send_webhooks
from discreet.services.outbound_addresses import checked_url, destination_of, is_public
from discreet.services.status import get_status
from tests.support.events import settle
from tests.support.world import World, make_world

ALICE = "telegram:1001"
KEY = b"k" * 32


@dataclass
class Receiver:
    """A program that is called; it answers with ``status``."""

    url: str = ""
    status: int = 204
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return [json.loads(body)["kind"] for _, body in self.calls]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.calls.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(found.status)
            if found.status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hook?a=1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def access(world: World) -> WebhookAccess:
    return WebhookAccess(world.db, KEY)


async def add(access: WebhookAccess, world: World, url: str, *events: str) -> AddedWebhook:
    given = WebhookToAdd.model_validate({"url": url, "events": list(events), "allow_private": True})
    return await event_webhooks.add_webhook(access, world.owner_id, given)


async def send(access: WebhookAccess, world: World) -> int:
    await settle(world.db, world.owner_id)
    return await send_webhooks(access)


async def test_a_receiver_is_told_in_order_and_can_check_who_calls(
    world: World, access: WebhookAccess, receiver: Receiver
) -> None:
    await world.say(ALICE, "before")
    added = await add(access, world, receiver.url)
    for text in ("one", "two"):
        await world.say(ALICE, text)
    assert await send(access, world) == 1
    assert await send(access, world) == 0
    assert [json.loads(body)["message"]["text"] for _, body in receiver.calls] == ["one", "two"]
    for headers, body in receiver.calls:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(added.secret.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
        assert headers["webhook-id"] == json.loads(body)["id"]
        assert headers["host"] in receiver.url


async def test_only_the_kinds_that_were_asked_for_are_sent(
    world: World, access: WebhookAccess, receiver: Receiver
) -> None:
    await add(access, world, receiver.url, "agent.paused")
    await world.say(ALICE, "one")
    assert await send(access, world) == 0
    await pause_agent(world.db, world.owner_id, "Ada")
    await send(access, world)
    assert receiver.kinds == ["agent.paused"]


async def test_a_webhook_of_one_agent_hears_nothing_of_another(
    world: World, access: WebhookAccess, receiver: Receiver
) -> None:
    bea = await make_world(world.db, agent="Bea")
    await event_webhooks.add_webhook(
        access,
        world.owner_id,
        WebhookToAdd(
            url=receiver.url,
            events=["message.received"],
            agent_id=bea.agent_id,
            allow_private=True,
        ),
    )
    await world.say(ALICE, "to Ada")
    assert await send(access, world) == 0
    await bea.say(ALICE, "to Bea")
    assert await send(access, world) == 1
    assert [json.loads(body)["message"]["text"] for _, body in receiver.calls] == ["to Bea"]
    [listed] = (await event_webhooks.list_webhooks(world.db, world.owner_id)).items
    assert (listed.agent_id, listed.agent) == (bea.agent_id, "Bea")
    with pytest.raises(NotFound):
        await event_webhooks.add_webhook(
            access,
            world.owner_id,
            WebhookToAdd(url=receiver.url, agent_id=uuid4(), allow_private=True),
        )


async def test_a_webhook_that_this_server_fails_to_call_holds_up_no_other_and_waits(
    world: World, access: WebhookAccess, receiver: Receiver, admin: psycopg.Connection[Any]
) -> None:
    broken = (await add(access, world, receiver.url)).webhook
    sealed = seal(KEY, "whsec_\N{EURO SIGN}", str(world.owner_id), "webhook", str(broken.id))
    admin.execute("UPDATE discreet.webhooks SET sealed = %s", (sealed,))
    await add(access, world, receiver.url)
    await world.say(ALICE, "one")
    assert await send(access, world) == 2
    assert len(receiver.calls) == 1
    [failing, works] = (await event_webhooks.list_webhooks(world.db, world.owner_id)).items
    assert (failing.last_error, works.last_error) == ("This server failed (ValueError).", None)
    assert await send(access, world) == 0


async def test_what_a_receiver_refused_is_sent_again_later_and_nothing_is_skipped(
    world: World, access: WebhookAccess, receiver: Receiver, admin: psycopg.Connection[Any]
) -> None:
    await add(access, world, receiver.url)
    for text in ("one", "two"):
        await world.say(ALICE, text)
    for receiver.status in (500, 302):
        await send(access, world)
        assert await send(access, world) == 0  # it waits
        admin.execute("UPDATE discreet.webhooks SET next_try_at = clock_timestamp()")
    row = admin.execute(
        "SELECT attempts, last_error, failing_since IS NULL FROM discreet.webhooks"
    ).fetchone()
    assert row == (2, "It answered 302.", False)
    receiver.status = 204
    await send(access, world)
    sent = [json.loads(body)["message"]["text"] for _, body in receiver.calls]
    assert sent == ["one", "one", "one", "two"]
    assert len({headers["webhook-id"] for headers, _ in receiver.calls}) == 2
    [hook] = (await event_webhooks.list_webhooks(world.db, world.owner_id)).items
    assert (hook.failing_since, hook.last_error, hook.disabled_at) == (None, None, None)


async def test_one_that_fails_for_days_is_disabled_and_named_until_a_test_works(
    world: World, access: WebhookAccess, receiver: Receiver, admin: psycopg.Connection[Any]
) -> None:
    added = await add(access, world, receiver.url)
    await world.say(ALICE, "one")
    receiver.status = 500
    await send(access, world)
    admin.execute(
        "UPDATE discreet.webhooks SET next_try_at = clock_timestamp(),"
        " failing_since = clock_timestamp() - interval '4 days'"
    )
    await send(access, world)
    [failing] = (await get_status(world.db, world.owner_id)).failing_webhooks
    assert (failing.url, failing.is_disabled) == (receiver.url, True)
    admin.execute("UPDATE discreet.webhooks SET next_try_at = clock_timestamp()")
    assert await send(access, world) == 0
    which = str(added.webhook.id)[:8]
    tested = await event_webhooks.test_webhook(access, world.owner_id, which)
    assert tested.problem == "It answered 500."
    receiver.status = 204
    tested = await event_webhooks.test_webhook(access, world.owner_id, which)
    assert tested.problem is None
    assert (await get_status(world.db, world.owner_id)).failing_webhooks == ()
    await send(access, world)
    assert receiver.kinds[-2:] == ["webhook.test", "message.received"]
    await event_webhooks.remove_webhook(world.db, world.owner_id, which)
    await world.say(ALICE, "two")
    assert await send(access, world) == 0


async def test_a_secret_of_other_credentials_or_of_another_row_signs_nothing(
    world: World, access: WebhookAccess, receiver: Receiver, admin: psycopg.Connection[Any]
) -> None:
    first = await add(access, world, receiver.url)
    second = await add(access, world, receiver.url)
    other = WebhookAccess(world.db, b"x" * 32)
    tested = await event_webhooks.test_webhook(other, world.owner_id, str(first.webhook.id))
    assert "other credentials" in (tested.problem or "")
    admin.execute(
        "UPDATE discreet.webhooks w SET sealed = o.sealed FROM discreet.webhooks o"
        " WHERE w.id = %s AND o.id = %s",
        (first.webhook.id, second.webhook.id),
    )
    tested = await event_webhooks.test_webhook(access, world.owner_id, str(first.webhook.id))
    assert "other credentials" in (tested.problem or "")
    assert receiver.calls == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::",
        "2001:0:1:2::", "nonsense",
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_the_internet_is_not_public(address: str) -> None:
    assert not is_public(address)


def test_an_address_of_the_internet_is_public() -> None:
    assert is_public("93.184.215.14")
    assert is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://localhost/x", "https://[::1]/", "https://2130706433/",
        "https://0x7f.1/", "https://127.1/", "https://[::ffff:7f00:1]/", "https://169.254.169.254/",
    ],
)  # fmt: skip
async def test_a_url_that_leads_to_this_machine_is_refused_however_it_is_written(url: str) -> None:
    with pytest.raises(BadInput, match="private network"):
        await destination_of(url, allow_private=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "https://", "https://u:p@example.com/",
        "https://example.com:0/", "https://example.com/#x", "https://exa mple.com/", "https://[::1",
        "https://example.com:99999/", "https://bücher.example/",
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_called_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        checked_url(url, allow_private=False)


async def test_the_call_goes_to_the_address_that_was_checked() -> None:
    to = await destination_of("http://localhost:8080/a?b=c", allow_private=True)
    assert to.url in ("http://127.0.0.1:8080/a?b=c", "http://[::1]:8080/a?b=c")
    assert (to.host, to.host_header) == ("localhost", "localhost:8080")
