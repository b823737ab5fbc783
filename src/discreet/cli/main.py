"""The command ``sb``. A command imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress
from typing import Annotated

import typer

from discreet.cli import (
    admission,
    agents,
    audit,
    backups,
    budgets,
    channels,
    chat,
    contacts,
    costs,
    dashboard,
    database,
    drafts,
    keys,
    limits,
    mcp,
    memories,
    owner,
    pairing,
    quarantine,
    reminders,
    retention,
    searches,
    serve,
    service,
    sessions,
    status,
    takeover,
    tokens,
    turns,
    upgrade,
    usage,
    version,
    webhooks,
)
from discreet.cli.runtime import INTERRUPTED
from discreet.cli.streams import flush_output, prepare_streams
from discreet.cli.summaries import say_whole_summaries
from discreet.domain.errors import DiscreetError

app = typer.Typer(
    help="One AI agent, many people, every one of them private.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def options(
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=version.print_and_exit,
                     is_eager=True),
    ] = False,
) -> None:  # fmt: skip
    """One AI agent, many people, every one of them private."""


app.command("chat")(chat.chat)
app.command("serve")(serve.serve)
app.command("mcp")(mcp.mcp)
app.command("status")(status.status)
app.command("dashboard")(dashboard.dashboard)
app.command("usage")(costs.usage)
app.command("takeover")(takeover.takeover)
app.add_typer(agents.app, name="agents")
app.add_typer(channels.app, name="channels")
app.add_typer(contacts.app, name="contacts")
app.add_typer(sessions.app, name="sessions")
app.add_typer(memories.app, name="memories")
app.add_typer(searches.messages, name="messages")
app.add_typer(turns.app, name="turns")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(admission.app, name="admission")
app.add_typer(pairing.app, name="pairing")
app.add_typer(drafts.app, name="drafts")
app.add_typer(reminders.app, name="reminders")
app.add_typer(owner.app, name="owner")
app.add_typer(limits.app, name="limits")
app.add_typer(budgets.app, name="budgets")
app.add_typer(retention.app, name="retention")
app.add_typer(tokens.app, name="tokens")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(keys.app, name="keys")
app.add_typer(database.app, name="db")
app.add_typer(audit.app, name="audit")
app.add_typer(service.app, name="service")
app.add_typer(backups.app, name="backups")
app.command("backup")(backups.backup)
app.command("restore")(backups.restore)
app.command("upgrade")(upgrade.upgrade)
app.command("version")(version.version)
app.command("help")(usage.show_usage)


def run() -> None:
    """Run ``sb``. Exit codes: 0 success, 1 failure, 2 usage error, 130 interrupted."""
    os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")  # it would print an advertisement
    if not os.environ.get("DISCREET_DEBUG"):
        warnings.simplefilter("ignore")  # users can't act on a library's warnings
    prepare_streams()
    code = _exit_code()
    failed = flush_output()
    if failed is not None and not isinstance(failed, BrokenPipeError):
        _say(f"The output can't be written: {failed.strerror}.")
    sys.exit(code or int(failed is not None))


def _exit_code() -> int:
    """Run the command line and report errors."""
    try:
        command = typer.main.get_command(app)
        say_whole_summaries(command)
        command()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except DiscreetError as error:
        _say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return 1  # the reader is gone (`sb memories list | head`), so there is nobody to tell
    except Exception as error:
        if os.environ.get("DISCREET_DEBUG"):
            raise
        from discreet.cli.error_log import write_down

        _say(f"Unexpected error: {type(error).__name__}. {write_down(error)}")
        return 1
    return 0


def _say(line: str) -> None:
    from discreet.domain.text import terminal_text

    with suppress(OSError):  # nobody reads it
        print(f"sb: {' '.join(terminal_text(line).split())}", file=sys.stderr, flush=True)
