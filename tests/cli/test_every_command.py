"""What holds for each command there is, also for those that nobody has written yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from discreet.cli.main import app
from tests.cli.conftest import Sb

IDS = {"ID", "LINK", "TOKEN"}
"""What stands for an id in the help of a command. WHO and CONTACT are looked up in one place."""
NO_SUCH = "abcdef"
OTHERS = {("agents tools add", "--client-id")}
"""Ids that other programs give."""


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield each command with its words."""
    command = command or get_command(app)
    if not hasattr(command, "commands"):
        yield " ".join(path), command
        return
    for name in command.commands:
        yield from commands(command.commands[name], (*path, name))


def is_argument(parameter: Any) -> bool:
    return not parameter.opts[0].startswith("-")


def shown(parameter: Any) -> str:
    return str(parameter.metavar or "").strip("[]").removesuffix("...")


def words_for(path: str, command: Any, wanted: Any) -> list[str]:
    """Return a call of a command that names something with the first characters of an id."""
    words = path.split()
    for parameter in command.params:
        if is_argument(parameter) and (parameter.required or parameter is wanted):
            words += [NO_SUCH] if shown(parameter) in IDS or parameter is wanted else ["x"]
        elif parameter is wanted:
            words += [parameter.opts[0], NO_SUCH]
    options = {option for parameter in command.params for option in parameter.opts}
    words += ["--yes"] if "--yes" in options else []
    return words + (["-m", "x"] if "--message" in options else [])


def test_the_first_six_characters_of_an_id_are_looked_up_wherever_an_id_is_taken(
    warm_sb: Sb,
) -> None:
    warm_sb.answer("--sender", "telegram:3401", "-m", "hello there")
    tried, whole_only = 0, []
    for path, command in commands():
        for parameter in command.params:
            if shown(parameter) not in IDS or (path, parameter.opts[0]) in OTHERS:
                continue
            done = warm_sb(*words_for(path, command, parameter))
            tried += 1
            if done.returncode != 2 or not re.match(r"sb: (No|There is no) \w", done.stderr):
                whole_only.append((path, parameter.opts[0], done.stderr[:200]))
    assert tried >= 20
    assert whole_only == []


def test_a_token_is_revoked_by_the_beginning_of_its_id_and_no_other_is(warm_sb: Sb) -> None:
    for name in ("one", "two"):
        warm_sb("tokens", "create", "--owner", "--name", name)
    ids = {one["name"]: one["id"] for one in warm_sb.json("tokens", "list")}
    assert warm_sb("tokens", "revoke", ids["one"][:5]).returncode == 2
    assert warm_sb("tokens", "revoke", ids["one"][:6].upper()).returncode == 0
    revoked = {one["name"] for one in warm_sb.json("tokens", "list") if one["revoked_at"]}
    assert revoked == {"one"}
