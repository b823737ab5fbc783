"""The shared input of every view."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.rendering import Renderer
from discreet.dashboard.security import Site
from discreet.domain.errors import BadInput
from discreet.domain.ids import OwnerId
from discreet.schemas.own_data import Did
from discreet.scope import ScopedDatabase
from discreet.services.own_data import record_access

if TYPE_CHECKING:
    from discreet.app import App

PAGE_ITEMS = 50
Asked = TypeVar("Asked", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The installation that the dashboard shows."""

    app: App
    renderer: Renderer
    site: Site

    @property
    def db(self) -> ScopedDatabase:
        return self.app.db

    @property
    def owner_id(self) -> OwnerId:
        return self.app.owner_id

    async def note(self, did: Did, *contact_ids: UUID | None) -> None:
        """Record that a person read or changed these contacts' data here."""
        await record_access(self.db, self.owner_id, contact_ids, did, "dashboard")


View = Callable[[Dashboard, Request], Awaitable[Response]]
Views = tuple[tuple[str, str, View], ...]
"""Method, path and function."""


def form_of(request: Request) -> FormData:
    """Return the form that a request sent, to be filled in again; empty where it sent none."""
    form = getattr(request.state, "form", None)
    return form if isinstance(form, FormData) else FormData()


def text_of(form: FormData, field: str) -> str:
    """Return a field of a form; empty if it is missing."""
    value = form.get(field, "")
    return value if isinstance(value, str) else ""


def words_of(form: FormData, field: str) -> list[str]:
    """Return the words of a field, which commas, spaces and ends of lines separate."""
    return text_of(form, field).replace(",", " ").split()


def number_of(form: FormData, field: str) -> float:
    """Return a number of a form.

    Raises:
        BadInput: it is none.
    """
    try:
        return float(text_of(form, field))
    except ValueError:
        raise BadInput(f"{field.replace('_', ' ').capitalize()}: a number is needed.") from None


def checked(schema: type[Asked], **given: Any) -> Asked:
    """Build the request of an operation from fields of a form.

    Raises:
        BadInput: a field is out of range.
    """
    try:
        return schema.model_validate(given)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = " ".join(str(part) for part in wrong["loc"]).replace("_", " ")
        why = wrong["msg"].removeprefix("Value error, ")
        raise BadInput(f"{name.capitalize()}: {why[:1].lower()}{why[1:]}.") from None


def id_of(request: Request, name: str = "id") -> UUID:
    """Return an id from the path.

    Raises:
        HTTPException: 404, it is not an id.
    """
    try:
        return UUID(request.path_params[name])
    except ValueError:
        raise HTTPException(404, "There is no such page.") from None


def skip_of(request: Request) -> int:
    """How many items of a list come before this page."""
    given = request.query_params.get("skip", "0")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
