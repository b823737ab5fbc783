"""``sb channels``: the bots and numbers that people write to."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.domain.errors import BadInput
from discreet.domain.platform import ChannelSecret
from discreet.entrypoints.cli import branches
from discreet.entrypoints.cli.opening import in_app
from discreet.entrypoints.cli.options import AsJson

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.oversight.channels import ConnectedChannel

app = typer.Typer(help="The bots and numbers that people write to.", no_args_is_help=True)
add = typer.Typer(help="Connects a platform to an agent.", no_args_is_help=True)
app.add_typer(add, name="add")
app.command("branch")(branches.branch)
app.command("branches")(branches.branches)
app.command("unbranch")(branches.unbranch)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A secret that is asked for: what it is called, and where it comes from."""

    what: str
    variable: str
    source: str
    hint: str


_TELEGRAM_TOKEN = _Asked(
    "token", "DISCREET_TELEGRAM_TOKEN", "from @BotFather", "@BotFather on Telegram gives one."
)
_OTHER_TOKEN = _Asked(
    "token", "DISCREET_CHANNEL_TOKEN", "as the platform gives it", "The platform gives one."
)
_DISCORD_TOKEN = _Asked(
    "token",
    "DISCREET_DISCORD_TOKEN",
    "of the bot",
    "https://discord.com/developers/applications, your application, Bot: Reset Token.",
)
_WHATSAPP_TOKEN = _Asked(
    "token",
    "DISCREET_WHATSAPP_TOKEN",
    "of a system user",
    "Meta Business Settings, System users, Generate token.",
)
_WHATSAPP_APP_SECRET = _Asked(
    "app secret",
    "DISCREET_WHATSAPP_APP_SECRET",
    "from Meta's dashboard",
    "Meta's dashboard shows it: App settings, Basic, App secret.",
)
MOST_TOKEN_BYTES = 1000

Which = Annotated[
    str, typer.Argument(metavar="CHANNEL", help="Its name (@some_bot), its account or its id.")
]


@add.command("telegram")
def add_telegram(
    agent: Annotated[
        str | None,
        typer.Option("--agent", metavar="NAME", help="Who answers; without it the first agent."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help=f"A file with the token; else {_TELEGRAM_TOKEN.variable}, else you are asked.",
        ),
    ] = None,
    base_url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help="A Bot API server of your own.")
    ] = "",
) -> None:
    """Connects a bot. @BotFather on Telegram makes one and gives its token."""
    from discreet.entrypoints.cli.printing import print_text

    token = _secret(token_file, _TELEGRAM_TOKEN)
    added = in_app(lambda app: app.add_channel(agent, "telegram", ChannelSecret(token, base_url)))
    print_text(f"{added.label} leads to {added.agent} now: https://t.me/{added.name}")
    print_text("A running server takes it up at once. Start one: sb serve")
    print_text("Your own account: sb owner link telegram")
    print_text("Strangers get a code that you approve: sb pairing list")


@add.command("discord")
def add_discord(
    agent: Annotated[
        str | None,
        typer.Option("--agent", metavar="NAME", help="Who answers; without it the first agent."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help=f"A file with the token; else {_DISCORD_TOKEN.variable}, else you are asked.",
        ),
    ] = None,
    base_url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help="Another server of Discord's API.")
    ] = "",
) -> None:
    """Connects a bot of Discord. Its application is made in Discord's developer portal."""
    from discreet.entrypoints.cli.printing import print_text

    token = _secret(token_file, _DISCORD_TOKEN)
    added = in_app(lambda app: app.add_channel(agent, "discord", ChannelSecret(token, base_url)))
    print_text(f"{added.label} leads to {added.agent} now.")
    print_text("Let it into a server: the portal, OAuth2, URL Generator, scope bot.")
    print_text("A running server takes it up at once. Start one: sb serve")
    print_text("Your own account: sb owner link discord")
    print_text("Strangers get a code that you approve: sb pairing list")


@add.command("whatsapp")
def add_whatsapp(
    phone_number_id: Annotated[
        str,
        typer.Argument(metavar="PHONE_NUMBER_ID", help="Meta's dashboard: WhatsApp, API Setup."),
    ],
    agent: Annotated[
        str | None,
        typer.Option("--agent", metavar="NAME", help="Who answers; without it the first agent."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="A file with the token of a system user; else DISCREET_WHATSAPP_TOKEN.",
        ),
    ] = None,
    app_secret_file: Annotated[
        Path | None,
        typer.Option(
            "--app-secret-file",
            metavar="FILE",
            help="A file with the app's secret; else DISCREET_WHATSAPP_APP_SECRET.",
        ),
    ] = None,
    base_url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help="Another server of the Cloud API.")
    ] = "",
) -> None:
    """Connects a phone number of WhatsApp Business (the official Cloud API)."""
    from discreet.entrypoints.cli.printing import print_text

    token = _secret(token_file, _WHATSAPP_TOKEN)
    app_secret = _secret(app_secret_file, _WHATSAPP_APP_SECRET)
    secret = ChannelSecret(token, base_url, app_secret=app_secret)

    async def work(app: App) -> tuple[ConnectedChannel, str | None]:
        added = await app.add_channel(agent, "whatsapp", secret, phone_number_id)
        return added, app.settings.webhook_url

    added, public_url = in_app(work)
    address = (public_url or "https://YOUR-ADDRESS").rstrip("/")
    print_text(f"{added.label} leads to {added.agent} now.")
    print_text("In Meta's dashboard, WhatsApp, Configuration, Webhook, field messages:")
    print_text(f"    Callback URL:  {address}/whatsapp")
    print_text(f"    Verify token:  {secret.webhook_secret}")
    if public_url is None:
        print_text(
            "Start the server with a public address: DISCREET_WEBHOOK_URL=https://... sb serve"
        )
    print_text("Strangers get a code that you approve: sb pairing list")


