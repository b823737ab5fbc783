from __future__ import annotations

import pexpect

from tests.cli.conftest import SB, Sb

PROMPT = "telegram:1001> ?"


def test_a_conversation_at_a_terminal(sb: Sb) -> None:
    chat = pexpect.spawn(
        str(SB),
        ["chat", "--sender", "telegram:1001"],
        env=sb.environment(),
        encoding="utf-8",
        timeout=60,
        dimensions=(24, 80),
    )
    chat.expect("says what else there is")
    chat.expect(PROMPT)
    chat.send("Remember that my dog is called Rex.\r")
    chat.expect("thinking")
    chat.expect("Rex")
    chat.expect(PROMPT)
    chat.send("/help\r")
    chat.expect("begin a new session")
    chat.expect(PROMPT)
    chat.send("/new\r")
    chat.expect("begins with your next message")
    chat.expect(PROMPT)
    chat.send("What is my dog called?\r")
    chat.expect("told me.*Rex")
    chat.expect(PROMPT)
    chat.send("something half written\x03")
    chat.expect(PROMPT)
    chat.send("/quit\r")
    chat.expect(pexpect.EOF)
    chat.close()
    assert (chat.exitstatus, chat.signalstatus) == (0, None)
    assert "Traceback" not in chat.before
    history = sb.home / "history"
    assert history.stat().st_mode & 0o777 == 0o600
    assert "What is my dog called?" in history.read_text()
    assert len(sb.json("sessions", "list")) == 2


def test_what_was_written_before_comes_back_with_the_arrow_key(warm_sb: Sb) -> None:
    warm_sb.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    for keys in ("hello there\r", "\x1b[A\r"):
        chat = pexpect.spawn(
            str(SB),
            ["chat", "--sender", "telegram:1001"],
            env=warm_sb.environment(),
            encoding="utf-8",
            timeout=60,
        )
        chat.expect(PROMPT)
        chat.send(keys)
        chat.expect("thinking")
        chat.expect(PROMPT)
        chat.send("\x04")
        chat.expect(pexpect.EOF)
        chat.close()
        assert chat.exitstatus == 0
    [session] = warm_sb.json("sessions", "list")
    transcript = warm_sb.json("sessions", "show", session["id"])["transcript"]
    said = [line["text"] for line in transcript if line["direction"] == "in"]
    assert said == ["hello there", "hello there"]
