"""The owner searches memories and messages, and inspects why an answer was given."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Sb


@pytest.fixture
def told(warm_sb: Sb) -> Sb:
    warm_sb.answer("--sender", "telegram:7001", "-m", "Remember that my heron is called Gustav.")
    warm_sb.answer("--sender", "telegram:7002", "-m", "Remember that my stork is called Gustav.")
    return warm_sb


def test_a_memory_is_found_with_its_contact_and_score(told: Sb) -> None:
    found = told.json("memories", "recall", "What is the heron called?")
    assert found[0]["content"] == "my heron is called Gustav."
    assert found[0]["whose"] == "telegram:7001"
    assert found[0]["score"] == pytest.approx(
        sum(v for k, v in found[0]["parts"].items() if k not in ("matched", "cosine"))
    )
    shown = told("memories", "recall", "heron Gustav", "--explain").stdout
    assert "telegram:7001: my heron is called Gustav." in shown
    assert "= text +" in shown
    of_one = told.json("memories", "recall", "Gustav", "--contact", "telegram:7002")
    assert {one["whose"] for one in of_one} == {"telegram:7002"}
    assert told.json("memories", "recall", "Gustav", "--until", "2020-01-01") == []
    assert told("memories", "recall", "Gustav", "--limit", "101").returncode == 2
    said = told.json("messages", "search", "stork", "--contact", "telegram:7002", "--mode", "text")
    assert {one["kind"] for one in said} == {"message"}
    assert {one["speaker"] for one in said} == {"telegram:7002", "Ada"}


def test_a_memory_is_changed_forgotten_and_restored(told: Sb) -> None:
    [item, *_] = told.json("memories", "list", "--contact", "telegram:7001")
    words = ("memories", "update", item["id"], "--content", "My heron is called Otto.")
    assert told(*words, "--version", "1").returncode == 0
    again = told(*words, "--version", "1")
    assert (again.returncode, "at version 2" in again.stderr) == (1, True)
    assert [one["version"] for one in told.json("memories", "history", item["id"])] == [1]
    assert "Restored" not in told("memories", "forget", item["id"]).stderr
    assert told("memories", "show", item["id"]).returncode == 2
    back = told.json("memories", "restore", item["id"], "--version", "1")
    assert (back["content"], back["whose"], back["version"]) == (
        "my heron is called Gustav.", "telegram:7001", 3,
    )  # fmt: skip


def test_a_turn_shows_its_context_and_runs_again_without_a_trace(told: Sb) -> None:
    told.answer("--sender", "telegram:7001", "-m", "What is my heron called?")
    [turn, *_] = told.json("turns", "list", "--contact", "telegram:7001")
    before = told.json("memories", "list"), told.json("sessions", "list")
    shown = told.json("turns", "show", turn["id"], "--rerun")
    assert shown["said"] == ["What is my heron called?"]
    assert "Gustav" in shown["answer"]
    assert "my heron is called Gustav." in shown["system"]
    assert "stork" not in shown["system"]
    assert shown["found"][0]["parts"]["matched"] > 0
    assert [step["tool"] for step in shown["steps"]] == ["recall"]
    assert shown["rerun"]["answer"] == shown["answer"]
    assert (told.json("memories", "list"), told.json("sessions", "list")) == before
    assert "== Answer of the dry run" in told("turns", "show", turn["id"], "--rerun").stdout
