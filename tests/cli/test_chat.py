"""The main task from outside: the installed command in a fresh home."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from discreet.domain.text import MAX_TEXT
from tests.cli.conftest import Sb


def test_what_one_sender_said_is_known_to_that_sender_and_to_the_owner_only(own_sb: Sb) -> None:
    ask = ("--message", "What is my dog called?")
    told = own_sb.answer(
        "--sender", "telegram:1001", "--message", "Remember that my dog is called Rex."
    )
    assert told.strip()
    assert "Rex" in own_sb.answer("--sender", "telegram:1001", *ask)
    assert "Rex" not in own_sb.answer("--sender", "telegram:1002", *ask)
    [first] = [
        contact["id"]
        for contact in own_sb.json("contacts", "list")
        if contact["addresses"] == ["telegram:1001"]
    ]
    assert "Rex" in own_sb.answer("--contact-id", first[:6], *ask)
    owner = own_sb.answer("--message", "What do you know about dogs?")
    assert "Rex" in owner
    assert "telegram:1001" in owner


def test_a_group_knows_its_own_messages_and_nothing_private_of_its_members(warm_sb: Sb) -> None:
    alone = ("--sender", "telegram:2001")
    group = (*alone, "--group", "telegram:-2000")
    warm_sb.answer(*alone, "-m", "Remember that my cat is called Minka.")
    warm_sb.answer(*group, "-m", "Remember that our boat is called Argo.")
    assert "Argo" in warm_sb.answer(
        "--sender", "telegram:2002", "--group", "telegram:-2000", "-m", "What is our boat called?"
    )
    assert "Minka" not in warm_sb.answer(*group, "-m", "What is my cat called?")
    assert "Argo" not in warm_sb.answer(*alone, "-m", "What is our boat called?")


def test_a_thread_and_a_new_session_are_sessions_of_their_own(warm_sb: Sb) -> None:
    sender = ("--sender", "telegram:3001")
    warm_sb.answer(*sender, "-m", "hello")
    warm_sb.answer(*sender, "--thread-key", "trip:lisbon", "-m", "hello")
    warm_sb.answer(*sender, "--new", "-m", "hello again")
    sessions = warm_sb.json("sessions", "list", "--contact", "telegram:3001")
    assert sorted((item["thread_key"], item["ended_at"] is None) for item in sessions) == [
        ("", False),
        ("", True),
        ("trip:lisbon", True),
    ]


def test_two_messages_of_one_sender_at_the_same_moment_both_get_their_answer(own_sb: Sb) -> None:
    with ThreadPoolExecutor() as pool:
        answers = list(
            pool.map(
                lambda text: own_sb.answer("--sender", "telegram:1001", "--message", text),
                ("Remember that I like tea.", "Remember that I like rain."),
            )
        )
    assert all(answer.strip() for answer in answers)
    assert len(own_sb.json("contacts", "list")) == 1
    assert len(own_sb.json("sessions", "list")) == 1


def test_the_message_may_come_from_standard_input(warm_sb: Sb) -> None:
    done = warm_sb(
        "chat",
        "--sender",
        "telegram:4001",
        "--message",
        "-",
        stdin="Remember that my name is Zoë.\n".encode(),
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = warm_sb("chat", "--sender", "telegram:4001", stdin=b"What is my name?\n\n")
    assert (lines.returncode, lines.stderr) == (0, "")
    assert "Zoë" in lines.stdout


SENDER = ("--sender", "telegram:1001")


@pytest.mark.parametrize(
    "words",
    [
        ("--sender", "foo", "-m", "hello"),
        ("--sender", "nosuch:1", "-m", "hello"),
        ("--sender", "telegram:", "-m", "hello"),
        ("--sender", "telegram:1 001", "-m", "hello"),
        ("--sender", "telegram:10\u202e01", "-m", "hello"),
        ("--sender", "telegram:1001\ufe0f", "-m", "hello"),
        (*SENDER, "--group", "telegram:-1\u3164", "-m", "hello"),
        (*SENDER, "--thread-key", "a\U000e0100", "-m", "hello"),
        ("--sender", "", "-m", "hello"),
        ("--sender", "foo"),
        ("--contact-id", "1001", "-m", "hello"),
        ("--contact-id", "", "-m", "hello"),
        (*SENDER, "--contact-id", str(uuid4()), "-m", "hello"),
        (*SENDER, "--group", "chat", "-m", "hello"),
        ("--group", "telegram:-1", "-m", "hello"),
        (*SENDER, "--thread-key", "a\nb", "-m", "hello"),
        (*SENDER, "-m", ""),
        (*SENDER, "-m", " \n\t"),
        (*SENDER, "-m", "\x07\x1b"),
        (*SENDER, "-m", "x" * (MAX_TEXT + 1)),
        (*SENDER, "-m", b"caf\xe9"),
        (b"--sender", b"telegram:\xff", "-m", "hello"),
    ],
)
def test_what_cannot_be_understood_ends_with_one_line_and_nothing_is_made(
    sb: Sb, words: tuple[str | bytes, ...]
) -> None:
    done = sb("chat", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("sb: ")
    assert not sb.home.exists()


def test_a_text_of_a_megabyte_from_standard_input_is_refused(sb: Sb) -> None:
    done = sb("chat", *SENDER, "-m", "-", stdin=b"x" * 1_000_000)
    assert (done.returncode, done.stdout) == (2, "")
    assert not sb.home.exists()


def test_nobody_of_that_id_or_name_is_an_error_and_nothing_is_stored(own_sb: Sb) -> None:
    for words in (("--contact-id", str(uuid4())), ("--agent", "Nobody")):
        done = own_sb("chat", *words, "--message", "hello")
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1
    assert own_sb.json("contacts", "list") == []
    assert own_sb.json("sessions", "list") == []


def test_what_a_sender_wrote_cannot_act_on_the_owners_terminal(warm_sb: Sb) -> None:
    sender = ("--sender", "telegram:5001")
    answer = warm_sb.answer(
        *sender, "-m", "Remember that \x1b[31mred\x1b[0m is \u202eeulb\u202c [bold]here[/bold]."
    )
    [session] = warm_sb.json("sessions", "list", "--contact", "telegram:5001")
    shown = answer + warm_sb("memories", "list").stdout
    shown += warm_sb("sessions", "show", session["id"]).stdout
    assert "[bold]here[/bold]" in shown
    assert not {"\x1b", "\u202e", "\u202c"} & set(shown)


def test_one_message_ends_at_once_where_a_person_is_awaited_and_commands_still_work(
    warm_sb: Sb,
) -> None:
    sender = ("--sender", "telegram:6001")
    assert "I've told" in warm_sb.answer(*sender, "-m", "/human the heating")
    asked = warm_sb("chat", *sender, "-m", "hello?")
    assert (asked.returncode, asked.stdout) == (3, "")
    assert asked.stderr.startswith("sb: This contact asked for a person")
    assert len(asked.stderr.splitlines()) == 1
    assert "remember nothing" in warm_sb.answer(*sender, "-m", "/memories")
    lines = warm_sb("chat", *sender, stdin=b"hello?\n/help\n")
    assert (lines.returncode, "/export" in lines.stdout) == (0, True)
    assert lines.stderr.startswith("sb: This contact asked for a person")


def test_a_program_reads_the_state_of_one_message(warm_sb: Sb) -> None:
    sender = ("--sender", "telegram:6002")
    done = warm_sb("chat", *sender, "-m", "/help", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["state"], "/export" in said["answer"]) == (0, "answered", True)
    warm_sb("agents", "create", "Draftsman")
    warm_sb("agents", "set", "Draftsman", "--drafts")
    sender = ("--agent", "Draftsman", *sender)
    for text, state, before in (
        ("hello", "held", ()),
        ("hello", "paused", ("agents", "pause", "Draftsman")),
    ):
        if before:
            warm_sb(*before)
        done = warm_sb("chat", *sender, "-m", text, "--json")
        said = json.loads(done.stdout)
        assert (done.returncode, said["state"], said["answer"]) == (3, state, None)
        assert len(done.stderr.splitlines()) == 1
