"""Every operation is one service function, and every entry point offers it or says why not."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, get_args

import typer
from annotated_types import Ge, Le, MaxLen, MinLen
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from discreet.api.application import ROOMS
from discreet.cli.main import app
from discreet.mcp import tools as mcp_tools
from discreet.turn import toolbox
from tests.docs.operations import NO_OPERATIONS, OPERATIONS, PAGE, Missing, Operation, page

ROUTES = {
    route.operation_id: route
    for module in ROOMS
    for route in module.router.routes
    if isinstance(route, APIRoute)
}
MCP = {tool.name: tool for tool in mcp_tools.TOOLS}
MODEL = {tool.name: tool for tool in toolbox.TOOLS}


def _commands(command: Any, name: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    commands = getattr(command, "commands", None)
    if commands is None:
        yield " ".join(name), command
        return
    for part, inner in commands.items():
        yield from _commands(inner, (*name, part))


COMMANDS = dict(_commands(typer.main.get_command(app)))


def _function(name: str) -> Callable[..., Any]:
    """Return a function by its dotted name; without the package, it is one of services."""
    parts = (name if name.startswith("discreet.") else f"discreet.services.{name}").split(".")
    for at in range(len(parts) - 1, 0, -1):
        try:
            found: Any = import_module(".".join(parts[:at]))
        except ModuleNotFoundError:
            continue
        for part in parts[at:]:
            found = getattr(found, part)
        assert callable(found)
        return found  # type: ignore[no-any-return]
    raise AssertionError(name)


def _named(entry_point: str) -> list[str]:
    names = []
    for one in OPERATIONS:
        found = getattr(one, entry_point)
        if not isinstance(found, Missing):
            names += found if isinstance(found, tuple) else [found]
    return names


ids = [one.name for one in OPERATIONS]


def every_operation(check: Callable[[Operation], None]) -> Callable[[], None]:
    """Return one test of all operations; a failure names the operation."""

    def test() -> None:
        for operation in OPERATIONS:
            try:
                check(operation)
            except Exception as error:
                error.add_note(f"Operation: {operation.name}")
                raise

    test.__name__ = check.__name__
    return test


def test_no_command_route_or_tool_is_without_an_operation() -> None:
    assert set(COMMANDS) == set(_named("cli")) | NO_OPERATIONS
    assert not NO_OPERATIONS & set(_named("cli"))
    for entry_point, there in (("rest", ROUTES), ("mcp", MCP), ("model", MODEL)):
        assert sorted(_named(entry_point)) == sorted(map(str, there)), entry_point
    assert len(set(ids)) == len(ids)


@every_operation
def test_an_operation_has_a_function_and_every_missing_way_a_reason(operation: Operation) -> None:
    _function(operation.service)
    for entry_point in ("cli", "rest", "mcp", "model"):
        assert getattr(operation, entry_point), entry_point
    for entry_point, fields in operation.lacks.items():
        assert not isinstance(getattr(operation, entry_point), Missing)
        assert operation.request is not None
        assert set(fields) <= set(operation.request.model_fields)
        assert all(fields.values())


def _takes(function: Callable[..., Any], model: type[BaseModel]) -> type[BaseModel] | None:
    """Return the parameter of a function that is this model, or one derived from it."""
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        for kind in (parameter.annotation, *get_args(parameter.annotation)[:1]):
            if isinstance(kind, type) and issubclass(kind, model):
                return kind
    return None


@every_operation
def test_rest_takes_and_gives_the_models_of_the_operation(operation: Operation) -> None:
    if isinstance(operation.rest, Missing):
        return
    route = ROUTES[operation.rest]
    if operation.request is not None:
        taken = _takes(route.endpoint, operation.request)
        assert taken is not None, "the route takes another model"
        assert taken.model_fields.keys() == operation.request.model_fields.keys()
    if operation.result is not None:
        assert route.response_model is operation.result


@every_operation
def test_mcp_takes_and_gives_the_models_of_the_operation(operation: Operation) -> None:
    if isinstance(operation.mcp, Missing):
        return
    tool = MCP[operation.mcp]
    if operation.request is not None:
        assert issubclass(tool.given, operation.request)
        assert tool.given.model_config["extra"] == "forbid"
    if operation.result is not None:
        assert tool.shown is operation.result


@every_operation
def test_a_tool_of_a_turn_takes_a_part_of_the_request_within_its_limits(
    operation: Operation,
) -> None:
    if isinstance(operation.model, Missing) or operation.request is None:
        return
    given = MODEL[operation.model].arguments.model_fields
    lacking = operation.lacks.get("model", {})
    assert set(operation.request.model_fields) - set(given) == set(lacking)
    for name in set(given) & set(operation.request.model_fields):
        wider = _limits(operation.request.model_fields[name])
        for kind, limit in _limits(given[name]).items():
            whole = wider.get(kind)
            if whole is not None:
                assert limit >= whole if kind in (Ge, MinLen) else limit <= whole, (name, kind)
        assert not {MaxLen, Le} & (set(wider) - set(_limits(given[name]))), name


def _limits(one: FieldInfo) -> dict[type, int]:
    found = {}
    for limit in one.metadata:
        for kind, value in ((Ge, "ge"), (Le, "le"), (MinLen, "min_length"), (MaxLen, "max_length")):
            if isinstance(limit, kind):
                found[kind] = getattr(limit, value)
    return found


@every_operation
def test_the_terminal_has_an_option_for_every_field(operation: Operation) -> None:
    if isinstance(operation.cli, Missing) or operation.request is None:
        return
    there = {one.name for command in operation.cli for one in COMMANDS[command].params}
    asked = {operation.options.get(name, name) for name in operation.request.model_fields}
    lacking = set(operation.lacks.get("cli", {}))
    assert asked - there == lacking


def test_the_page_says_it() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.docs.operations"
