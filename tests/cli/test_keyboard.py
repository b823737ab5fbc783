"""What a person types first, or by mistake."""

from __future__ import annotations

from pathlib import Path

import pexpect
import pytest

from discreet.cli.main import exit_code_of
from discreet.domain.errors import BadInput
from discreet.settings import load_settings
from tests.cli.conftest import Sb, at_terminal


@pytest.mark.parametrize("words", [["--version"], ["version"]])
def test_the_version_is_one_line(sb: Sb, words: list[str]) -> None:
    done = sb(*words)
    assert (done.returncode, done.stdout.split()[0]) == (0, "discreet")
    assert not sb.home.exists()


@pytest.mark.parametrize(
    ("words", "same"),
    [(["-h"], ["--help"]), (["help"], ["--help"]), (["contacts", "-h"], ["contacts", "--help"]),
     (["help", "contacts", "erase"], ["contacts", "erase", "--help"])],
)  # fmt: skip
def test_help_is_found_where_people_look_for_it(sb: Sb, words: list[str], same: list[str]) -> None:
    assert sb(*words).stdout == sb(*same).stdout


def test_help_for_a_command_that_does_not_exist_says_where_to_look(sb: Sb) -> None:
    done = sb("help", "contacts", "forget")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("sb: There is no command sb contacts forget. See: sb contacts --help\n")


def test_a_shell_gets_its_completion(sb: Sb) -> None:
    done = sb("--show-completion", "bash")
    assert (done.returncode, "_SB_COMPLETE" in done.stdout) == (0, True)


def test_an_unclear_answer_is_asked_again_and_no_removes_nothing(warm_sb: Sb) -> None:
    warm_sb.answer("--sender", "telegram:3001", "-m", "hello there")
    for answers, code in (("hm\r\r", 1), ("\x03", 130)):
        child = at_terminal(warm_sb.environment(), "contacts", "erase", "telegram:3001")
        child.expect(r"\[y/N\] ?")
        child.send(answers)
        child.expect(pexpect.EOF)
        child.close()
        assert (child.exitstatus, "Nothing was removed." in child.before) == (code, True)
    assert warm_sb("contacts", "show", "telegram:3001").returncode == 0


def test_ctrl_c_at_any_question_says_that_nothing_happened(warm_sb: Sb, tmp_path: Path) -> None:
    file = tmp_path / "one.backup"
    for words, key, question, told in (
        (["backup", str(file)], "c", "Passphrase: ", (130, "Nothing was backed up.")),
        (["channels", "add", "telegram"], "d", r"shown\): ", (1, "Nothing was changed.")),
        (["agents", "delete", "ada"], "c", r"erase\? ", (130, "Nothing was removed.")),
    ):
        child = at_terminal(warm_sb.environment(), *words)
        child.expect(question)
        child.sendcontrol(key)
        child.expect(pexpect.EOF)
        child.close()
        assert (child.exitstatus, told[1] in child.before) == (told[0], True), words
    assert not file.exists()
    assert warm_sb("agents", "show", "Ada").returncode == 0


def test_an_agents_name_is_found_in_any_case_and_by_one_of_its_words(warm_sb: Sb) -> None:
    for name in ("Gästehaus Rosi", "Gästehaus Anna"):
        warm_sb("agents", "create", name)
    assert warm_sb.json("agents", "show", "GÄSTEHAUS ROSI")["name"] == "Gästehaus Rosi"
    assert "Gästehaus Rosi was changed." in warm_sb("agents", "set", "rosi", "--role", "x").stdout
    assert warm_sb("tokens", "create", "--agent", "rosi").returncode == 0
    assert warm_sb("chat", "--agent", "rosi", "--sender", "web:u1", "-m", "hi").returncode == 0
    several, none = warm_sb("agents", "pause", "gästehaus"), warm_sb("agents", "pause", "ros")
    assert several.stderr == (
        "sb: Several agents are called 'gästehaus'. Write one of: 'Gästehaus Rosi', 'Gästehaus"
        " Anna'.\n"
    )
    assert none.stderr.startswith("sb: There is no agent named 'ros'. Agents: 'Ada', 'Gästehaus R")
    assert (several.returncode, none.returncode) == (2, 2)


def test_a_first_name_or_the_beginning_of_an_id_is_enough_where_one_fits(warm_sb: Sb) -> None:
    for sender, name in (("telegram:3101", "Bob Smith"), ("telegram:3102", "Anna Müller")):
        warm_sb.answer("--sender", sender, "-m", "hello there")
        warm_sb("contacts", "rename", sender, name)
    anna = warm_sb.json("contacts", "show", "anna")
    assert anna["name"] == "Anna Müller"
    for words in ("BOB", "smith", "Müller anna", anna["id"][:6], anna["id"][:13].upper()):
        assert warm_sb("contacts", "show", words).returncode == 0, words
    warm_sb.answer("--sender", "telegram:3103", "-m", "hello there")
    warm_sb("contacts", "rename", "telegram:3103", "Bob Jones")
    done = warm_sb("contacts", "show", "bob")
    assert done.returncode == 2
    assert all(name in done.stderr for name in ("Bob Smith", "Bob Jones"))
    assert warm_sb("contacts", "show", "Bobby").returncode == 2
    assert warm_sb("contacts", "show", anna["id"][:5]).returncode == 2


