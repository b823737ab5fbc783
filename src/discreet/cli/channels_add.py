"""``sb channels add``: connect an account on a platform to an agent."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.runtime import in_app
from discreet.domain.errors import BadInput
from discreet.domain.platform import ChannelSecret

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.schemas.channels import ConnectedChannel

add = typer.Typer(help="Connect a platform to an agent.", no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A secret to ask for: its name and source. ``hint`` says how to get one."""

    what: str
    variable: str
    source: str
    hint: str


_TELEGRAM_TOKEN = _Asked(
    "token", "DISCREET_TELEGRAM_TOKEN", "from @BotFather", "Get one from @BotFather on Telegram."
)
_OTHER_TOKEN = _Asked(
    "token", "DISCREET_CHANNEL_TOKEN", "as shown by the platform", "Get it from the platform."
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
MAX_TOKEN_BYTES = 1000

Agent = Annotated[
    str | None,
    typer.Option(
        "--agent", metavar="NAME", help="The agent that answers. Default: the first agent."
    ),
]
BaseUrl = Annotated[
    str,
    typer.Option(
        "--base-url", metavar="URL", help="The URL of another server for the platform's API."
    ),
]


def _file_of(asked: _Asked, option: str = "--token-file") -> Any:
    return typer.Option(
        option,
        metavar="FILE",
        help=f"A file with the {asked.what}; else {asked.variable}, else you are asked.",
    )


@add.command("telegram")
def add_telegram(
    agent: Agent = None,
    token_file: Annotated[Path | None, _file_of(_TELEGRAM_TOKEN)] = None,
    base_url: BaseUrl = "",
) -> None:
    """Connect a Telegram bot. Create one with @BotFather on Telegram to get its token."""
    secret = ChannelSecret(_secret(token_file, _TELEGRAM_TOKEN), base_url)
    added, _ = _connect(agent, "telegram", secret)
    _tell(
        added,
        f"People write to it at https://t.me/{added.name}",
        "A running server uses it at once. To start one: sb serve",
        "To link your own account: sb owner link telegram",
    )


@add.command("discord")
def add_discord(
    agent: Agent = None,
    token_file: Annotated[Path | None, _file_of(_DISCORD_TOKEN)] = None,
    base_url: BaseUrl = "",
) -> None:
    """Connect a Discord bot. Create its application in Discord's developer portal."""
    secret = ChannelSecret(_secret(token_file, _DISCORD_TOKEN), base_url)
    added, _ = _connect(agent, "discord", secret)
    _tell(
        added,
        ("To invite it to a server: developer portal, OAuth2, URL Generator, scope bot."),
        "A running server uses it at once. To start one: sb serve",
        "To link your own account: sb owner link discord",
    )


@add.command("whatsapp")
def add_whatsapp(
    phone_number_id: Annotated[
        str,
        typer.Argument(metavar="PHONE_NUMBER_ID", help="Meta's dashboard: WhatsApp, API Setup."),
    ],
    agent: Agent = None,
    token_file: Annotated[Path | None, _file_of(_WHATSAPP_TOKEN)] = None,
    app_secret_file: Annotated[
        Path | None, _file_of(_WHATSAPP_APP_SECRET, "--app-secret-file")
    ] = None,
    base_url: BaseUrl = "",
) -> None:
    """Connect a WhatsApp Business phone number (the official Cloud API)."""
    token = _secret(token_file, _WHATSAPP_TOKEN)
    app_secret = _secret(app_secret_file, _WHATSAPP_APP_SECRET)
    secret = ChannelSecret(token, base_url, app_secret=app_secret)
    added, public_url = _connect(agent, "whatsapp", secret, phone_number_id)
    address = (public_url or "https://YOUR-ADDRESS").rstrip("/")
    steps = [
        "In Meta's dashboard, WhatsApp, Configuration, Webhook, field messages:",
        f"    Callback URL:  {address}/whatsapp",
        f"    Verify token:  {secret.webhook_secret}",
    ]
    if public_url is None:
        steps.append(
            "Start the server with its public URL: DISCREET_WEBHOOK_URL=https://... sb serve"
        )
    _tell(added, *steps)


@add.command("other")
def add_other(
    platform: Annotated[
        str,
        typer.Argument(metavar="PLATFORM", help="The platform's name, as its package defines it."),
    ],
    account: Annotated[
        str, typer.Argument(metavar="ACCOUNT", help="The account's name on the platform.")
    ],
    agent: Agent = None,
    token_file: Annotated[Path | None, _file_of(_OTHER_TOKEN)] = None,
) -> None:
    """Connect an account on a platform that another package provides."""
    added, _ = _connect(agent, platform, ChannelSecret(_secret(token_file, _OTHER_TOKEN)), account)
    _tell(added)


def _connect(
    agent: str | None, platform: str, secret: ChannelSecret, account: str = ""
) -> tuple[ConnectedChannel, str | None]:
    """Return the channel, and the public URL of this installation if it has one."""
    from discreet.services.channels import connect_channel

    async def work(app: App) -> tuple[ConnectedChannel, str | None]:
        added = await connect_channel(app.channels, agent, platform, secret, account)
        return added, app.settings.webhook_url

    return in_app(work)


def _tell(added: ConnectedChannel, *next_steps: str) -> None:
    from discreet.cli.printing import print_text

    print_text(f"{added.label} now leads to {added.agent}.")
    for line in next_steps:
        print_text(line)
    print_text("Strangers get a code. To approve them: sb pairing list")


def _secret(file: Path | None, asked: _Asked) -> str:
    """Read a secret from a file, the environment, or the terminal without echo."""
    if file is not None:
        try:
            with file.open("rb") as opened:
                text = opened.read(MAX_TOKEN_BYTES).decode()
        except (OSError, UnicodeDecodeError):
            raise BadInput(
                f"{str(file)!a} can't be read.",
                hint=f"Use a text file that contains the {asked.what}.",
            ) from None
    elif os.environ.get(asked.variable):
        text = os.environ[asked.variable]
    elif sys.stdin.isatty():
        from discreet.cli.asking import ask_secret

        text = ask_secret(f"{asked.what.capitalize()} ({asked.source}; it is not shown)")
    else:
        text = sys.stdin.readline(MAX_TOKEN_BYTES)
    secret = text.strip()
    if not secret:
        raise BadInput(f"The {asked.what} is missing.", hint=asked.hint)
    return secret
