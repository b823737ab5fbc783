"""Only ``discreet.domain.concurrency`` starts, cancels or waits for tasks by hand.

A cancellation can get lost, so ``task.cancel()`` and then ``await task`` can hang.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import discreet

SOURCE = Path(discreet.__file__).parent
ALLOWED = SOURCE / "domain" / "concurrency.py"

INSTEAD = {
    "create_task": "start() and end(), or running()",
    "ensure_future": "start() and end(), or running()",
    "Task": "start() and end(), or running()",
    "TaskGroup": "running(): a task group waits without a bound",
    "gather": "start() and end()",
    "shield": "running(grace=…)",
    "wait_for": "anyio.move_on_after or anyio.fail_after, which cancel again",
    "timeout": "anyio.move_on_after or anyio.fail_after, which cancel again",
    "timeout_at": "anyio.move_on_after or anyio.fail_after, which cancel again",
}
"""Functions of asyncio that cancel once, or wait without a limit for what was cancelled."""
METHODS = {"cancel": "end()", "create_task": "start() and end(), or running()"}
"""Methods of any object."""
SWALLOWED = {"CancelledError", "BaseException"}


def faults(source: str) -> list[str]:
    """Return what a module does by hand, with line numbers."""
    tree = ast.parse(source)
    modules, names = _asyncio_of(tree)
    scopes = set(_scopes_of(tree))
    found = [
        f"{node.lineno}: {what}"
        for node in ast.walk(tree)
        if not (isinstance(node, ast.Attribute) and _name(node.value) in scopes)
        for what in _fault_of(node, modules, names)
    ]
    return sorted(found, key=lambda line: int(line.split(":")[0]))


def _asyncio_of(tree: ast.AST) -> tuple[set[str], dict[str, str]]:
    """Return the local names of asyncio and its modules, and of its functions."""
    modules, names = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for found in node.names:
                if found.name.split(".")[0] == "asyncio":
                    modules.add(found.asname or "asyncio")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "asyncio":
            for found in node.names:
                names[found.asname or found.name] = found.name
                modules.add(found.asname or found.name)
    return modules, names


def _scopes_of(tree: ast.AST) -> Iterator[str]:
    """Yield the names of anyio's scopes, which cancel repeatedly."""
    kinds = ("CancelScope", "move_on_after", "fail_after")
    for node in ast.walk(tree):
        match node:
            case ast.withitem(ast.Call(func=func), ast.Name(id=name)) if _name(func) in kinds:
                yield name
            case ast.arg(arg=name, annotation=kind) if kind and _name(kind) == "CancelScope":
                yield name


def _fault_of(node: ast.AST, modules: set[str], names: dict[str, str]) -> Iterator[str]:
    match node:
        case ast.Attribute(attr=name, value=value):
            # ``asyncio.Task[None]`` is a type; only a call creates a task.
            if name in INSTEAD.keys() - {"Task"} and _root(value) in modules:
                yield f"asyncio.{name}: take {INSTEAD[name]}"
            elif name in METHODS:
                yield f".{name}: take {METHODS[name]}"
        case ast.Name(id=name, ctx=ast.Load()) if names.get(name) in INSTEAD.keys() - {"Task"}:
            yield f"asyncio.{names[name]}: take {INSTEAD[names[name]]}"
        case ast.Call(func=func) if _name(func) == "Task" and _root(func) in modules:
            yield f"asyncio.Task: take {INSTEAD['Task']}"
        case ast.Call(func=func, args=args) if _name(func) == "suppress":
            if any(_swallows(one) for one in args):
                yield "suppress(CancelledError): a task that was cancelled goes on"
        case ast.Call(func=func, args=[_, ast.Constant(value="cancel"), *_]):
            if _name(func) in ("getattr", "methodcaller"):
                yield f".cancel: take {METHODS['cancel']}"
        case ast.ExceptHandler(type=kind, body=body):
            if (kind is None or _swallows(kind)) and not _always_raises(body):
                yield "except CancelledError: a task that was cancelled goes on; raise it again"


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _name(node: ast.AST) -> str:
    return getattr(node, "attr", getattr(node, "id", ""))


