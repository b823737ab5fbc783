"""``sb turns``: inspect how each answer came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.options import AsJson, Limit, OfContact, Skip
from discreet.cli.runtime import in_app
from discreet.cli.typed_ids import whole_id

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.schemas.turns import Turn, TurnRecord
    from discreet.turn.dry_run import DryRun

app = typer.Typer(help="Inspect what went into each answer.", no_args_is_help=True)


@app.command("list")
def list_turns(
    contact: OfContact = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="Only this session.")
    ] = None,
    limit: Limit = 100,
    skip: Skip = 0,
    as_json: AsJson = False,
) -> None:
    """List turns, newest first."""
    from discreet.cli.printing import Column, print_page, when
    from discreet.domain.ids import SessionId
    from discreet.services import contacts, turns

    of_session = None if session is None else SessionId(whole_id("session", session))

    async def work(app: App) -> list[Turn]:
        of = None
        if contact is not None:
            of = (await contacts.find_contact(app.db, app.owner_id, contact)).contact.id
        return await turns.list_turns(
            app.db, app.owner_id, contact_id=of, session_id=of_session, limit=limit + 1, skip=skip
        )

    columns: list[Column[Turn]] = [
        Column("ID", lambda item: str(item.id), whole=True),
        Column("WITH", lambda item: item.whose),
        Column("STATE", lambda item: item.state),
        Column("ANSWER", lambda item: item.delivery.state if item.delivery else "-"),
        Column("STARTED", lambda item: when(item.started_at), whole=True),
    ]
    print_page(
        in_app(work), columns, _record, limit=limit, skip=skip, as_json=as_json,
        empty="No turns yet.",
    )  # fmt: skip


@app.command("show")
def show_turn(
    turn_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="A turn's id, or its first six characters."),
    ],
    rerun: Annotated[
        bool,
        typer.Option(
            "--rerun",
            help="Answer the same context again without saving or sending anything. What it costs"
            " counts as yours.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show a turn's context, memories with scores, tool calls, model and route."""
    from discreet.cli.printing import print_json
    from discreet.domain.ids import TurnId
    from discreet.services import turns
    from discreet.services.own_data import record_access
    from discreet.turn.dry_run import rehearse
    from discreet.turn.responders import make_responder

    wanted = TurnId(whole_id("turn", turn_id))

    async def work(app: App) -> tuple[TurnRecord, DryRun | None]:
        record = await turns.get_turn(app.db, app.owner_id, wanted)
        read = [one.id for one in record.read]
        await record_access(app.db, app.owner_id, read, "read", "terminal")
        if not rerun:
            return record, None
        responder = make_responder(app.settings)
        return record, await rehearse(app.db, app.owner_id, wanted, app.embedder(), responder)

    record, rerun_of_it = in_app(work)
    if as_json:
        print_json(_whole(record, rerun_of_it))
        return
    _print(record)
    if rerun_of_it is not None:
        _print_rerun(rerun_of_it)


def _print(record: TurnRecord) -> None:
    from discreet.cli.printing import print_text, when

    turn = record.turn
    route = " ".join(part for part in turn.route.values() if part)
    for title, value in (
        ("turn", str(turn.id)),
        ("session", str(turn.session_id)),
        ("with", f"{turn.agent} with {turn.whose}"),
        ("route", route),
        ("state", f"{turn.state}, attempt {turn.attempt}"),
        ("started", when(turn.started_at)),
        ("finished", when(turn.finished_at)),
        ("took", ", ".join(f"{name} {n:.2f} s" for name, n in record.stages.items()) or "-"),
        ("model", turn.model or "-"),
        *([("instead of", turn.instead_of)] if turn.instead_of else []),
        ("used", used_in_words(turn.usage)),
        ("error", turn.error or "-"),
        ("answer", _delivery(turn)),
        ("read", ", ".join(one.label for one in record.read) or "only the owner's rows"),
    ):
        print_text(f"{title:<10} {value}")
    _heading("Messages")
    for said in record.said:
        print_text(said)
    _heading("Memories and texts in the prompt")
    for found in record.found:
        now = found.get("now") or "kept"
        since = "" if now == "kept" else f"({now} since)"
        title = f"{_score(found)}  {found['kind']} {found['id'] or ''} {since}".rstrip()
        print_text(f"{title}\n    {found['text']}")
    _heading("Context: system")
    print_text(record.system or "-")
    _heading("Context: chat")
    for line in record.chat:
        print_text(f"[{line['role']}]\n{line['text']}")
    _heading("Tool calls")
    _print_steps(record.steps)
    if record.reasoning is not None:
        _heading("Reasoning (not shown to anybody)")
        print_text(record.reasoning)
    _heading("Answer")
    print_text(record.answer or "-")


def used_in_words(usage: Mapping[str, float]) -> str:
    """Format a turn's usage on one line: requests, tokens and money."""
    if not usage:
        return "-"
    cached, estimated = usage.get("cached_tokens", 0), usage.get("estimated_tokens", 0)
    parts = [
        f"{usage.get('requests', 0):,.0f} requests",
        f"{usage.get('input_tokens', 0):,.0f} tokens in"
        + (f" ({cached:,.0f} cached)" if cached else ""),
        f"{usage.get('output_tokens', 0):,.0f} out",
    ]
    if estimated:
        parts.append(f"{estimated:,.0f} of them estimated")
    if usage.get("cost"):
        parts.append(f"${usage['cost']:,.6f}")
    if usage.get("unpriced_tokens"):
        parts.append("price unknown")
    return ", ".join(parts)


def _delivery(turn: Turn) -> str:
    from discreet.cli.printing import when

    if turn.delivery is None:
        return "-"
    at = turn.delivery.read_at or turn.delivery.delivered_at or turn.delivery.sent_at
    why = f": {turn.delivery.error}" if turn.delivery.error else ""
    return f"{turn.delivery.state} {when(at) if at else ''}".strip() + why


def _print_rerun(rerun: DryRun) -> None:
    from discreet.cli.printing import print_text

    result = rerun.result
    _heading("Tool calls of the dry run")
    for step, source in zip(result.steps, rerun.sources, strict=True):
        print_text(f"({source})")
        _print_steps([{"tool": step.tool, "arguments": step.arguments, "result": step.result}])
    _heading(f"Answer of the dry run ({result.model}); nothing was saved or sent")
    print_text(result.text)
    print_text(f"Used, and counted as yours: {used_in_words(result.usage.as_json())}")


def _print_steps(steps: list[dict[str, Any]] | tuple[Mapping[str, Any], ...]) -> None:
    import json

    from discreet.cli.printing import print_text

    for step in steps:
        given = json.dumps(step["arguments"], ensure_ascii=False)
        print_text(f"{step['tool']} {given}\n{step['result']}".replace("\n", "\n    "))


def _heading(text: str) -> None:
    print(f"\n== {text}")


def _score(found: Mapping[str, Any]) -> str:
    """Format a score; knowledge loaded at the start of a turn has none."""
    return "known" if found["score"] is None else f"{found['score']:5.2f}"


def _whole(record: TurnRecord, rerun: DryRun | None) -> Mapping[str, Any]:
    whole = {**_record(record.turn), **record.model_dump(exclude={"turn"})}
    if rerun is not None:
        result = rerun.result
        whole["rerun"] = {
            "answer": result.text,
            "model": result.model,
            "steps": result.steps_as_json(),
            "sources": rerun.sources,
            "usage": result.usage_as_json(),
        }
    return whole


def _record(item: Turn) -> Mapping[str, Any]:
    return item.model_dump()
