"""Settings of the installation, its limits, what it used, its backups and the quarantine."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import get_args

from pydantic import SecretStr, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from discreet.audit.last_report import last_record
from discreet.audit.schedule import load_audit_schedule, remove_audit_schedule
from discreet.dashboard.context import Dashboard, Views, text_of
from discreet.dashboard.rendering import go_to
from discreet.domain.errors import BadInput
from discreet.postgres.backup import backup as write_backup
from discreet.postgres.backup_encryption import BackupKeys, Plain, keys_of_passphrase
from discreet.postgres.backup_schedule import backup_name, load_schedule, remove_schedule
from discreet.schemas.limits import BudgetToSet, ContactLimits
from discreet.schemas.operations import UsageBy
from discreet.services import (
    agents,
    backups,
    budgets,
    contacts,
    erasing,
    limits,
    linking,
    quarantine,
    usage,
)
from discreet.settings import Settings

DAYS_OF_USAGE = 30
LINES_OF_USAGE = 200


async def show(dashboard: Dashboard, request: Request) -> Response:
    """Show every setting with its value, secrets apart."""
    settings = dashboard.app.settings
    shown = [
        (f"DISCREET_{name.upper()}", _shown(getattr(settings, name)), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    return dashboard.renderer.page(
        request,
        "settings.html",
        settings=shown,
        audit=last_record(settings.home),
        audits=load_audit_schedule(settings.home),
    )


async def stop_audits(dashboard: Dashboard, _: Request) -> Response:
    """Stop the scheduled audits."""
    ended = remove_audit_schedule(dashboard.app.settings.home)
    return go_to(
        "/settings", "The server runs no more audits." if ended else "No audits are scheduled."
    )


async def show_limits(dashboard: Dashboard, request: Request) -> Response:
    """Show the limits of everybody, or of one contact."""
    who = request.query_params.get("contact") or None
    found = await limits.get_limits(dashboard.db, dashboard.owner_id, who)
    whose = None
    if who is not None:
        whose = (await contacts.find_contact(dashboard.db, dashboard.owner_id, who)).contact
    return dashboard.renderer.page(
        request,
        "limits.html",
        limits=found,
        who=who or "",
        whose=whose,
        budgets=await budgets.list_budgets(dashboard.db, dashboard.owner_id),
        agents=await agents.names_of_agents(dashboard.db, dashboard.owner_id),
    )


async def set_limits(dashboard: Dashboard, request: Request) -> Response:
    """Set limits, or take those of one contact away."""
    form, who = request.state.form, text_of(request.state.form, "contact") or None
    back = f"/limits?contact={who}" if who else "/limits"
    if text_of(form, "what") == "reset":
        await limits.reset_limits(dashboard.db, dashboard.owner_id, who)
        return go_to(back, "Reset.")
    given = {name: text_of(form, name).strip() for name in ContactLimits.model_fields}
    try:
        wanted = ContactLimits.model_validate({name: n for name, n in given.items() if n})
    except ValidationError as error:
        [name, *_] = error.errors()[0]["loc"]
        raise BadInput(f"{str(name).replace('_', ' ')}: a number is needed.") from None
    await limits.set_limits(dashboard.db, dashboard.owner_id, who, wanted)
    return go_to(back, "Saved. It applies from the next message.")


async def set_budget(dashboard: Dashboard, request: Request) -> Response:
    """Set what an agent, or all of them together, may use a day; or take it away."""
    form, db, owner_id = request.state.form, dashboard.db, dashboard.owner_id
    agent = text_of(form, "budget_agent") or None
    if text_of(form, "what") == "remove":
        await budgets.remove_budget(db, owner_id, agent)
        return go_to("/limits", "Removed.")
    given = {name: text_of(form, name).strip() for name in ("tokens_a_day", "money_a_day")}
    try:
        wanted = BudgetToSet.model_validate(
            {"agent": agent, **{name: n for name, n in given.items() if n}}
        )
    except ValidationError:
        raise BadInput("A budget needs numbers.", hint="Tokens, or US dollars such as 5.") from None
    await budgets.set_budget(db, owner_id, wanted)
    return go_to("/limits", "Saved.")


async def show_usage(dashboard: Dashboard, request: Request) -> Response:
    """Show what answers cost."""
    wanted = request.query_params.get("by")
    by: UsageBy = next((one for one in get_args(UsageBy) if one == wanted), "day")
    found = await usage.get_usage(dashboard.db, dashboard.owner_id, by, DAYS_OF_USAGE)
    # Days are in order; of everything else, what cost most comes first.
    lines = [line for line in reversed(found.items) if line.turns] if by == "day" else found.items
    return dashboard.renderer.page(
        request,
        "usage.html",
        usage=found,
        lines=lines[:LINES_OF_USAGE],
        by=by,
        ways=get_args(UsageBy),
    )


async def show_backups(dashboard: Dashboard, request: Request) -> Response:
    """List the backups that are still where they were written, and receipts of erasures."""
    found = backups.list_backups(dashboard.app.settings.home)
    return dashboard.renderer.page(
        request,
        "backups.html",
        backups=found.items,
        schedule=found.schedule,
        problem=backups.backup_problem(dashboard.app.settings.home),
        erasures=await erasing.list_erasures(dashboard.db, dashboard.owner_id),
    )


async def back_up(dashboard: Dashboard, request: Request) -> Response:
    """Write a backup, encrypted as the schedule's or as asked; or end the schedule."""
    settings = dashboard.app.settings
    if text_of(request.state.form, "what") == "stop":
        ended = remove_schedule(settings.home)
        done = "The server makes no more backups." if ended else "No backups are scheduled."
        return go_to("/backups", done)
    passphrase = text_of(request.state.form, "passphrase")
    schedule = load_schedule(settings.home)
    if passphrase:
        keys: BackupKeys | Plain = await asyncio.to_thread(keys_of_passphrase, passphrase)
    elif schedule is not None:
        keys = schedule.keys
    else:
        raise BadInput("A backup is encrypted.", hint="Enter a passphrase for it.")
    folder = settings.home / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / backup_name(datetime.now(UTC))
    await asyncio.to_thread(write_backup, settings, file, keys=keys, check=True)
    return go_to("/backups", f"Written and checked: {file}.")