@add.command("other")
def add_other(
    platform: Annotated[
        str, typer.Argument(metavar="PLATFORM", help="The name that its package gives it.")
    ],
    account: Annotated[
        str, typer.Argument(metavar="ACCOUNT", help="What the platform calls the account.")
    ],
    agent: Annotated[
        str | None,
        typer.Option("--agent", metavar="NAME", help="Who answers; without it the first agent."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help=f"A file with the token; else {_OTHER_TOKEN.variable}, else you are asked.",
        ),
    ] = None,
) -> None:
    """Connects an account on a platform that another package brings."""
    from discreet.entrypoints.cli.printing import print_text

    secret = ChannelSecret(_secret(token_file, _OTHER_TOKEN))
    added = in_app(lambda app: app.add_channel(agent, platform, secret, account))
    print_text(f"{added.label} leads to {added.agent} now.")
    print_text("Strangers get a code that you approve: sb pairing list")


@app.command("list")
def list_channels(as_json: AsJson = False) -> None:
    """Every connection to a platform."""
    from discreet.entrypoints.cli.printing import Column, print_list, when
    from discreet.oversight import channels

    columns: list[Column[ConnectedChannel]] = [
        Column("PLATFORM", lambda item: item.platform),
        Column("NAME", lambda item: item.label),
        Column("AGENT", lambda item: item.agent),
        Column("ACCOUNT", lambda item: item.account, whole=True),
        Column("SINCE", lambda item: when(item.created_at), whole=True),
    ]
    found = in_app(lambda app: channels.list_channels(app.door, app.owner_id))
    print_list(
        found, columns, _record, as_json=as_json, empty="No channels yet: sb channels add telegram"
    )


@app.command("test")
def test_channel(channel: Which) -> None:
    """Asks the platform whether the channel can be used."""
    from discreet.entrypoints.cli.printing import print_text

    tested = in_app(lambda app: app.test_channel(channel))
    print_text(f"{tested.label} answers, and leads to {tested.agent}.")


@app.command("gather")
def gather(
    channel: Which,
    seconds: Annotated[float, typer.Argument(metavar="SECONDS", help="0 to 60; 1.5 at first.")],
) -> None:
    """How long a first message waits for those that follow it, to be answered together."""
    from discreet.entrypoints.cli.printing import print_text
    from discreet.oversight import channels

    async def work(app: App) -> ConnectedChannel:
        found = await channels.find_channel(app.door, app.owner_id, channel)
        await channels.set_gathering(app.door, app.owner_id, found.id, seconds)
        return found

    found = in_app(work)
    print_text(f"{found.label} waits {seconds:g} seconds for what follows a message.")


@app.command("remove")
def remove_channel(channel: Which) -> None:
    """Disconnects a channel and forgets its token. Its conversations stay."""
    from discreet.entrypoints.cli.printing import print_text

    removed = in_app(lambda app: app.remove_channel(channel))
    print_text(f"{removed.label} is disconnected, and its token is forgotten.")


def _secret(file: Path | None, asked: _Asked) -> str:
    """From a file, the environment, or whoever sits there, who sees nothing of it."""
    if file is not None:
        try:
            with file.open("rb") as opened:
                text = opened.read(MOST_TOKEN_BYTES).decode()
        except (OSError, UnicodeDecodeError):
            raise BadInput(
                f"{str(file)!a} can't be read.",
                hint=f"Give a text file with the {asked.what} in it.",
            ) from None
    elif os.environ.get(asked.variable):
        text = os.environ[asked.variable]
    elif sys.stdin.isatty():
        from getpass import getpass

        text = getpass(f"{asked.what.capitalize()} ({asked.source}; it is not shown): ")
    else:
        text = sys.stdin.readline(MOST_TOKEN_BYTES)
    secret = text.strip()
    if not secret:
        raise BadInput(f"There is no {asked.what}.", hint=asked.hint)
    return secret


def _record(item: ConnectedChannel) -> Mapping[str, Any]:
    return {
        "id": item.id,
        "platform": item.platform,
        "account": item.account,
        "name": item.name,
        "agent": item.agent,
        "gather_seconds": item.gather.total_seconds(),
        "created_at": item.created_at,
    }
