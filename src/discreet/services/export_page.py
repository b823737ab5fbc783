"""The HTML page of an exported contact. No database access here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }}
p {{ white-space: pre-wrap; overflow-wrap: anywhere; margin: .2rem 0 1rem }}
small {{ color: #555 }}
</style>
<h1>{title}</h1>
"""

Records = Sequence[Mapping[str, Any]]


def page_of(records: Mapping[str, Records]) -> str:
    """Return HTML of a contact's records by kind, as in the archive.

    All text is escaped, and the page runs no script and loads nothing.
    """
    contact = records["contact"][0] if records["contact"] else {}
    addresses = [f"{row['platform']}:{row['platform_id']}" for row in records["addresses"]]
    title = contact.get("name") or (addresses[0] if addresses else "A contact")
    files: dict[str, list[Mapping[str, Any]]] = {}
    for row in records["attachments"]:
        files.setdefault(row["message_id"], []).append(row)
    parts = [_HEAD.format(title=escape(title))]
    parts += _lines("Addresses", addresses)
    parts += _lines("Also called", contact.get("aliases", ()))
    parts += _lines("Your remark", filter(None, [contact.get("note", "")]))
    parts += _section("Memories", records["memories"], _memory)
    parts += _section("Messages", records["messages"], lambda row: _message(row, files))
    parts += _section(
        "Messages in shared conversations", records["said_to_others"], lambda row: _message(row, {})
    )
    return (
        "".join(parts) + "<hr><small>The folder data has everything in machine-readable "
        "form.</small>\n</html>\n"
    )


def _section(title: str, rows: Records, each: Callable[[Mapping[str, Any]], str]) -> list[str]:
    if not rows:
        return []
    return [f"<h2>{escape(title)} ({len(rows)})</h2>\n", *(each(row) for row in rows)]


def _lines(title: str, values: Iterable[str]) -> list[str]:
    found = ", ".join(values)
    return [f"<p><small>{escape(title)}:</small> {escape(found)}</p>\n"] if found else []


def _memory(row: Mapping[str, Any]) -> str:
    return f"<small>{_moment(row['created_at'])}</small><p>{escape(row['content'])}</p>\n"


def _message(row: Mapping[str, Any], files: Mapping[str, Records]) -> str:
    inbound = row["direction"] == "in"
    who = (row["sender_name"] or row["sender_address"]) if inbound else row.get("agent", "")
    links = "".join(
        f'\n<a href="{escape(file["path"])}">{escape(file["name"] or file["kind"])}</a>'
        for file in files.get(row["id"], ())
    )
    head = f"<small>{_moment(row['created_at'])} {escape(who)}</small>"
    return f"{head}<p>{escape(row['text'])}{links}</p>\n"


def _moment(stored: str) -> str:
    return escape(stored[:16].replace("T", " "))
