"""Every HTTP client uses the configured proxy, or one line says why it can't."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from discreet.channels.discord import api as discord_rest
from discreet.channels.discord.gateway_client import Complete, GatewayClient
from discreet.channels.telegram import api as telegram_api
from discreet.channels.whatsapp import api as whatsapp_api
from discreet.client import Client
from discreet.domain.errors import BadInput, DiscreetError, Unavailable
from discreet.memory.embedders import EndpointEmbedder
from discreet.proxies import check_proxies, proxy_for
from discreet.turn.model_limits import ModelLimits
from discreet.turn.models import open_model
from discreet.turn.prompt import ChatMessage, Prompt
from discreet.turn.result import ModelError
from discreet.turn.think import think
from tests.memory.test_reembedding import vectors_server
from tests.support import bot_api, cloud_api, discord_api
from tests.support.openai_server import Say, openai_server
from tests.support.proxy_server import Proxy, proxy_server
from tests.turn.test_think import Echo

SB = Path(sys.executable).parent / "sb"
NAME = "elsewhere.invalid"
"""A host that only a proxy can reach: it resolves every name to this machine."""

Use = Callable[[Callable[[str], str]], Awaitable[None]]
"""Makes a client and uses it, at an address that is transformed as requested."""


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async with proxy_server() as proxy:
        yield proxy


async def telegram(at: Callable[[str], str]) -> None:
    async with bot_api.bot_api() as api:
        connection = telegram_api.ApiConnection(bot_api.TOKEN, at(api.base_url))
        assert (await telegram_api.who_am_i(connection)).is_bot


async def whatsapp(at: Callable[[str], str]) -> None:
    async with cloud_api.cloud_api() as api:
        connection = whatsapp_api.ApiConnection(cloud_api.TOKEN, at(api.base_url), "v24.0")
        assert (
            await whatsapp_api.who_am_i(connection, cloud_api.NUMBER)
        ).account == cloud_api.NUMBER


async def discord_requests(at: Callable[[str], str]) -> None:
    async with discord_api.discord_api() as api:
        connection = discord_rest.ApiConnection(discord_api.ADA.token, at(api.base_url))
        assert (await discord_rest.who_am_i(connection)).account == discord_api.ADA.id


async def discord_gateway(at: Callable[[str], str]) -> None:
    async with discord_api.discord_api() as api:
        there = at(api.base_url)
        gateway = there.replace("http", "ws", 1).replace("/api/v10", "/gateway")
        async with GatewayClient(there, gateway) as client:
            await client.login(discord_api.ADA.token)
            connecting = asyncio.create_task(client.connect())
            while not isinstance(await client.news.get(), Complete):
                pass
            await client.close()
            await asyncio.gather(connecting, return_exceptions=True)


async def model(at: Callable[[str], str]) -> None:
    with openai_server(Say("hello")) as script:
        opened = await open_model("some-model", base_url=at(script.base_url))
        prompt = Prompt("Be brief.", (ChatMessage("user", "Hello!"),))
        result = await think(prompt, Echo(), opened, ModelLimits(), _ignore)
        assert result.text == "hello"


async def embedder(at: Callable[[str], str]) -> None:
    with vectors_server() as url:
        there = EndpointEmbedder("ollama:letters", at(url) + "/api/embed")
        assert (await asyncio.to_thread(there.embed, ["a"])).shape == (1, 26)


async def rest(at: Callable[[str], str]) -> None:
    async def problem(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(problem, "127.0.0.1", 0)
    async with server, Client(at(f"http://127.0.0.1:{_port(server)}"), "token") as client:
        with pytest.raises(DiscreetError, match="404"):
            await client.me()


CLIENTS: dict[str, Use] = {
    use.__name__: use
    for use in (telegram, whatsapp, discord_requests, discord_gateway, model, embedder, rest)
}
every_client = pytest.mark.parametrize("use", CLIENTS.values(), ids=CLIENTS)


@every_client
@pytest.mark.parametrize("kind", ["socks5", "socks5h", "http"])
async def test_a_client_goes_through_the_proxy_which_finds_the_host(
    kind: str, use: Use, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.url(kind))
    await use(elsewhere)
    assert proxy.asked
    assert set(proxy.asked) == {NAME}


@every_client
async def test_a_client_bypasses_the_proxy_for_hosts_in_no_proxy(
    use: Use, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.url("socks5"))
    monkeypatch.setenv("NO_PROXY", "example.com, 127.0.0.1,::1")
    await use(str)
    assert proxy.asked == []


@every_client
@pytest.mark.parametrize("value", ["socks4://127.0.0.1:1", "http://127.0.0.1:port", "ftp://x"])
async def test_a_proxy_that_cannot_be_used_is_one_line_that_names_the_variable(
    value: str, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    with pytest.raises((BadInput, Unavailable), match=r"^ALL_PROXY ") as refused:
        await use(str)
    assert "\n" not in str(refused.value)
    if use is model:
        assert isinstance(refused.value, ModelError)
        assert refused.value.kind == "setup"


@pytest.mark.parametrize("kind", ["socks5", "socks5h"])
async def test_a_proxy_gets_its_name_and_password(
    kind: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy.url(kind).replace("://", "://ada:s%40cret@"))
    for use in (telegram, discord_gateway):
        await use(elsewhere)
    assert set(proxy.passwords) == {"ada:s@cret"}


@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "http_proxy"])
@pytest.mark.parametrize(
    "value",
    [
        "socks4://secret@127.0.0.1:1",
        "socks://127.0.0.1:1080/",
        "foo:secret",
        "http://h:secret",
        "http://:secret@",
        "://secret",
        " http://secret:1",
        "secret\x01",
    ],
)
def test_the_value_of_a_wrong_proxy_is_not_repeated(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=f"^{name} ") as refused:
        check_proxies()
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize("value", ["[::1]", "localhost,a:b:c", "fe80::x/10"])
def test_a_wrong_exception_names_the_variable(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=f"^{name} "):
        check_proxies()


@pytest.mark.parametrize("value", ["*", "", " ", "localhost,.example.com,10.0.0.0/8,::1,x:80"])
def test_usual_exceptions_are_taken(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", value)
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    check_proxies()
    direct = proxy_for("https://api.example.com") is None
    assert direct == (value not in ("", " "))
    assert proxy_for("http://elsewhere.example") is None
    if value != "*":
        assert proxy_for("wss://elsewhere.example") == "http://proxy.example:3128"


def test_sb_says_it_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [SB, "chat", "--server", "http://127.0.0.1:1", "--message", "Hello!"],
        env={
            "PATH": os.environ["PATH"],
            "DISCREET_HOME": str(tmp_path / "home"),
            "DISCREET_TOKEN": "token",
            "ALL_PROXY": "socks4://127.0.0.1:1",
        },
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == BadInput("").exit_code
    assert done.stderr.startswith("sb: ALL_PROXY names an unknown kind of proxy")
    assert done.stderr.count("\n") == 1


async def _ignore(_: str) -> None:
    pass


def elsewhere(url: str) -> str:
    return url.replace("127.0.0.1", NAME)


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])