def test_the_list_of_contacts_shows_who_is_blocked_taken_over_or_waiting(warm_sb: Sb) -> None:
    for sender in ("telegram:3201", "telegram:3202"):
        warm_sb.answer("--sender", sender, "-m", "hello there")
    warm_sb("contacts", "block", "telegram:3201")
    warm_sb("takeover", "telegram:3202", "-m", "I answer myself")
    listed = warm_sb("contacts", "list").stdout.splitlines()
    assert [line for line in listed if "telegram:3201" in line and "blocked" in line]
    assert [line for line in listed if "telegram:3202" in line and "taken over" in line]


def test_a_memory_that_may_contradict_another_says_so_and_can_replace_it(warm_sb: Sb) -> None:
    older = warm_sb.json("memories", "add", "My boss is called Ines.")
    newer = "My boss is called Tomas now."
    said = warm_sb("memories", "add", newer).stdout
    assert f"{older['id']}  My boss is called Ines." in said
    assert "--replaces" in said
    again = warm_sb.json("memories", "add", newer)
    assert [one["id"] for one in again["may_replace"]] == [older["id"]]
    warm_sb("memories", "add", newer, "--replaces", older["id"])
    listed = [one["content"] for one in warm_sb.json("memories", "list")]
    assert [text for text in listed if "boss" in text] == [newer]


def test_a_memory_is_corrected_with_its_text_alone(warm_sb: Sb) -> None:
    warm_sb.answer("--sender", "telegram:3301", "-m", "Remember that my dog is called Rex.")
    (memory,) = warm_sb.json("memories", "list", "--contact", "telegram:3301")
    done = warm_sb("memories", "update", memory["id"], "My dog is called Max.")
    assert (done.returncode, done.stderr) == (0, "")
    (memory,) = warm_sb.json("memories", "list", "--contact", "telegram:3301")
    assert memory["content"] == "My dog is called Max."
    twice = warm_sb("memories", "update", memory["id"], "a", "--content", "b")
    assert (twice.returncode, twice.stderr[:4]) == (2, "sb: ")


@pytest.mark.parametrize(
    ("name", "value", "origins"),
    [
        ("DISCREET_API_ORIGINS", "https://shop.example", ("https://shop.example",)),
        ("DISCREET_API_ORIGINS", "https://A.example/, http://b.example:8080",
         ("https://a.example", "http://b.example:8080")),
        ("DISCREET_API_ORIGINS", '["https://shop.example"]', ("https://shop.example",)),
    ],
)  # fmt: skip
def test_lists_take_commas(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, origins: tuple[str, ...]
) -> None:
    monkeypatch.setenv(name, value)
    assert load_settings().api_origins == origins


def test_the_log_level_may_be_written_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCREET_LOG_LEVEL", "DEBUG")
    assert load_settings().log_level == "debug"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DISCREET_API_ORIGINS", "shop.example"),
        ("DISCREET_API_ORIGINS", "[https://shop.example"),
        ("DISCREET_API_ORIGINS", "https://shop.example/path"),
        ("DISCREET_LOG_LEVEL", "loud"),
        ("DISCREET_MAX_TURNS", "many"),
        ("DISCREET_MAX_TURNS", "0"),
        ("DISCREET_MESSAGES_A_MINUTE", "99999999999999999999"),
        ("DISCREET_TURN_TOTAL_SECONDS", "1e999"),
        ("DISCREET_MODEL_PRICES", "{"),
        ("DISCREET_TIMEZONE", "Europe/Atlantis"),
        ("DISCREET_OWNER_QUIET_HOURS", "25:00-26:00"),
        ("DISCREET_CANARIES", "perhaps"),
        ("DISCREET_WEBHOOK_URL", "a" * 100_000),
        ("DISCREET_TURN_SILENCE_SECONDS", "-1"),
        ("DISCREET_LISTEN", "5000"),
        ("DISCREET_WHATSAPP_API_VERSION", "24"),
    ],
)
def test_a_setting_that_is_not_valid_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput) as refused:
        load_settings()
    assert str(refused.value).startswith(f"{name} ")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_an_error_that_quotes_a_long_text_keeps_its_beginning_and_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse() -> None:
        raise BadInput(f"There is no {'y' * 10_000}.", hint="See: sb contacts list")

    assert exit_code_of(refuse) == 2
    said = capsys.readouterr().err
    assert (said[:15], said[-22:-1]) == ("sb: There is no", "See: sb contacts list")
    assert len(said) < 2_100
