"""The owner learns that a model can't work before somebody writes to it."""

from __future__ import annotations

import pytest

from discreet.settings import Settings
from discreet.turn.model_check import ask_model, check_setup
from tests.cli.conftest import Sb, at_terminal
from tests.support.fork_server import run_sb
from tests.support.openai_server import Fail, Garbage, Reply, Say, openai_server


def _settings(base_url: str) -> Settings:
    return Settings.model_validate({"model_base_url": base_url, "model_api_key": "test"})


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Say("OK"), None),
        (Fail(401), "rejected the API key"),
        (Fail(404), "does not know this model"),
        (Fail(500), "status 500"),
        (Garbage(), ""),
    ],
)
async def test_a_question_tells_whether_a_model_answers(reply: Reply, told: str | None) -> None:
    with openai_server(*[reply] * 5) as server:
        check = await ask_model(_settings(server.base_url), "tiny")
    assert (check.problem is None) == (told is None)
    assert (told or "") in (check.problem or "")


async def test_a_model_that_nobody_serves_is_told_of() -> None:
    check = await ask_model(_settings("http://127.0.0.1:9/v1"), "tiny")
    assert "can't be reached" in (check.problem or "")


async def test_names_and_keys_are_checked_without_asking_anybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    found = await check_setup(Settings(), ["nosuch:model", "openai:gpt-5.2", "nosuch:model"])
    assert [check.model for check in found] == ["nosuch:model", "openai:gpt-5.2"]
    assert all(check.problem for check in found)


def test_the_command_line_says_it_when_it_is_set_tested_and_served(own_sb: Sb) -> None:
    done = own_sb("agents", "set", "Ada", "--model", "nosuch:model")
    assert done.returncode == 0
    assert "nosuch:model can't be used yet" in done.stderr
    tested = own_sb("agents", "test", "Ada")
    assert (tested.returncode, "nosuch:model: " in tested.stdout) == (1, True)
    server = at_terminal(own_sb.environment(), "serve", columns=200)
    server.expect("Ada: nosuch:model can't work")
    server.close(force=True)
    with openai_server(Say("OK")) as model:
        environment = own_sb.environment() | {
            "DISCREET_MODEL": "tiny",
            "DISCREET_MODEL_BASE_URL": model.base_url,
        }
        own_sb("agents", "set", "Ada", "--model", "default")
        good = run_sb("agents", "test", "Ada", stdin=b"", environment=environment, timeout=180)
    assert (good.returncode, "tiny: answers" in good.stdout) == (0, True)
    without = own_sb("agents", "test", "Ada")
    assert (without.returncode, "built-in responder" in without.stdout) == (0, True)
