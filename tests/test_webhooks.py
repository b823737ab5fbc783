"""The webhook server: dispatch, body limits, and failure messages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from discreet import webhooks as module
from discreet.domain.platform import WebhookRequest, WebhookResponse
from discreet.webhooks import WebhookServer


@pytest.fixture
def server() -> WebhookServer:
    return WebhookServer("https://example.org/")


@pytest.fixture
async def caller(server: WebhookServer) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(server)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        yield client


async def echo(call: WebhookRequest) -> WebhookResponse:
    body = await call.read()
    return WebhookResponse(413 if body is None else 200, body or b"")


async def test_a_path_is_answered_while_it_is_open_and_by_the_one_that_opened_it_last(
    server: WebhookServer, caller: httpx.AsyncClient
) -> None:
    async def other(_: WebhookRequest) -> WebhookResponse:
        return WebhookResponse(202)

    assert server.address("/hook") == "https://example.org/hook"
    assert (await caller.post("/hook")).status_code == 404
    with server.answering("/hook", echo):
        assert (await caller.post("/hook", content=b"hi")).content == b"hi"
        with server.answering("/hook", other):
            assert (await caller.post("/hook")).status_code == 202
        assert (await caller.post("/hook")).status_code == 200
        for near in ("/hook/", "/hook/more", "/", "/hooks"):
            assert (await caller.post(near)).status_code == 404
    assert (await caller.post("/hook")).status_code == 404


async def test_the_channel_judges_every_method_with_its_query_and_headers(
    server: WebhookServer, caller: httpx.AsyncClient
) -> None:
    calls: list[WebhookRequest] = []

    async def note(call: WebhookRequest) -> WebhookResponse:
        calls.append(call)
        return WebhookResponse(405)

    with server.answering("/hook", note):
        for method in ("GET", "POST", "DELETE"):
            answer = await caller.request(method, "/hook?a=1&b=%20x", headers={"X-Sign": "s"})
            assert answer.status_code == 405
    assert [call.method for call in calls] == ["GET", "POST", "DELETE"]
    assert {**calls[0].query} == {"a": "1", "b": " x"}
    assert calls[0].headers["x-sign"] == "s"


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_long_is_not_given(
    server: WebhookServer,
    caller: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    announced: bool,
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 8)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"123"

    with server.answering("/hook", echo):
        body = b"123456789" if announced else pieces()
        assert (await caller.post("/hook", content=body)).status_code == 413
        assert (await caller.post("/hook", content=b"12345678")).content == b"12345678"


async def test_what_could_not_be_stored_is_not_confirmed(
    server: WebhookServer, caller: httpx.AsyncClient
) -> None:
    async def fail(_: WebhookRequest) -> WebhookResponse:
        raise ValueError("what somebody said")

    with server.answering("/hook", fail):
        answer = await caller.post("/hook")
    assert (answer.status_code, answer.content) == (503, b"")
