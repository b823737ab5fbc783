"""Opening a model by name: missing parts are reported, and imports happen on first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

from discreet.turn.model_limits import ModelLimits
from discreet.turn.models import open_model
from discreet.turn.prompt import ChatMessage, Prompt
from discreet.turn.result import ModelError
from discreet.turn.think import think
from tests.support.openai_server import Say, openai_server
from tests.turn.test_think import Echo

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GROQ_API_KEY", "OPENAI_BASE_URL")


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)


async def why(name: str, base_url: str | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        await open_model(name, base_url=base_url)
    assert caught.value.kind == "setup"
    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["", ":", "gpt-5.2", "nosuch:model", "openai", "openai:", "test", "../etc:x", "a\nb:c"]
)
async def test_a_name_that_nobody_knows_is_refused_with_an_example(name: str) -> None:
    text = await why(name)
    assert "provider:name" in text
    assert "\n" not in text


async def test_a_missing_key_is_named() -> None:
    assert "OPENAI_API_KEY" in await why("openai:gpt-5.2")


async def test_a_missing_package_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for package in ("groq", "mistralai", "cohere"):
        monkeypatch.setitem(sys.modules, package, None)
    assert "pip install 'pydantic-ai-slim[groq]'" in await why("groq:llama-3.3-70b")
    assert "pip install 'pydantic-ai-slim[mistral]'" in await why("mistral:mistral-large-latest")
    assert "pip install 'pydantic-ai-slim[cohere]'" in await why("cohere:command-r")


@pytest.mark.parametrize(
    ("name", "asked_for"),
    [
        ("scripted", "scripted"),
        ("llama3.2:3b", "llama3.2:3b"),
        ("openai:scripted", "scripted"),
        ("vendor/model", "vendor/model"),
    ],
)
async def test_a_base_url_serves_names_without_a_provider(name: str, asked_for: str) -> None:
    async def ignore(_: str) -> None:
        return None

    with openai_server(Say("Yes.")) as script:
        model = await open_model(name, base_url=script.base_url)
        prompt = Prompt("You are Ada.", (ChatMessage("user", "Hi"),))
        result = await think(prompt, Echo(), model, ModelLimits(), ignore)
    assert result.text == "Yes."
    assert script.requests[0]["model"] == asked_for


async def test_a_base_url_leaves_other_providers_where_they_are() -> None:
    assert "ANTHROPIC_API_KEY" in await why("anthropic:claude-sonnet-4-5", "http://127.0.0.1:1/v1")


async def test_a_key_meant_for_openai_is_not_sent_to_another_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    model = await open_model("scripted", base_url="http://127.0.0.1:1/v1")
    assert model.provider is not None
    assert model.provider.client.api_key != "sk-secret"


def test_nothing_imports_the_model_library_until_a_model_is_used() -> None:
    code = (
        "import sys, discreet.turn.responders, discreet.turn.toolbox, discreet.turn.offline;"
        "sys.exit(any(m.split('.')[0] in ('pydantic_ai', 'openai', 'anthropic')"
        " for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("models", "imported"), [([], False), (["openai:gpt-5.2"], True)])
def test_the_model_library_is_imported_before_the_first_turn_where_a_model_is_configured(
    models: list[str], imported: bool
) -> None:
    code = (
        "import asyncio, sys\n"
        "from discreet.settings import Settings\n"
        "from discreet.turn.responders import import_responders\n"
        f"asyncio.run(import_responders(Settings(), {models}))\n"
        "print('pydantic_ai.messages' in sys.modules, 'openai' in sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ended.stdout.split() == [str(imported)] * 2
