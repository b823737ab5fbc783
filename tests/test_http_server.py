"""Both listeners accept the same addresses, and reject a wrong one in one line with its setting."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from discreet.domain.errors import BadInput, DiscreetError, Unavailable
from discreet.domain.listen_address import ListenAddress
from discreet.http_server import bind, serving_http
from discreet.settings import load_settings
from tests.support.fork_server import run_sb
from tests.support.waiting import patience

SETTINGS = ("DISCREET_LISTEN", "DISCREET_WEBHOOK_LISTEN")

Message = dict[str, Any]


async def hello(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Any]
) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8443", "127.0.0.1", 8443),
        ("0.0.0.0:0", "0.0.0.0", 0),
        ("localhost:65535", "localhost", 65535),
        ("my-host.example:80", "my-host.example", 80),
        ("[::1]:8443", "::1", 8443),
        ("[::]:0", "::", 0),
        ("[2001:db8::7]:443", "2001:db8::7", 443),
        ("[fe80::1%lo]:443", "fe80::1%lo", 443),
    ],
)
def test_an_address_is_read_and_written_back(text: str, host: str, port: int) -> None:
    address = ListenAddress.parse(text)
    assert (address.host, address.port, str(address)) == (host, port, text)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(
    "text",
    [
        "8443",
        ":8443",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:http",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:８４４３",
        "127.0.0.1:84 43",
        " 127.0.0.1:8443",
        "http://127.0.0.1:8443",
        "::1:8443",
        "::1",
        "[::1]",
        "[::1]:",
        "[::1:8443",
        "[127.0.0.1]:8443",
        "[localhost]:8443",
        "user@host:1",
        "a b:1",
        "*:8443",
    ],
)
def test_an_invalid_listen_address_is_one_line_that_names_the_setting(
    text: str, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting, text)
    with pytest.raises(BadInput, match=f"{setting} must .*") as refused:
        load_settings()
    assert "\n" not in str(refused.value)
    assert ascii(text) in str(refused.value)
    with pytest.raises(BadInput, match=f"{setting} must .*"):
        bind(text, setting)


@pytest.mark.parametrize("where", ["[::1]:0", "127.0.0.1:0", "localhost:0"])
async def test_it_answers_on_ipv4_and_ipv6(where: str) -> None:
    async with (
        serving_http(hello, where, setting="DISCREET_LISTEN", lifespan="off") as url,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        assert (await http.get(url)).text == "hello"
        assert url.startswith("http://[::1]:") == where.startswith("[")


async def test_every_address_of_ipv6_includes_ipv4() -> None:
    async with (
        serving_http(hello, "[::]:0", setting="DISCREET_LISTEN", lifespan="off") as url,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        port = url.rpartition(":")[2]
        for host in ("127.0.0.1", "[::1]"):
            assert (await http.get(f"http://{host}:{port}")).text == "hello"


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_an_address_in_use_is_one_line_that_names_the_setting(host: str, setting: str) -> None:
    for taken in bind(f"{host}:0", setting):
        with closing(taken):
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(Unavailable, match=f"{setting}: .* is already in use") as refused:
                bind(f"{host}:{port}", setting)
            assert str(port) in str(refused.value)


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("192.0.2.1:8443", "192.0.2.1 is not an address of this machine"),
        ("[2001:db8::1]:8443", "2001:db8::1 is not an address of this machine"),
        ("nowhere.invalid:8443", "the host 'nowhere.invalid' is unknown"),
        (f"{'a' * 64}.invalid:8443", "is unknown"),
    ],
)
def test_a_host_that_is_not_here_is_one_line_that_names_the_setting(where: str, why: str) -> None:
    with pytest.raises(DiscreetError, match=f"DISCREET_WEBHOOK_LISTEN: .*{why}"):
        bind(where, "DISCREET_WEBHOOK_LISTEN")


def test_a_port_that_this_user_may_not_use_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden(socket.socket):
        def bind(self, *_: Any) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket, "socket", Forbidden)  # this may be root, who may use any
    with pytest.raises(Unavailable, match="DISCREET_LISTEN: this user may not listen"):
        bind("127.0.0.1:80", "DISCREET_LISTEN")


def test_serve_ends_with_that_line(tmp_path: Path) -> None:
    for setting in SETTINGS:
        environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "DISCREET_HOME": str(tmp_path / "home"),
            "DISCREET_LISTEN": "127.0.0.1:0",
            "DISCREET_WEBHOOK_URL": "https://bot.example",
            "DISCREET_WEBHOOK_LISTEN": "127.0.0.1:0",
            setting: "192.0.2.1:1",
        }
        done = run_sb("serve", stdin=b"", environment=environment, timeout=120)
        assert done.returncode == BadInput("").exit_code
        [line] = [line for line in done.stderr.splitlines() if line.startswith("sb: ")]
        assert line.startswith(f"sb: {setting}: 192.0.2.1 is not an address of this machine.")
        assert "Traceback" not in done.stderr


async def test_a_server_ends_although_somebody_waits_for_what_never_comes() -> None:
    begun = asyncio.Event()

    async def never(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        begun.set()
        await asyncio.Event().wait()

    async with httpx.AsyncClient(timeout=180) as http:
        serving = serving_http(never, "127.0.0.1:0", setting="DISCREET_LISTEN", grace_seconds=1)
        async with patience(), serving as url:
            asked = asyncio.create_task(http.get(url))
            await begun.wait()
        with pytest.raises(httpx.HTTPError):
            (await asked).raise_for_status()


def test_its_connections_send_answers_at_once() -> None:
    for taken in bind("127.0.0.1:0", "DISCREET_LISTEN"):
        with closing(taken):
            # asyncio sets TCP_NODELAY only if a socket is named TCP; without it a small response in
            # two parts waits 40 ms for the other side's acknowledgement.
            assert taken.proto == socket.IPPROTO_TCP
