"""What the screenshots of the documentation are made of: they are stale once that changes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import discreet.dashboard

ROOM, HERE = Path(discreet.dashboard.__file__).parent, Path(__file__).parent
STORED = HERE.parents[1] / "docs" / "images" / "dashboard.sha256"
TEMPLATES = (
    "about", "base", "column", "contact", "contacts", "home", "inbox", "lines", "macros",
    "simulator", "turn",
)  # fmt: skip
"""Those of the pages in the pictures. What needs attention is mostly not in them."""


def digest() -> str:
    """Return the digest of the templates, the styles, the icons, and the people in the pictures."""
    files = [
        *(ROOM / "templates" / f"{name}.html" for name in TEMPLATES),
        *sorted((ROOM / "static").iterdir()),
        ROOM / "icons.py",
        HERE / "people.py",
        HERE / "screenshots.py",
    ]
    return hashlib.sha256(b"\n".join(file.read_bytes() for file in files)).hexdigest()
