"""Spans show what the server did, and nothing that anybody wrote, is called or is reached at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from discreet import tracing
from discreet.domain.inbound import UnknownSender
from discreet.domain.outbound import Rejected
from discreet.intake.accept import accept_or_quarantine
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from discreet.settings import Settings
from discreet.turn.responders import Models
from discreet.turn.run import run_turn
from tests.support.openai_server import Call, Fail, Reply, Say, Stumble, openai_server
from tests.support.platform import Platform, make_platform
from tests.support.turns import Recording, do_all, turns_of
from tests.support.world import open_scoped

NUMBER = "61093471"
ANN = f"telegram:{NUMBER}"
SECRETS = ("zyxquo", NUMBER, "Annabel", "Adamses")
"""A word in every text, the platform's number of the sender, and names."""
ALLOWED = {*tracing.ATTRIBUTES.values()}


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
async def platform(database: Database) -> AsyncIterator[Platform]:
    async with open_scoped(database) as db:
        yield await make_platform(db, admission="open")


def by_name(spans: InMemorySpanExporter) -> dict[str, list[ReadableSpan]]:
    found: dict[str, list[ReadableSpan]] = {}
    for span in spans.get_finished_spans():
        found.setdefault(span.name, []).append(span)
    return found


async def go(
    platform: Platform, database: Database, home: Path, *replies: Reply, text: str = "zyxquo?"
) -> None:
    """Send a message of Annabel's, answer it with a real model client, and try to deliver."""
    db: ScopedDatabase = platform.world.db
    more = {"name": "Annabel zyxquo", "group": None}
    said = await platform.accepted(ANN, text, **more)
    with openai_server(*replies) as script:
        models = Models(Settings(home=home, model="small", model_base_url=script.base_url))
        turns = replace(turns_of(db, models.answer, max_attempts=1), budget_for=models.budget_for)
        await run_turn(turns, said.session_id)
    channel = Recording("telegram", [RuntimeError("zyxquo " + NUMBER), Rejected("zyxquo")])
    await do_all(database, db, None, {"telegram": channel})  # type: ignore[arg-type]


def check_that_nothing_is_told(spans: InMemorySpanExporter) -> None:
    for span in spans.get_finished_spans():
        assert set(span.attributes or {}) <= ALLOWED, span.name
        assert span.events == ()
        assert span.status.description is None
        shown = span.to_json()
        for secret in SECRETS:
            assert secret not in shown, (span.name, secret)


async def test_a_message_leaves_spans_of_intake_turn_model_tool_and_delivery_without_a_word(
    platform: Platform, database: Database, tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    call = Call((("remember", {"content": "zyxquo likes tea", "topic_key": "zyxquo"}),))
    unknown = Call((("zyxquo_tool", {"zyxquo": NUMBER}),))
    with tracing.tracing(spans):
        await go(platform, database, tmp_path, call, unknown, Say("zyxquo, Annabel!"))
        quarantined = replace(platform.inbound(ANN, "zyxquo"), sender=UnknownSender("zyxquo"))
        await accept_or_quarantine(platform.world.db, platform.world.owner_id, quarantined)
    found = by_name(spans)
    assert {"intake", "turn", "load", "respond", "save", "chat small", "delivery"} <= set(found)
    check_that_nothing_is_told(spans)
    [turn] = found["turn"]
    assert turn.attributes is not None
    assert turn.attributes["discreet.outcome"] == "answered"
    [tool] = found["execute_tool remember"]
    assert tool.attributes is not None
    assert tool.attributes["gen_ai.operation.name"] == "execute_tool"
    chats = found["chat small"]
    assert len(chats) == 3
    for chat in chats:
        assert chat.kind is SpanKind.CLIENT
        assert chat.attributes is not None
        assert chat.attributes["gen_ai.operation.name"] == "chat"
        assert chat.attributes["gen_ai.request.model"] == "small"
        assert int(str(chat.attributes["gen_ai.usage.input_tokens"])) > 0
    # All of one turn in one trace, the model's call and the tool below it.
    inside = [*chats, tool, *found["load"], *found["respond"], *found["save"]]
    assert {one.context.trace_id for one in inside} == {turn.context.trace_id}
    told = [span.attributes for span in found["delivery"] if span.attributes is not None]
    assert [one.get("error.type", one.get("discreet.outcome")) for one in told][:1] == [
        "RuntimeError"
    ]
    intakes = [span.attributes for span in found["intake"] if span.attributes is not None]
    assert sorted(str(one.get("discreet.outcome", one.get("error.type"))) for one in intakes) == [
        "BadInput", "accepted"
    ]  # fmt: skip


@pytest.mark.parametrize("failure", [Fail(400), Stumble()])
async def test_a_failure_that_quotes_the_request_leaves_its_class_only(
    platform: Platform,
    database: Database,
    tmp_path: Path,
    spans: InMemorySpanExporter,
    failure: Reply,
) -> None:
    with tracing.tracing(spans):
        await go(platform, database, tmp_path, failure)
    check_that_nothing_is_told(spans)
    found = by_name(spans)
    assert {one.status.status_code for one in found["chat small"]} == {StatusCode.ERROR}
    [turn] = found["turn"]
    assert turn.attributes is not None
    assert turn.attributes["discreet.outcome"] == "failed"


@pytest.mark.parametrize("value", ["two words", NUMBER, "a" * 101, "", "héllo", "a\nb", "+4912345"])
def test_what_is_no_plain_word_is_never_an_attribute(
    spans: InMemorySpanExporter, value: str
) -> None:
    with tracing.tracing(spans):
        with tracing.span(f"chat {value}", model=value):
            pass
        with tracing.span("turn", session_id=value) as turn, pytest.raises(KeyError):
            turn.note(text="hello")
    for span in spans.get_finished_spans():
        assert value not in span.name.split() or value == ""
        assert set((span.attributes or {}).values()) <= {"other"}


def test_without_the_standard_variables_nothing_is_recorded_or_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = (
        "import sys\nfrom discreet import tracing\n"
        "with tracing.tracing(), tracing.span('turn', session_id=1) as one:\n"
        "    one.note(anything='at all')\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    plain = {"PATH": "/usr/bin:/bin"}
    assert subprocess.run([sys.executable, "-c", code], env=plain, check=False).returncode == 0
    for name, value in (
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_TRACES_EXPORTER", "console"),
    ):
        monkeypatch.setenv(name, value)
        assert tracing.is_wanted()
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
        assert not tracing.is_wanted()
        monkeypatch.delenv("OTEL_SDK_DISABLED")
        monkeypatch.delenv(name)
    assert not tracing.is_wanted()


class Broken(SpanExporter):
    """A collector that can't be reached."""

    def export(self, spans: object) -> SpanExportResult:
        raise ConnectionError("nobody there")


@pytest.fixture
def broken() -> SpanExporter:
    return Broken()


async def test_a_collector_that_is_away_delays_and_breaks_nothing(
    platform: Platform, database: Database, tmp_path: Path, broken: SpanExporter
) -> None:
    with tracing.tracing(broken):
        await go(platform, database, tmp_path, Say("Hello."))
    assert await platform.sent(ANN) == ["Hello."]
