from __future__ import annotations

import io

import pexpect
import pytest
from rich.console import Console

from discreet.cli.interactive_chat import AnswerDisplay
from discreet.services.messages import Answer
from tests.cli.conftest import Sb, at_terminal
from tests.support.openai_server import Hang, Say, openai_server

PROMPT = "telegram:1001> ?"


def test_a_conversation_at_a_terminal(own_sb: Sb) -> None:
    chat = at_terminal(own_sb.environment(), "chat", "--sender", "telegram:1001")
    chat.expect("Type /help for commands")
    chat.expect(PROMPT)
    chat.send("Remember that my dog is called Rex.\r")
    chat.expect("thinking")
    chat.expect("Rex")
    chat.expect(PROMPT)
    chat.send("/help\r")
    chat.expect("start a new session")
    chat.expect(PROMPT)
    chat.send("/new\r")
    chat.expect("next message starts a new session")
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
    history = own_sb.home / "history"
    assert history.stat().st_mode & 0o777 == 0o600
    assert "What is my dog called?" in history.read_text()
    assert len(own_sb.json("sessions", "list")) == 2


def test_earlier_lines_come_back_with_the_arrow_key(warm_sb: Sb) -> None:
    warm_sb.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    for keys in ("hello there\r", "\x1b[A\r"):
        chat = at_terminal(warm_sb.environment(), "chat", "--sender", "telegram:1001")
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


def test_who_stops_waiting_gets_the_answer_when_it_comes(own_sb: Sb) -> None:
    with openai_server(Hang(1.0), Say("At last:\x1b[31m red")) as server:
        chat = at_terminal(
            own_sb.environment()
            | {
                "DISCREET_MODEL": "tiny",
                "DISCREET_MODEL_BASE_URL": server.base_url,
                "OPENAI_API_KEY": "test",
            },
            "chat",
            "--sender",
            "telegram:1001",
        )
        chat.expect(PROMPT)
        chat.send("hello\r")
        chat.expect("thinking")
        chat.send("\x03")
        chat.expect("Stopped waiting")
        chat.expect(PROMPT)
        chat.expect("At last: red|At last:\\[31m red")
        chat.send("\x04")
        chat.expect(pexpect.EOF)
        chat.close()
    assert (chat.exitstatus, chat.signalstatus) == (0, None)


async def test_an_answer_is_streamed_and_a_new_attempt_starts_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = AnswerDisplay(Console(file=io.StringIO()))
    for text in ("I thi", "I think", "No, we", "No, well\x1b[2J"):
        await page.show(text)
    page.finish(Answer("No, well: yes.", failed=False))
    assert capsys.readouterr().out == "I think\n\nNo, well[2J\n\nNo, well: yes.\n\n"
    page = AnswerDisplay(Console(file=io.StringIO()))
    await page.show("I thi")
    page.finish(Answer("I think so.", failed=False))
    assert capsys.readouterr().out == "I think so.\n\n"


def test_a_waiting_client_learns_why_nobody_answers(own_sb: Sb) -> None:
    hung = own_sb.environment() | {"DISCREET_MODEL": "tiny", "OPENAI_API_KEY": "test"}
    with openai_server(Hang()) as server:
        chat = at_terminal(
            hung | {"DISCREET_MODEL_BASE_URL": server.base_url}, "chat", "--sender", "telegram:1001"
        )
        chat.expect(PROMPT)
        chat.send("hello\r")
        chat.expect("thinking")
        assert own_sb("agents", "pause", "Ada").returncode == 0
        chat.expect("Ada is paused.*sb agents resume")
        chat.expect("Stopped waiting")
        chat.expect(PROMPT)
        assert own_sb("agents", "resume", "Ada").returncode == 0
        assert own_sb.answer("--sender", "telegram:1001", "--message", "/stop")
        chat.expect("was stopped, so it won't be answered")
        chat.expect(PROMPT)
        assert own_sb("contacts", "block", "telegram:1001").returncode == 0
        chat.send("hello again\r")
        chat.expect("You have blocked this contact")
        chat.expect(PROMPT)
        assert own_sb("contacts", "unblock", "telegram:1001").returncode == 0
        chat.send("/memories\r")
        chat.expect("[Nn]othing")
        chat.send("\x04")
        chat.expect(pexpect.EOF)
        chat.close()
    assert (chat.exitstatus, chat.signalstatus) == (0, None)
