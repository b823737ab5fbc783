"""Authenticate a request and find the scope it runs in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import Field

from discreet.api.problems import OtherContent
from discreet.app import App
from discreet.auth.rate_limits import RateLimit, StreamLimit
from discreet.auth.scopes import (
    NAMES_A_CONTACT,
    resolve_contact,
    scope_to_read,
    scope_to_write,
)
from discreet.auth.tokens import Bearer, authenticate, owner_of_metrics
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, Forbidden
from discreet.domain.ids import AgentId, ContactId, OwnerId
from discreet.memory.embedding import Embedder
from discreet.scope import ScopedDatabase
from discreet.scope.scopes import SessionScope
from discreet.services.context import OperationContext, in_scope


@dataclass(frozen=True, slots=True)
class Api:
    """The shared objects of all calls, created once per process."""

    app: App
    embedder: Embedder
    rate_limit: RateLimit
    streams: StreamLimit
    visitors: RateLimit


@dataclass(frozen=True, slots=True)
class Caller:
    """One call: its caller, token and services."""

    api: Api
    bearer: Bearer
    token: str = field(repr=False)

    @property
    def db(self) -> ScopedDatabase:
        """The scoped database."""
        return self.api.app.db

    @property
    def owner_id(self) -> OwnerId:
        """The owner to whom the token belongs, directly or indirectly."""
        return self.bearer.owner_id

    def context(self, scope: SessionScope) -> OperationContext:
        """Return the context of an operation in ``scope``."""
        return in_scope(self.db, scope, lambda: self.api.embedder, "api")


_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description=("A token from `sb tokens create`: an owner's, an agent's or a contact's."),
)


def refuse_other_content(request: Request) -> None:
    """Refuse a body that is not JSON, instead of answering that its fields are missing."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and "+json" in kind)
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in (
        request.headers
    )
    if request.scope["route"].body_field is not None and has_body and not is_json:
        raise OtherContent(
            f"This operation takes JSON, not {kind[:100]!a}."
            if kind
            else "This request has a body without a content type.",
            hint="Send it with the header Content-Type: application/json.",
        )


def _refuse_unknown(request: Request) -> None:
    """Reject unknown query parameters: ignoring one might ignore a scope."""
    if not request.query_params:
        return
    paths: dict[str, Any] = request.app.openapi()["paths"]
    operation = paths[request.scope["route"].path_format][request.method.lower()]
    known = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise RequestValidationError(
            [{"type": "extra_forbidden", "loc": ("query", name), "msg": ""} for name in unknown]
        )


async def caller(
    request: Request,
    shown: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    """Return the caller, if the token is valid."""
    api: Api = request.app.state.api
    token = "" if shown is None else shown.credentials
    bearer = await authenticate(api.app.db, token)
    api.rate_limit.take(bearer.token_id)
    refuse_other_content(request)
    _refuse_unknown(request)
    return Caller(api, bearer, token)


AnyCaller = Annotated[Caller, Depends(caller)]


async def owner_only(who: AnyCaller) -> Caller:
    """Return the caller if it is the owner."""
    if who.bearer.kind != "owner":
        raise Forbidden(
            "This operation needs an owner's token.", hint="Create one: sb tokens create --owner"
        )
    return who


OwnerCaller = Annotated[Caller, Depends(owner_only)]


async def metrics_reader(
    request: Request,
    shown: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> OwnerId:
    """Return the owner whose metrics may be read."""
    api: Api = request.app.state.api
    owner_id = await owner_of_metrics(api.app.db, "" if shown is None else shown.credentials)
    api.rate_limit.take(owner_id)
    _refuse_unknown(request)
    return owner_id


MetricsReader = Annotated[OwnerId, Depends(metrics_reader)]

AgentParameter = Annotated[
    UUID | None,
    Query(description="Run in the scope of this agent. Owner's tokens only."),
]
ContactParameter = Annotated[
    UUID | None,
    Query(
        description=(
            "Run in the scope of this contact and see only what it sees. Required with an"
            " agent's token; not allowed with a contact's token."
        )
    ),
]


SenderParameter = Annotated[
    str | None,
    Query(max_length=260, description="The contact's address, platform:id, instead of its id."),
]


async def _named_contact(
    who: Caller, contact_id: UUID | None, sender: str | None, *, create: bool
) -> ContactId | None:
    """Return the contact that a call names, by its id or by its address."""
    if sender is None:
        return None if contact_id is None else ContactId(contact_id)
    if contact_id is not None:
        raise BadInput("sender and contact_id can't be used together.", hint="Give one of them.")
    if who.bearer.kind == "contact":
        raise Forbidden(NAMES_A_CONTACT)
    address = Address.parse(sender)
    return (await resolve_contact(who.db, who.bearer, address, auto_create=create)).contact.id


async def read_scope(
    who: AnyCaller,
    agent_id: AgentParameter = None,
    contact_id: ContactParameter = None,
    sender: SenderParameter = None,
) -> SessionScope:
    """Return the scope in which a call reads."""
    return await scope_to_read(
        who.db,
        who.bearer,
        None if agent_id is None else AgentId(agent_id),
        await _named_contact(who, contact_id, sender, create=False),
    )


async def write_scope(
    who: AnyCaller,
    agent_id: AgentParameter = None,
    contact_id: ContactParameter = None,
    sender: SenderParameter = None,
) -> SessionScope:
    """Return the scope in which a call creates something. A new address gets a contact."""
    return await scope_to_write(
        who.db,
        who.bearer,
        None if agent_id is None else AgentId(agent_id),
        await _named_contact(who, contact_id, sender, create=True),
    )


ReadScope = Annotated[SessionScope, Depends(read_scope)]
WriteScope = Annotated[SessionScope, Depends(write_scope)]

Line = Annotated[str, Field(max_length=200)]
