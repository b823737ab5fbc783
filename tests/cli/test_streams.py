"""Output that isn't UTF-8, has no reader, or can't be written breaks no command."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.cli.conftest import SB, Sb
from tests.support.fork_server import ForkedSb, run_sb
from tests.support.waiting import until_sync

SENDER = "telegram:1001"
TEXTS = ["plus Grüße aus Köln", "Привет, мир", "日本語のメモ", "naïve café ✓ 🎉", "plain text"]
ENCODINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "strict": {"PYTHONIOENCODING": "ascii:strict"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "the C locale": {"LC_ALL": "C"},
}
LISTS = [
    ["status"],
    ["agents", "show", "Ada"],
    ["contacts", "list"],
    ["memories", "list"],
    ["memories", "recall", "Köln"],
    ["messages", "search", "Köln"],
    ["turns", "list"],
]


@pytest.fixture(scope="module")
def talked(tmp_path_factory: pytest.TempPathFactory) -> Sb:
    """Return an installation with messages in several scripts."""
    sb = Sb(tmp_path_factory.mktemp("streams") / "home")
    lines = "\n".join(f"Remember that {text}." for text in TEXTS)
    done = sb("chat", "--sender", SENDER, stdin=lines.encode())
    assert (done.returncode, done.stderr) == (0, "")
    return sb


def run(sb: Sb, words: list[str], **environment: str) -> subprocess.CompletedProcess[bytes]:
    everything = {k: v for k, v in sb.environment().items() if k != "LANG"} | environment
    if set(environment) == {"PYTHONIOENCODING"}:  # a fork opens its streams anew; a locale is kept
        pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
        with ForkedSb(words, env=everything, stdin=subprocess.DEVNULL, **pipes) as process:
            out, err = process.communicate(timeout=180)
        return subprocess.CompletedProcess(words, process.returncode, out, err)
    return subprocess.run(
        [SB, *words], env=everything, capture_output=True, timeout=180, check=False
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_list_is_whole_in_every_encoding(encoding: str, talked: Sb) -> None:
    done = run(talked, ["memories", "list"], **ENCODINGS[encoding])
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.splitlines()
    assert len(lines) == 1 + len(TEXTS)
    assert b"plain text." in lines[1]
    assert b"plus" in lines[-1]


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_every_list_can_be_written_as_ascii_and_to_nobody(words: list[str], talked: Sb) -> None:
    plain = talked.environment() | {"PYTHONIOENCODING": "ascii"}
    done = run_sb(*words, stdin=b"", environment=plain, timeout=180)
    assert done.stderr == ""
    assert done.stdout.isascii()
    assert done.stdout
    reading, writing = os.pipe()
    os.close(reading)
    with ForkedSb(
        words,
        env=talked.environment(),
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
    ) as gone:
        os.close(writing)
        said = gone.communicate(timeout=180)[1]
    assert (gone.returncode, said) == (1, b"")


def test_the_command_line_is_utf_8_in_every_locale(talked: Sb) -> None:
    done = run(
        talked,
        ["messages", "search", "Köln"],
        LC_ALL="POSIX", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"K\xf6ln" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([b"messages", b"search", b"K\xffln"], 0),
        ([b"memories", b"recall", b"K\xffln", b"--topic", b"\xff"], 2),
        ([b"memories", b"update", b"MEMORY", b"--content", b"K\xffln"], 2),
        ([b"contacts", b"show", b"\xff"], 2),
    ],
    ids=["search", "filter", "change", "name"],
)
def test_bytes_that_are_not_utf_8_are_reported_as_the_users_error(
    words: list[bytes], expected: int, talked: Sb
) -> None:
    memory = talked.json("memories", "list")[0]["id"].encode()
    done = talked(*(memory if word == b"MEMORY" else word for word in words))
    assert "Unexpected" not in done.stderr
    assert done.returncode == expected, done.stderr


def test_what_an_encoding_lacks_is_written_as_an_escape(talked: Sb) -> None:
    done = run(talked, ["memories", "list"], PYTHONIOENCODING="latin-1")
    text = done.stdout.decode("latin-1")
    assert "Grüße aus Köln." in text
    assert r"\u2713" in text


def test_an_error_is_written_in_any_encoding(talked: Sb) -> None:
    done = run(talked, ["agents", "show", "Zoë ✓"], PYTHONIOENCODING="ascii")
    assert done.returncode != 0
    assert done.stderr.startswith(b"sb: ")
    assert rb"\xeb" in done.stderr


def test_an_output_that_is_full_is_one_line(talked: Sb) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [SB, "memories", "list"],
            env=talked.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=180,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b"sb: The output can't be written: No space left on device.\n"


@pytest.mark.parametrize("closed", ["0<&- 2>&-", "0<&- 1>&- 2>&-"])
def test_a_stream_that_was_closed_hinders_nothing(closed: str, talked: Sb) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {SB} memories list {closed}"],
        env=talked.environment(),
        capture_output=True,
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (b"plain text" in done.stdout) == ("1>&-" not in closed)


def test_a_server_whose_output_nobody_reads_goes_on(talked: Sb) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    server = ForkedSb(["serve"], env=talked.environment(), stdout=writing, stderr=writing)
    os.close(writing)
    try:
        until_sync(lambda: talked.json("status")["installation"]["serving"], "a server", every=0.2)
        assert talked.answer("--sender", SENDER, "--message", "Hello!")
        assert server.poll() is None
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(180)
    assert server.returncode == 0
