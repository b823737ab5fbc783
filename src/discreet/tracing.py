"""Traces (OpenTelemetry): what the server did, in spans that hold ids, numbers and fixed words.

No text, name or address of anybody is ever in a span: only the attributes in ``ATTRIBUTES`` exist,
their values are ids, numbers, or words of ``WORDS``, and exceptions are noted by their class.

The tracer is ours alone and never the global one: libraries that trace by themselves would put
arguments and answers of tools into their spans.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import structlog

from discreet.domain.overheard import overhear

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

__all__ = ["ATTRIBUTES", "TraceSpan", "is_wanted", "span", "tracing"]

log = structlog.get_logger(__name__)

Value = UUID | str | int | float | bool | None
Kind = Literal["internal", "client", "producer", "consumer"]

ATTRIBUTES: Mapping[str, str] = {
    "agent_id": "discreet.agent.id",
    "attempt": "discreet.attempt",
    "channel_id": "discreet.channel.id",
    "contact_id": "discreet.contact.id",
    "message_id": "discreet.message.id",
    "outcome": "discreet.outcome",
    "owner_id": "discreet.owner.id",
    "platform": "discreet.platform",
    "route_id": "discreet.route.id",
    "session_id": "discreet.session.id",
    "turn_id": "discreet.turn.id",
    # https://opentelemetry.io/docs/specs/semconv/gen-ai/
    "error": "error.type",
    "input_tokens": "gen_ai.usage.input_tokens",
    "model": "gen_ai.request.model",
    "operation": "gen_ai.operation.name",
    "output_tokens": "gen_ai.usage.output_tokens",
    "provider": "gen_ai.provider.name",
    "tool": "gen_ai.tool.name",
}
"""The attributes of spans, by the names under which they are given here."""
WORDS = frozenset(("error", "model", "operation", "outcome", "platform", "provider", "tool"))
"""Attributes that are words: of the program, or names of models and tools that the owner set."""
WORD = re.compile(r"[A-Za-z][\w.:/@+-]{0,99}", re.ASCII)
OTHER = "other"
TURNED_ON_BY = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
)

_tracer: Tracer | None = None


class TraceSpan:
    """A span being recorded, or nothing where there are no traces."""

    def __init__(self, recorded: Span | None = None) -> None:
        self._recorded = recorded

    def note(self, **values: Value) -> None:
        """Add attributes, by their names in ``ATTRIBUTES``. None adds nothing."""
        if self._recorded is None:
            return
        for name, value in values.items():
            if value is not None:
                self._recorded.set_attribute(ATTRIBUTES[name], _shown(name, value))


NOTHING = TraceSpan()


@contextmanager
def span(name: str, kind: Kind = "internal", **values: Value) -> Iterator[TraceSpan]:
    """Record what the block does. ``name``: fixed words, and names of models and tools.

    An exception passes through; its class is noted and its text is not.
    """
    if _tracer is None:
        yield NOTHING
        return
    from opentelemetry.trace import SpanKind, Status, StatusCode

    with _tracer.start_as_current_span(
        " ".join(word if WORD.fullmatch(word) else OTHER for word in name.split()),
        kind=SpanKind[kind.upper()],
        record_exception=False,
        set_status_on_exception=False,
    ) as recorded:
        found = TraceSpan(recorded)
        found.note(**values)
        try:
            yield found
        except BaseException as error:
            found.note(error=type(error).__name__)
            recorded.set_status(Status(StatusCode.ERROR))
            raise


def _shown(name: str, value: UUID | str | int | float | bool) -> str | int | float | bool:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str):
        return value if name in WORDS and WORD.fullmatch(value) else OTHER
    return value


def is_wanted() -> bool:
    """Return whether the standard variables ask for traces."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    return any(os.environ.get(name, "").strip() for name in TURNED_ON_BY)


@contextmanager
def tracing(
    exporter: SpanExporter | None = None, *, home: Path | None = None, auditing: bool = False
) -> Iterator[None]:
    """Record spans while the block lasts, if they are wanted; send the last ones at its end.

    ``exporter``: where to send them; by default as the ``OTEL_*`` variables say. A span is sent
    from a thread of its own, so a slow collector delays nobody. ``home``: where an audit may
    listen. ``auditing``: record them for that audit alone.
    """
    global _tracer  # noqa: PLW0603 - like a log, it is the process's
    if exporter is None and not auditing and not is_wanted():
        yield
        return
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        if not auditing:
            exporter = exporter or _exporter()
    except ImportError:
        if not auditing:
            log.warning("no traces: packages are missing", install="pip install 'discreet[traces]'")
        yield
        return
    named = {"service.name": "discreet", "service.version": version("discreet")}
    if os.environ.get("OTEL_SERVICE_NAME"):
        del named["service.name"]
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    if exporter is not None:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    if home is not None:
        provider.add_span_processor(_overheard(home))
    _tracer = provider.get_tracer("discreet", version("discreet"))
    try:
        yield
    finally:
        _tracer = None
        provider.shutdown()


def _overheard(home: Path) -> SpanProcessor:
    """Return what repeats each span for an audit that listens."""
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

    class ForAudit(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            for one in spans:
                overhear(home, "spans", f"{one.to_json(indent=None)}\n")
            return SpanExportResult.SUCCESS

    return SimpleSpanProcessor(ForAudit())


def _exporter() -> SpanExporter:
    if os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()
