"""Convert an Inbound to JSON and back, for the quarantine."""

from __future__ import annotations

import re
from typing import Any

from pydantic import TypeAdapter

from discreet.domain.inbound import Inbound

_ADAPTER: TypeAdapter[Inbound] = TypeAdapter(Inbound)


# PostgreSQL text columns reject these.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# Ids can't contain this, so an id that had to be changed never becomes somebody else's.
_REFUSED = "\uffff"


def to_json(inbound: Inbound) -> Any:
    """Serialize a message to JSON, replacing NUL and invalid Unicode.

    In the text they become readable; elsewhere they become characters that are also rejected.
    """
    form = _ADAPTER.dump_python(inbound, mode="json")
    return _storable(form) | {"text": _UNSTORABLE.sub("\ufffd", inbound.text)}


def from_json(stored: Any) -> Inbound:
    """Return the Inbound that ``to_json`` serialized.

    Raises:
        pydantic.ValidationError: it was written by something else.
    """
    return _ADAPTER.validate_python(stored, strict=False)


def _storable(value: Any) -> Any:
    match value:
        case str():
            return _UNSTORABLE.sub(_REFUSED, value)
        case dict():
            return {key: _storable(item) for key, item in value.items()}
        case list():
            return [_storable(item) for item in value]
        case _:
            return value
