"""``sb serve``: run the server until it is stopped."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from discreet.cli import server_pid
from discreet.cli.dashboard import sign_in_link
from discreet.cli.streams import flush_output
from discreet.domain.errors import AddressInUse

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.settings import Settings

serve_http: Callable[[App], AbstractAsyncContextManager[str]] | None = None
"""Serves REST and MCP, and yields their URL. Set by ``main``, because entry points don't import
each other.
"""


def serve() -> None:
    """Run the server: receive, answer and deliver messages until Ctrl-C."""
    from discreet.cli.logs import log_to
    from discreet.settings import load_settings

    settings = load_settings()
    log_to(sys.stderr, settings.log_level)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; a second signal ends the process at once."""
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
        _say("\nStopping ...")

    for number in _ENDING:
        loop.add_signal_handler(number, stop)
    try:
        async with open_app(settings, _say) as app, AsyncExitStack() as stack:
            stack.enter_context(tracing())
            if serve_http is None:
                await serve_app(app, lambda: _say(_welcome(app)), stopped)
                return
            try:
                listening = await stack.enter_async_context(serve_http(app))
            except AddressInUse as error:
                raise server_pid.explain(settings.home, error) from None
            stack.enter_context(server_pid.noted(settings.home, listening))
            ready = f"{_welcome(app)}\n{_machines(listening)}"
            for problem in [*await _model_problems(app), *await _secretless(app)]:
                ready = f"{ready}\n{problem}"
            if sys.stdout.isatty():  # never in a service's log
                link = await sign_in_link(app, settings.dashboard_url or listening)
                ready = f"{ready}\nDashboard (link works once, within ten minutes): {link}"
            await serve_app(app, lambda: _say(ready), stopped)
    finally:
        await end_all()
    _say("Stopped.")


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
    from discreet.cli.secretless import secretless_lines
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
