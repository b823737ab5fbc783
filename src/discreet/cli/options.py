"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

Request = TypeVar("Request", bound="BaseModel")

AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON array.")]
OfContact = Annotated[
    str | None,
    typer.Option("--contact", metavar="WHO", help="Only this contact: its id, address or name."),
]
MAX_ROWS = 1_000_000_000
Limit = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, max=MAX_ROWS, help="Show at most N.")
]
Skip = Annotated[
    int, typer.Option("--skip", metavar="N", min=0, max=MAX_ROWS, help="Skip the first N.")
]

_ADMIN_URL_HELP = "postgresql://admin:password@host/postgres. It is used once and not stored."
NeededAdminUrl = Annotated[
    str,
    typer.Option("--admin-url", metavar="URL", envvar="DISCREET_ADMIN_URL", help=_ADMIN_URL_HELP),
]
AdminUrl = Annotated[
    str | None,
    typer.Option(
        "--admin-url",
        metavar="URL",
        envvar="DISCREET_ADMIN_URL",
        help=f"For a server of your own: {_ADMIN_URL_HELP}",
    ),
]
InstallationName = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="NAME",
        envvar="DISCREET_INSTALLATION",
        help=(
            "The installation's name, which is part of its roles' and its database's names. "
            "Installations with different names can share a server."
        ),
    ),
]
ResetRoles = Annotated[
    bool,
    typer.Option(
        "--reset-roles",
        help=(
            "Give the installation's roles new passwords. Anything that uses the old ones "
            "stops working."
        ),
    ),
]


def checked(schema: type[Request], **given: Any) -> Request:
    """Build the request of an operation from options.

    Raises:
        BadInput: an option is out of range.
    """
    from pydantic import ValidationError

    from discreet.domain.errors import BadInput

    try:
        return schema(**given)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
        # Of a union, pydantic names the type too: it is nothing that was typed.
        places = [
            f"no. {at + 1}" if isinstance(at, int) else at
            for at in wrong["loc"]
            if isinstance(at, int) or at.isidentifier()
        ]
        name = " ".join(places).replace("_", " ")
        why = wrong["msg"].removeprefix("Value error, ")
        field = schema.model_fields.get(str(wrong["loc"][0])) if wrong["loc"] else None
        if wrong["type"] == "string_pattern_mismatch" and field is not None and field.description:
            # The description says in words what the pattern says.
            raise BadInput(f"This {name} can't be used.", hint=field.description) from None
        raise BadInput(f"{name}: {why[:1].lower()}{why[1:]}.") from None
