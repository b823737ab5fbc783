"""The dashboard does what ``sb`` does, or says why not, and its pages name the commands."""

from __future__ import annotations

import re
from pathlib import Path

import discreet.dashboard
from discreet.dashboard.application import VIEWS
from tests.dashboard.commands import DASHBOARD, Missing
from tests.dashboard.pictures import STORED, digest
from tests.docs.test_operations import COMMANDS

TEMPLATES = Path(discreet.dashboard.__file__).parent / "templates"
NAMED = {
    command
    for template in TEMPLATES.glob("*.html")
    for call in re.findall(r"m\.same\((.*)\) }}", template.read_text())
    for command in re.findall(r'"sb ([^"]+)"', call)
}


def test_every_command_has_its_place_on_the_dashboard_or_a_reason() -> None:
    assert set(DASHBOARD) == set(COMMANDS)
    routes = {(method, path) for method, path, _ in VIEWS}
    places = {place for place in DASHBOARD.values() if not isinstance(place, Missing)}
    assert places <= routes


def test_pages_name_commands_that_there_are() -> None:
    assert NAMED
    # A group stands for its commands: sb channels add.
    names = {" ".join(name.split()[:n]) for name in COMMANDS for n in (1, 2, 3)}
    for named in NAMED:
        words = re.split(r" (?:--|[A-Z%])", named)[0]
        assert words in names, named


def test_every_page_names_a_command() -> None:
    pages = [one for one in TEMPLATES.glob("*.html") if 'extends "base.html"' in one.read_text()]
    assert [one.name for one in pages if "m.same(" not in one.read_text()
            and 'include "about.html"' not in one.read_text()] == []  # fmt: skip


def test_the_screenshots_in_the_documentation_are_of_the_pages_of_today() -> None:
    stale = "stale screenshots; take new ones: python -m tests.dashboard.screenshots"
    assert STORED.read_text().strip() == digest(), stale
