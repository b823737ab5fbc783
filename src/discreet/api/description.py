"""The description of the API (OpenAPI), with errors as the problems they are and with examples."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from discreet.api.examples import example_of
from discreet.api.problems import documented_one
from discreet.schemas.problems import Problem

DESCRIPTION = """\
One AI agent, many people, every one of them private.

Every request needs a token (`Authorization: Bearer sb_...`) and runs in that token's scope: the
owner's, one contact's, or, with an agent's token, the scope of the contact that the request names.
Anything outside the scope answers exactly as if it did not exist. Unknown parameters and fields are
rejected.

Errors are problem details (RFC 9457). Lists are paginated: pass `next` as `cursor` to get the next
page.
"""


_built: dict[str, Any] = {}
"""It takes most of a second to build, and is the same for every application of a process."""


def describe(api: FastAPI) -> None:
    """Build the description at the first request for it."""

    def build() -> dict[str, Any]:
        if not _built:
            _built.update(_build(api))
        return _built

    api.openapi = build  # type: ignore[method-assign]


def _build(api: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title=api.title,
        version=api.version,
        description=api.description,
        routes=api.routes,
        servers=[{"url": "/", "description": "The server that this description came from."}],
    )
    schemas = schema["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    described = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= described.pop("$defs")
    schemas["Problem"] = described
    for operations in schema["paths"].values():
        for operation in operations.values():
            # The first sentence of the docstring; FastAPI would take the name of the function.
            first = operation["description"].partition("\n\n")[0].replace("\n", " ")
            operation["summary"] = first.partition(". ")[0].rstrip(".") + "."
            if "requestBody" in operation:
                operation["responses"]["415"] = documented_one(415)
            for status, response in operation["responses"].items():
                body = response.get("content", {}).get("application/json")
                if body is not None and status.startswith("2"):
                    body["example"] = example_of(body["schema"], schemas)
    return schema
