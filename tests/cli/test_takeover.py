from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect

from tests.cli.conftest import Sb, at_terminal


@contextmanager
def _terminal(sb: Sb, *words: str) -> Iterator[pexpect.spawn]:
    child = at_terminal(sb.environment(), *words, columns=120)
    try:
        yield child
    finally:
        child.close(force=True)


def _ended(child: pexpect.spawn) -> tuple[int | None, str]:
    child.expect(pexpect.EOF)
    child.close()
    assert "Traceback" not in child.before
    assert "Fatal Python error" not in child.before
    return child.exitstatus, child.before


def test_the_owner_answers_in_person_and_hands_back(warm_sb: Sb) -> None:
    warm_sb.answer("--sender", "telegram:2001", "-m", "hello there")
    with _terminal(warm_sb, "takeover", "telegram:2001") as owner:
        owner.expect("hello there")
        owner.expect("to telegram:2001> ?")
        owner.send("/menu\r")
        owner.expect("Not sent. There is no command /menu")
        owner.expect("to telegram:2001> ?")
        owner.send("The room is free.\r")
        owner.expect("to telegram:2001> ?")
        owner.send("/end\r")
        status, said = _ended(owner)
    assert (status, "The agent answers telegram:2001 again." in said) == (0, True)
    (session,) = warm_sb.json("sessions", "list", "--contact", "telegram:2001")
    shown = warm_sb("sessions", "show", session["id"]).stdout
    assert "owner (in person)\n    The room is free." in shown
    assert "/menu" not in shown
    assert "not about" in warm_sb.answer(
        "--sender", "telegram:2001", "-m", "What is my dog called?"
    ) or warm_sb.answer("--sender", "telegram:2001", "-m", "help")


def test_leaving_by_any_key_asks_who_answers_from_now_on(warm_sb: Sb) -> None:
    warm_sb.answer("--sender", "telegram:2002", "-m", "hello there")
    for key, answer, outcome in (
        ("\x04", "n\r", "The agent stays silent for telegram:2002"),
        ("\x03", "maybe\ry\r", "The agent answers telegram:2002 again."),
        ("\x03", "\x03", "The agent stays silent for telegram:2002"),
    ):
        with _terminal(warm_sb, "takeover", "telegram:2002") as owner:
            owner.expect("to telegram:2002> ?")
            owner.send(key)
            owner.expect("Should the agent answer telegram:2002 again")
            owner.send(answer)
            status, said = _ended(owner)
        assert (status, outcome in said) == (0, True), said


def test_lines_of_a_program_are_sent_and_the_contact_stays_taken_over(warm_sb: Sb) -> None:
    warm_sb.answer("--sender", "telegram:2003", "-m", "hello there")
    done = warm_sb("takeover", "telegram:2003", stdin=b"first line\n/menu\nlast line")
    assert done.returncode == 0
    assert "The agent stays silent for telegram:2003" in done.stdout
    assert "Not sent. There is no command /menu" in done.stderr
    (session,) = warm_sb.json("sessions", "list", "--contact", "telegram:2003")
    shown = warm_sb("sessions", "show", session["id"]).stdout
    assert [line in shown for line in ("first line", "last line", "/menu")] == [True, True, False]


def test_reading_along_silences_nobody(warm_sb: Sb) -> None:
    warm_sb.answer("--sender", "telegram:2004", "-m", "hello there")
    with _terminal(warm_sb, "sessions", "follow", "telegram:2004") as owner:
        owner.expect("hello there")
        warm_sb.answer("--sender", "telegram:2004", "-m", "Remember that my cat is called Minka.")
        owner.expect("telegram:2004: Remember that my cat is called Minka.")
        owner.expect("Minka")
        owner.send("\x03")
        status, _ = _ended(owner)
    assert status == 130


def test_a_contact_is_told_that_the_owner_read_changed_searched_and_exported_at_the_terminal(
    warm_sb: Sb, tmp_path: Path
) -> None:
    ann, bob = "telegram:2011", "telegram:2012"
    made = {}
    for sender in (ann, bob):
        warm_sb.answer("--sender", sender, "-m", "remember that I like herons")
        [made[sender]] = warm_sb.json("memories", "list", "--contact", sender)
    for words in (
        ("memories", "update", made[ann]["id"], "I like storks"),
        ("memories", "recall", "storks", "--contact", ann),
        ("contacts", "export", ann, "--to", str(tmp_path / "ann.zip")),
    ):
        done = warm_sb(*words)
        assert done.returncode == 0, (words, done.stderr)
    told = warm_sb.answer("--sender", ann, "-m", "/who")
    for did in ("read it", "changed", "search", "exported it"):
        assert did in told, (did, told)
    told = warm_sb.answer("--sender", bob, "-m", "/who")
    assert "read it" in told
    assert not [did for did in ("changed", "search", "exported") if did in told]
