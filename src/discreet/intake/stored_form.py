"""An Inbound as JSON and back, for what waits in quarantine."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from discreet.domain.inbound import Inbound

_ADAPTER: TypeAdapter[Inbound] = TypeAdapter(Inbound)


def to_json(inbound: Inbound) -> Any:
    """JSON-able form; invalid Unicode and NUL are replaced, since no text column takes them."""
    return _storable(_ADAPTER.dump_python(inbound, mode="json"))


def from_json(stored: Any) -> Inbound:
    """The Inbound that ``to_json`` gave.

    Raises:
        pydantic.ValidationError: it was written by something else.
    """
    return _ADAPTER.validate_python(stored, strict=False)


def _storable(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
        case dict():
            return {key: _storable(item) for key, item in value.items()}
        case list():
            return [_storable(item) for item in value]
        case _:
            return value