def _swallows(node: ast.AST) -> bool:
    if isinstance(node, ast.Tuple):
        return any(_swallows(one) for one in node.elts)
    if isinstance(node, ast.Call):
        return _name(node.func) == "get_cancelled_exc_class"
    return _name(node) in SWALLOWED


def _always_raises(body: list[ast.stmt]) -> bool:
    match body[-1]:
        case ast.Raise():
            return not any(isinstance(node, ast.Return) for one in body for node in ast.walk(one))
        case _:
            return False


def test_no_module_cancels_and_waits_by_hand() -> None:
    paths = [path for path in sorted(SOURCE.rglob("*.py")) if path != ALLOWED]
    assert len(paths) > 400
    found = [
        f"{path.relative_to(SOURCE)}:{fault}"
        for path in paths
        for fault in faults(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "task.cancel()\nawait task",
        "task.cancel('why')\nawait asyncio.wait([task])",
        "self._tasks[0].cancel()",
        "for task in tasks: task.cancel()",
        "loop.call_soon(task.cancel)",
        "list(map(lambda t: t.cancel(), tasks))",
        "getattr(task, 'cancel')()",
        "end = task.cancel\nend()",
        "await asyncio.gather(*tasks, return_exceptions=True)",
        "from asyncio import gather as both\nawait both(one, two)",
        "import asyncio as aio\nawait aio.wait_for(event.wait(), 1)",
        "from asyncio import wait_for\nawait wait_for(event.wait(), 1)",
        "from asyncio.tasks import wait_for as within\nawait within(event.wait(), 1)",
        "import asyncio.tasks\nawait asyncio.tasks.wait_for(event.wait(), 1)",
        "from asyncio import tasks\nawait tasks.wait_for(event.wait(), 1)",
        "async with asyncio.timeout(5): await work()",
        "async with asyncio.timeout_at(5): await work()",
        "task = asyncio.create_task(work())",
        "asyncio.get_running_loop().create_task(work())",
        "asyncio.ensure_future(work())",
        "asyncio.Task(work())",
        "await asyncio.shield(task)",
        "async with asyncio.TaskGroup() as group: group.create_task(work())",
        "with suppress(asyncio.CancelledError): await task",
        "with contextlib.suppress(asyncio.CancelledError, Exception): await task",
        "with suppress(BaseException): await task",
        "with suppress(anyio.get_cancelled_exc_class()): await task",
        "try: await task\nexcept asyncio.CancelledError: pass",
        "try: await task\nexcept (ValueError, asyncio.CancelledError): log()",
        "try: await task\nexcept BaseException as error: log(error)",
        "try: await task\nexcept: pass",
        "try: await task\nexcept asyncio.CancelledError:\n    if ended: return\n    raise",
    ],
)
def test_the_pattern_is_found_however_it_is_written(code: str) -> None:
    indented = code.replace("\n", "\n    ")
    assert faults(f"import asyncio\nasync def f():\n    {indented}\n") != []


@pytest.mark.parametrize(
    "code",
    [
        "with anyio.move_on_after(5): await event.wait()",
        "await asyncio.wait({task}, timeout=1)",
        "task: asyncio.Task[None] = start(work(), 'work')",
        "settings.timeout",
        "with anyio.CancelScope() as scope: scope.cancel()",
        "def give_up(scope: anyio.CancelScope) -> None: scope.cancel()",
        "httpx.Timeout(timeout=5)",
        "try: await work()\nexcept asyncio.CancelledError:\n    note()\n    raise",
        "try: await work()\nexcept Exception: log()",
    ],
)
def test_nothing_else_is_found(code: str) -> None:
    indented = code.replace("\n", "\n    ")
    assert faults(f"import asyncio\nasync def f():\n    {indented}\n") == []