async def show_quarantine(dashboard: Dashboard, request: Request) -> Response:
    """List messages whose sender could not be resolved."""
    found = await quarantine.list_quarantine(dashboard.db, dashboard.owner_id)
    return dashboard.renderer.page(request, "quarantine.html", messages=found)


async def retry_quarantine(dashboard: Dashboard, _: Request) -> Response:
    """Try now to find their senders."""
    done = await quarantine.retry_quarantine(dashboard.db, dashboard.owner_id, None)
    return go_to("/quarantine", f"{done.tried} tried, {done.released} released.")


async def show_links(dashboard: Dashboard, request: Request) -> Response:
    """List contacts that were merged."""
    found = await linking.list_links(dashboard.db, dashboard.owner_id)
    return dashboard.renderer.page(request, "links.html", links=found)


async def undo_link(dashboard: Dashboard, request: Request) -> Response:
    """Take a merge back."""
    link = text_of(request.state.form, "link")
    await linking.undo_link(dashboard.db, dashboard.owner_id, link)
    return go_to("/links", "Undone.")


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "(set)"
    return "" if value is None else str(value)


VIEWS: Views = (
    ("GET", "/settings", show),
    ("POST", "/settings/audits", stop_audits),
    ("GET", "/limits", show_limits),
    ("POST", "/limits", set_limits),
    ("POST", "/budgets", set_budget),
    ("GET", "/usage", show_usage),
    ("GET", "/backups", show_backups),
    ("POST", "/backups", back_up),
    ("GET", "/quarantine", show_quarantine),
    ("POST", "/quarantine", retry_quarantine),
    ("GET", "/links", show_links),
    ("POST", "/links", undo_link),
)
