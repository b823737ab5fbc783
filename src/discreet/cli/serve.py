"""``sb serve``: run the server until it is stopped."""

from __future__ import annotations

import asyncio
import gc
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO, cast

import structlog
import typer

from discreet.cli import server_pid, servers
from discreet.cli.dashboard import sign_in_link
from discreet.cli.streams import flush_output
from discreet.domain import local_socket
from discreet.domain.errors import AddressInUse
from discreet.domain.overheard import OverheardStream

if TYPE_CHECKING:
    from socket import socket

    from discreet.app import App
    from discreet.cli.processes import Process
    from discreet.settings import Settings


YOUNG_OBJECTS = 10_000
"""New objects after which the garbage collector looks for cycles among them; Python's 700 are few
for a turn.
"""


def serve(
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes",
            metavar="N",
            min=1,
            max=64,
            help="Run in N processes, to use more cores (Linux). Default: DISCREET_PROCESSES.",
        ),
    ] = None,
) -> None:
    """Run the server: receive, answer and deliver messages until Ctrl-C."""
    from discreet.cli.logs import log_to
    from discreet.settings import load_settings

    settings = load_settings()
    sys.stderr = cast("TextIO", OverheardStream(sys.stderr, settings.home))
    log_to(sys.stderr, settings.log_level)
    if processes is not None:
        settings = settings.model_copy(update={"processes": processes})
    if settings.processes == 1:
        asyncio.run(_serve(settings))
        return
    from discreet.cli.processes import serve_in_processes

    sys.exit(serve_in_processes(settings, _serve_as_one, _say))


def _serve_as_one(settings: Settings, process: Process) -> None:
    """Serve as one of several processes."""
    structlog.contextvars.bind_contextvars(process=process.number)
    asyncio.run(_serve(settings, process))


async def _serve(settings: Settings, process: Process | None = None) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; a second signal ends the process at once.

    One of several ``process``es is told by its parent, whose end ends it, too.
    """
    from discreet.app import open_app
    from discreet.domain.concurrency import end_all
    from discreet.serving import serve as serve_app
    from discreet.tracing import tracing

    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def stop() -> None:
        stopped.set()
        for number in _ENDING:
            loop.remove_signal_handler(number)
        if process is None:
            _say("\nStopping ...")
        else:
            loop.remove_reader(process.parent)

    for number in _ENDING:
        loop.add_signal_handler(number, stop)
    if process is not None:
        loop.add_reader(process.parent, stop)
    try:
        async with open_app(settings, _say) as app, AsyncExitStack() as stack:
            if process is None or process.number == 1:
                await _check_database(app)
            stack.enter_context(tracing(home=settings.home))
            if servers.serve_http is None:
                await serve_app(app, lambda: _say(_welcome(app)), stopped)
                return
            try:
                listening = await stack.enter_async_context(servers.serve_http(app))
            except AddressInUse as error:
                raise server_pid.explain(settings.home, error) from None
            if process is not None:
                await stack.enter_async_context(_local(app, process.listening))
            elif stack.enter_context(server_pid.noted(settings.home, listening)):
                await stack.enter_async_context(_own_socket(app))
            ready = partial(_ready, await _greeting(app, listening, process), process)
            _spare_collector()
            await serve_app(app, ready, stopped)
    finally:
        await end_all()
    if process is None:
        _say("Stopped.")


async def _check_database(app: App) -> None:
    """Refuse a changed schema, and log what else differs or may end connections later."""
    from discreet.postgres.server import check_schema

    noted = await asyncio.to_thread(check_schema, app.database, _say)
    log = structlog.get_logger(__name__)
    for line in [*app.database.remarks, *noted]:
        log.warning("database_differs", remark=line)


def _spare_collector() -> None:
    """Leave out of every later garbage collection what a server has loaded when it is ready.

    Looking through its 200,000 objects again and again took a tenth of the processor of a turn.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


async def _greeting(app: App, listening: str, process: Process | None) -> str:
    """Return what to say once the server serves. Of several processes, the first one says it."""
    if process is not None and process.number > 1:
        return ""
    ready = f"{_welcome(app)}\n{_machines(listening)}"
    if process is not None:
        ready = f"{ready}\nIn {process.count} processes."
    for problem in [*await _model_problems(app), *await _secretless(app)]:
        ready = f"{ready}\n{problem}"
    if sys.stdout.isatty():  # never in a service's log
        link = await sign_in_link(app, app.settings.dashboard_url or listening)
        ready = f"{ready}\nDashboard (link works once, within ten minutes): {link}"
    return ready


def _ready(greeting: str, process: Process | None) -> None:
    if greeting:
        _say(greeting)
    if process is not None and process.report >= 0:
        os.write(process.report, b"1")


@asynccontextmanager
async def _own_socket(app: App) -> AsyncIterator[None]:
    """Answer the commands of this machine's user on a socket of this process while open."""
    listening = local_socket.listen_in(app.settings.home)
    try:
        async with _local(app, listening):
            yield
    finally:
        if listening is not None:
            local_socket.remove(app.settings.home)
            listening.close()


@asynccontextmanager
async def _local(app: App, listening: socket | None) -> AsyncIterator[None]:
    """Answer the commands of this machine's user while open; they then need not start anything."""
    if listening is None or servers.serve_local is None:
        yield
        return
    async with servers.serve_local(app, listening):
        yield


async def _model_problems(app: App) -> list[str]:
    """Return which models can't work, before somebody waits for their answer."""
    from discreet.domain.text import terminal_text
    from discreet.services.agents import list_agents
    from discreet.turn.model_check import check_setup

    agents = await list_agents(app.db, app.owner_id)
    of_agents = {agent.name: [agent.model, *agent.fallback_models] for agent in agents}
    problems = []
    for owner, names in {"DISCREET_MODEL": [app.settings.model], **of_agents}.items():
        for check in await check_setup(app.settings, [name for name in names if name]):
            problems.append(terminal_text(f"{owner}: {check.model} can't work. {check.problem}"))
    return problems


async def _secretless(app: App) -> list[str]:
    """Return which channels have no token that this server can read."""
    from discreet.cli.missing_secrets import secretless_lines
    from discreet.domain.text import terminal_text

    return [terminal_text(line) for line in await secretless_lines(app)]


_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _welcome(app: App) -> str:
    sb, made = _command(), app.made_agent
    return (
        (
            f"Your first agent is called {made}. To rename it:\n\n"
            f"    {sb} agents rename {made} NAME\n\n"
            if made is not None
            else ""
        )
        + "Discreet is serving. In a second terminal, write as a sender:\n\n"
        f"    {sb} chat --sender telegram:1001\n\n"
        "or as the owner:\n\n"
        f"    {sb} chat\n"
        f"    {sb} status\n\n"
        + (
            ""
            if app.settings.model
            else "No model is configured. The built-in rule-based responder answers.\n"
        )
        + "Press Ctrl-C to stop."
    )


def _machines(address: str) -> str:
    return f"For programs (sb tokens create): REST at {address}/api, MCP at {address}/mcp/"


def _command() -> str:
    """Return the shell command that runs this ``sb`` from anywhere, on this home."""
    sb = shlex.quote(str(Path(sys.argv[0]).absolute()))
    home = os.environ.get("DISCREET_HOME")
    return (
        f"DISCREET_HOME={shlex.quote(str(Path(home).expanduser().absolute()))} {sb}" if home else sb
    )


def _say(line: str) -> None:
    with suppress(OSError):  # a server keeps running even if nobody reads its output
        print(line)
    flush_output()
