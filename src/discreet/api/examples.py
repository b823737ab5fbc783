"""Examples of what the API answers, made from the description of its shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["example_of"]

_TEXTS = {
    "address": "web:anna",
    "addresses": "web:anna",
    "agent": "Ada",
    "answer": "Hello! How can I help?",
    "content": "Her dog is called Rex.",
    "cursor": "WyIyMDI2LTAxLTAy",
    "name": "Anna",
    "platform": "telegram",
    "sender_address": "web:anna",
    "sender_name": "Anna",
    "text": "Hello!",
    "token": "sb_...",
    "whose": "Anna",
}
_FORMATS = {
    "uuid": "0f8b1c9e-3c44-4f0b-9a53-0a4b3b9c2d11",
    "date-time": "2026-01-02T10:00:00Z",
    "duration": "PT1.5S",
}
_OPTIONAL_AND_EMPTY = frozenset({"error", "apology", "next"})
"""Fields that are null in the usual answer."""


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str = "") -> Any:
    """Return a value that fits a schema. ``name``: of the field, for a text that reads well."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas, name)
    for value in ("const", "default"):
        if value in schema and (value == "const" or schema[value] is not None):
            return schema[value]
    if "enum" in schema:
        return "answered" if "answered" in schema["enum"] else schema["enum"][0]
    if "anyOf" in schema:
        if name in _OPTIONAL_AND_EMPTY:
            return None
        return example_of(schema["anyOf"][0], schemas, name)
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            return {field: example_of(of, schemas, field) for field, of in fields.items()}
        case "array":
            return [example_of(schema["items"], schemas, name)] if "items" in schema else []
        case "integer" | "number":
            return max(schema.get("minimum", 1), 1)
        case "boolean":
            return False
        case "string":
            return _FORMATS.get(schema.get("format", ""), _TEXTS.get(name, ""))
    return None
