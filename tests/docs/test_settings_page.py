"""Every setting is on the page, and the page has no other."""

from __future__ import annotations

import re

from discreet.settings import Settings
from tests.docs.pages import DOCS, ROOT, all_pages, table

PAGE = DOCS / "settings.md"


def test_every_setting_is_on_the_page_with_its_default() -> None:
    written = {row[0]: row[1] for row in table(PAGE, "Settings")}
    assert written == {f"DISCREET_{name.upper()}": _default(name) for name in Settings.model_fields}


def test_every_variable_that_a_page_names_is_read_by_the_program() -> None:
    program = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    known = {f"DISCREET_{name.upper()}" for name in Settings.model_fields}
    known |= set(re.findall(r"DISCREET_[A-Z_]+", program))
    for_tests = set(re.findall(r"DISCREET_[A-Z_]+", (ROOT / "tests/conftest.py").read_text()))
    for page in all_pages():
        named = set(re.findall(r"DISCREET_[A-Z_]+", page.read_text()))
        assert named <= known | for_tests, page.name


def test_every_variable_that_the_program_reads_is_on_the_page() -> None:
    named = set(re.findall(r"DISCREET_[A-Z_]+", PAGE.read_text()))
    for path in (ROOT / "src").rglob("*.py"):
        read = set(re.findall(r"DISCREET_[A-Z]+[A-Z_]*[A-Z]", path.read_text()))
        assert read <= named, path.name


def _default(name: str) -> str:
    default = Settings.model_fields[name].default
    return "none" if default is None else str(default)
