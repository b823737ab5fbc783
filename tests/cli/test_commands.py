from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.cli.conftest import Sb
from tests.docs.operations import OPERATIONS

HELP = ["chat", "serve", "mcp", "status", "takeover", "backup", "restore", "version"]
NOUNS = [
    "admission",
    "limits",
    "owner",
    "pairing",
    "agents",
    "contacts",
    "sessions",
    "messages",
    "turns",
    "memories",
    "quarantine",
    "db",
]


@pytest.mark.parametrize("words", [[], *([word] for word in HELP + NOUNS)])
def test_every_command_explains_itself_without_touching_anything(sb: Sb, words: list[str]) -> None:
    done = sb(*words, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: sb" in done.stdout
    assert not sb.home.exists()


LISTS = sorted(
    {
        command
        for operation in OPERATIONS
        if isinstance(operation.cli, tuple)
        for command in operation.cli
        if command.endswith(" list")
    }
)


def test_every_list_is_printed_for_people_and_for_programs(warm_sb: Sb) -> None:
    warm_sb.answer("--sender", "telegram:1001", "-m", "hello there")
    for command in LISTS:
        done = warm_sb(*command.split())
        assert (done.returncode, done.stderr) == (0, ""), command
        assert isinstance(warm_sb.json(*command.split()), list), command


def test_a_budget_is_set_shown_and_removed(warm_sb: Sb) -> None:
    warm_sb("budgets", "set", "--money-a-day", "5", "--tokens-a-day", "1000")
    [row] = warm_sb.json("budgets", "list")
    assert (row["agent"], row["money_a_day"], row["tokens_a_day"]) == (None, 5.0, 1000)
    assert "(all)" in warm_sb("budgets", "list").stdout
    assert warm_sb("budgets", "remove").stdout.startswith("No budgets.")
    assert warm_sb("budgets", "remove").returncode == 2


def test_lists_are_arrays_of_objects_for_programs(warm_sb: Sb) -> None:
    warm_sb.answer("--sender", "telegram:1001", "-m", "Remember that I like tea.")
    for noun in ("agents", "contacts", "sessions", "memories"):
        [item, *_] = warm_sb.json(noun, "list")
        assert UUID(item["id"])
        assert datetime.fromisoformat(item["created_at"]).tzinfo is not None
    assert warm_sb.json("quarantine", "list") == []


def test_a_list_that_is_piped_is_plain_and_cuts_nothing(warm_sb: Sb) -> None:
    long = "that " + "very " * 60 + "long"
    warm_sb.answer("--sender", "telegram:1002", "-m", f"Remember {long}.")
    lines = warm_sb("memories", "list", "--contact", "telegram:1002").stdout.splitlines()
    assert lines[0].split() == ["ID", "WHOSE", "MEMORY"]
    assert len(lines) == 2
    assert lines[1].endswith("very long.")


def test_an_agent_is_made_set_and_shown(warm_sb: Sb, tmp_path: Path) -> None:
    (tmp_path / "instructions.txt").write_text("Speak like a pirate.\n")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "hours.md").write_text("# Hours\n\nWe open at nine on Tuesdays.\n")
    made = warm_sb("agents", "create", "Salon", "--role", "hair salon")
    assert (made.returncode, made.stderr) == (0, "")
    done = warm_sb(
        "agents",
        "set",
        "Salon",
        "--instructions",
        str(tmp_path / "instructions.txt"),
        "--reference",
        str(tmp_path / "texts"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 reference text published, in 1 passage." in done.stdout
    shown = warm_sb("agents", "show", "Salon").stdout
    assert "Speak like a pirate." in shown
    assert "hours.md (1 passage)" in shown
    assert "nine" in warm_sb.answer(
        "--agent", "Salon", "--sender", "telegram:1003", "-m", "When do you open on Tuesdays?"
    )
    (tmp_path / "prices.md").write_text("A cut costs 30 euros.", encoding="utf-8")
    warm_sb("agents", "set", "Salon", "--reference", str(tmp_path / "prices.md"))
    assert [*warm_sb.json("agents", "show", "Salon")["references"]] == ["hours.md", "prices.md"]
    unknown = warm_sb("agents", "set", "Salon", "--remove-reference", "hour.md")
    assert unknown.returncode == 2
    assert "hours.md, prices.md" in unknown.stderr
    removed = warm_sb("agents", "set", "Salon", "--remove-reference", "hours.md")
    assert "No longer published: hours.md." in removed.stdout
    warm_sb("agents", "set", "Salon", "--no-reference")
    assert warm_sb.json("agents", "show", "Salon")["references"] == {}


def test_an_agent_that_becomes_shared_tells_nobody_what_the_owner_said_before(warm_sb: Sb) -> None:
    warm_sb("agents", "create", "Family")
    warm_sb.answer("--agent", "Family", "-m", "Remember that the present is a bicycle.")
    assert warm_sb("agents", "set", "Family", "--memory-model", "shared").returncode == 0
    assert warm_sb.json("agents", "show", "Family")["memory_model"] == "shared"
    asked = warm_sb.answer(
        "--agent", "Family", "--sender", "telegram:77", "-m", "What is the present?"
    )
    assert "bicycle" not in asked


@pytest.mark.parametrize(
    "words",
    [
        ("agents", "show", "Nobody"),
        ("agents", "set", "Ada"),
        ("agents", "set", "Ada", "--memory-model", "private"),
        ("agents", "set", "Ada", "--instructions", "/nowhere/at-all"),
        ("agents", "set", "Ada", "--reference", "/nowhere/at-all"),
        ("agents", "create", ""),
        ("contacts", "show", "nobody"),
        ("contacts", "show", str(uuid4())),
        ("sessions", "show", "not-an-id"),
        ("sessions", "show", str(uuid4())),
        ("sessions", "list", "--contact", "telegram:404"),
        ("quarantine", "retry", str(uuid4())),
        ("restore", "/nowhere/at-all"),
        ("db", "migrate", "--admin-url", "postgresql://admin@localhost/postgres"),
        ("nonsense",),
    ],
)
def test_a_mistake_is_answered_in_words_and_with_exit_code_2(
    warm_sb: Sb, words: tuple[str, ...]
) -> None:
    done = warm_sb(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_a_home_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("this is no folder")
    done = Sb(file / "home")("contacts", "list")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_backup_is_put_back_into_another_home(sb: Sb, tmp_path: Path) -> None:
    sb.answer("--sender", "telegram:1004", "-m", "Remember that my car is called Bolt.")
    file = tmp_path / "all.backup"
    words = tmp_path / "passphrase"
    words.write_text("a rather long one\n")
    refused = sb("backup", str(file))
    assert (refused.returncode, file.exists()) == (2, False)
    assert "--plain" in refused.stderr
    written = sb("backup", str(file), "--passphrase-file", str(words))
    assert (written.returncode, written.stderr) == (0, "")
    assert file.stat().st_mode & 0o777 == 0o600
    other = Sb(tmp_path / "other")
    refused = other("restore", str(file))
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert other("restore", str(file), "--passphrase-file", str(words)).returncode == 0
    assert "Bolt" in other.answer("--sender", "telegram:1004", "-m", "What is my car called?")


def test_opening_an_installation_imports_neither_a_server_nor_numpy() -> None:
    code = "import sys, discreet.app; print(*{name.partition('.')[0] for name in sys.modules})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"httpx", "numpy", "procrastinate", "pydantic_ai", "snowballstemmer", "starlette"}
    assert not {*slow, "tokenizers", "uvicorn"} & set(ran.stdout.split())
