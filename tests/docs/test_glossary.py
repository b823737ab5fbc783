"""Hold that one public name has one meaning across the package."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import discreet
from tests.docs.pages import DOCS

PACKAGE = Path(discreet.__file__).parent
GLOSSARY = DOCS / "glossary.md"
ENTRY_POINTS = ("api", "cli", "dashboard", "mcp")
"""They name a function or module after the operation that it offers."""
OF_EACH_NOUN = (*ENTRY_POINTS, "schemas", "services")
"""These rooms have a module for each noun, with the same name."""
ROOMS_OF_STORES = ("auth", "contacts", "domain", "memory", "scope", "sessions", "turn")
BANNED = {
    "door", "doors", "mind", "minds", "thought", "situation", "wish", "wishes", "fence", "keeper",
    "hearing", "trouble", "nobodys", "everybody", "joined", "ear", "house", "growing", "holding",
}  # fmt: skip
"""Private terms for which the field has other words."""


@cache
def _modules() -> list[tuple[tuple[str, ...], ast.Module]]:
    return [
        (path.relative_to(PACKAGE).with_suffix("").parts, ast.parse(path.read_text("utf-8")))
        for path in sorted(PACKAGE.rglob("*.py"))
    ]


def _room(where: tuple[str, ...]) -> str:
    return where[0] if len(where) > 1 else ""


def _names(
    kinds: type[ast.stmt] | tuple[type[ast.stmt], ...],
) -> dict[str, list[tuple[str, ...]]]:
    """Return where each public name of a kind is defined."""
    found = defaultdict(list)
    for where, tree in _modules():
        for node in tree.body:
            if isinstance(node, kinds) and not node.name.startswith("_"):  # type: ignore[attr-defined]
                found[node.name].append(where)  # type: ignore[attr-defined]
    return found


def _listed() -> set[str]:
    """Return the names that the glossary lists as shared."""
    _, _, shared = GLOSSARY.read_text(encoding="utf-8").partition("## Names that several modules")
    rows = [line for line in shared.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def _shared_classes() -> set[str]:
    return {name for name, places in _names(ast.ClassDef).items() if len(places) > 1}


def _shared_functions() -> set[str]:
    """Return names of functions in two rooms. Channels count as one, because they are parallel."""
    shared = set()
    for name, places in _names((ast.FunctionDef, ast.AsyncFunctionDef)).items():
        rooms = {_room(where) or where[0] for where in places} - {*ENTRY_POINTS, "main"}
        if len(rooms) > 1:
            shared.add(name)
    return shared


def test_a_name_that_is_defined_twice_is_in_the_glossary_with_its_one_meaning() -> None:
    assert _shared_classes() | _shared_functions() == _listed()


def test_no_public_name_is_a_private_term() -> None:
    wrong = []
    for where, tree in _modules():
        for node in tree.body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                words = re.findall(r"[A-Z]?[a-z]+", node.name)
                if BANNED & {word.lower() for word in words}:
                    wrong.append(f"{'.'.join(where)}: {node.name}")
        if BANNED & set(where[-1].split("_")):
            wrong.append(".".join(where))
    assert wrong == []


def test_modules_of_one_name_are_about_one_noun() -> None:
    """Entry points, schemas, services and stores name a module after its noun."""
    places = defaultdict(set)
    for where, _ in _modules():
        if where[-1] != "__init__":
            places[where[-1]].add(_room(where))
    meant = {*OF_EACH_NOUN, ""}
    wrong = {
        name: sorted(rooms)
        for name, rooms in places.items()
        if len(rooms - meant - {"channels"}) > 1 and not rooms <= {*ROOMS_OF_STORES, *meant}
    }
    assert wrong == {}
