"""The last audit of an installation, kept in its home: a page, and a record for programs."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from discreet.audit.html_report import audit_page
from discreet.audit.report import Report
from discreet.audit.signing import fingerprint_of, own_key, sign_page, sign_record
from discreet.postgres.private_files import write_private

__all__ = ["keep", "last_record"]

PAGE, RECORD = "audit.html", "audit.json"


def keep(home: Path, report: Report) -> str:
    """Sign a report and keep it in the place of the last one; return its page.

    Raises:
        Unavailable, BadInput: the key can't be used.
    """
    key = own_key(home)
    page = sign_page(audit_page(report, fingerprint_of(key.public_key().public_bytes_raw())), key)
    write_private(home / PAGE, page)
    write_private(home / RECORD, json.dumps(sign_record(report.record, key), indent=1) + "\n")
    return page


def last_record(home: Path) -> dict[str, Any] | None:
    """Return the last report, or None if there is none that can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads((home / RECORD).read_text(encoding="utf-8"))["report"]
        return found if isinstance(found, dict) else None
    return None
