"""Export everything about one contact to an archive, for programs and people."""

from __future__ import annotations

import json
import mimetypes
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

from discreet.domain.canaries import check_leaving
from discreet.domain.errors import BadInput
from discreet.domain.ids import ContactId, OwnerId
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.contacts import find_contact
from discreet.services.export_page import page_of

_INDEX: LiteralString = "ARRAY['terms', 'tokens', 'embedder', 'embedding']"
# Search columns are left out, and so is a file's content, which is stored as a file.
_RECORDS: Mapping[str, LiteralString] = {
    "contact": "SELECT to_jsonb(r) - 'decoy' AS record FROM discreet.contacts r"
    " WHERE r.id = ANY (%(contacts)s) ORDER BY array_position(%(contacts)s, r.id)",
    "addresses": "SELECT to_jsonb(r) AS record FROM discreet.addresses r"
    " WHERE r.contact_id = ANY (%(contacts)s) ORDER BY r.created_at",
    "sessions": "SELECT to_jsonb(r) - 'seen_at' - 'active_hour' AS record"
    " FROM discreet.sessions r WHERE r.contact_id = ANY (%(contacts)s) ORDER BY r.created_at, r.id",
    "routes": "SELECT to_jsonb(r) || jsonb_build_object('platform', c.platform) AS record"
    " FROM discreet.routes r JOIN discreet.channels c ON c.id = r.channel_id"
    " WHERE r.contact_id = ANY (%(contacts)s) ORDER BY r.id",
    "messages": f"SELECT to_jsonb(r) - {_INDEX}"
    "   || jsonb_build_object('agent', a.name) AS record"
    " FROM discreet.messages r JOIN discreet.agents a ON a.id = r.agent_id"
    " WHERE r.contact_id = ANY (%(contacts)s) ORDER BY r.created_at, r.session_id, r.position",
    "said_to_others": f"SELECT to_jsonb(r) - {_INDEX} AS record"
    " FROM discreet.messages r WHERE r.sender_contact_id = ANY (%(contacts)s)"
    "   AND NOT coalesce(r.contact_id = ANY (%(contacts)s), false) ORDER BY r.created_at, r.id",
    "outbox": "SELECT to_jsonb(r) AS record FROM discreet.outbox r"
    " WHERE r.contact_id = ANY (%(contacts)s) ORDER BY r.created_at",
    # The agent's instructions and its model's reasoning belong to the owner; everything else is
    # about the contact.
    "turns": "SELECT to_jsonb(r) #- '{prompt,system}' || jsonb_build_object('steps',"
    "   jsonb_path_query_array(r.steps, '$[*] ? (!exists(@.reasoning))')) AS record"
    " FROM discreet.turns r"
    " WHERE r.contact_id = ANY (%(contacts)s) ORDER BY r.started_at, r.id",
    "drafts": "SELECT to_jsonb(r) AS record FROM discreet.drafts r"
    " WHERE r.contact_id = ANY (%(contacts)s)",
    "memories": f"SELECT to_jsonb(r) - {_INDEX} - 'digest' - 'decoy' AS record"
    " FROM discreet.memories r WHERE r.contact_id = ANY (%(contacts)s) ORDER BY r.created_at, r.id",
    "memory_history": f"SELECT to_jsonb(r) - {_INDEX} AS record"
    " FROM discreet.memory_history r"
    " WHERE r.contact_id = ANY (%(contacts)s) ORDER BY r.memory_id, r.version",
    "attachments": "SELECT to_jsonb(r) AS record FROM (SELECT f.id, f.owner_id, f.agent_id,"
    "     f.contact_id, f.session_id, f.message_id, f.position, f.kind, f.name, f.media_type,"
    "     f.size, f.state, f.refusal, f.created_at"
    "   FROM discreet.attachments f WHERE f.contact_id = ANY (%(contacts)s)) r"
    " ORDER BY r.created_at, r.id",
    "admissions": "SELECT to_jsonb(r) AS record FROM discreet.admissions r"
    " WHERE r.contact_id = ANY (%(contacts)s) ORDER BY r.created_at",
    # That there is one, and never what opens it.
    "connections": "SELECT jsonb_build_object('id', r.id, 'agent_id', r.agent_id, 'server', s.name,"
    "   'url', s.url, 'state', r.state, 'created_at', r.created_at, 'connected_at', r.connected_at)"
    "   AS record FROM discreet.connections r JOIN discreet.tool_servers s ON s.id = r.server_id"
    " WHERE r.contact_id = ANY (%(contacts)s) ORDER BY r.created_at, r.id",
    # Calls that waited for a yes, in groups those that it was asked about.
    "tool_calls": "SELECT jsonb_build_object('id', r.id, 'session_id', r.session_id, 'called',"
    "   r.called, 'arguments', r.arguments, 'shown_to', r.shown_to, 'state', r.state,"
    "   'created_at', r.created_at, 'expires_at', r.expires_at, 'decided_at', r.decided_at)"
    "   AS record FROM discreet.tool_calls r JOIN discreet.sessions s ON s.id = r.session_id"
    " WHERE s.contact_id = ANY (%(contacts)s) OR r.shown_to IN"
    "   (SELECT a.platform || ':' || a.platform_id FROM discreet.addresses a"
    "     WHERE a.contact_id = ANY (%(contacts)s)) ORDER BY r.created_at, r.id",
    "reminders": "SELECT to_jsonb(r) AS record FROM discreet.reminders r"
    " WHERE r.contact_id = ANY (%(contacts)s) OR r.asked_by = ANY (%(contacts)s)"
    " ORDER BY r.due_at, r.id",
    "contact_labels": "SELECT to_jsonb(r) AS record FROM discreet.contact_labels r"
    " WHERE r.contact_id = ANY (%(contacts)s) ORDER BY r.label",
    # Columns one by one, because the owner's role has no right to a pairing's code.
    "pairings": "SELECT jsonb_build_object('id', r.id, 'channel_id', r.channel_id, 'state',"
    "   r.state, 'issued_at', r.issued_at, 'expires_at', r.expires_at) AS record"
    " FROM discreet.pairings r WHERE r.contact_id = ANY (%(contacts)s)",
    "held_messages": "SELECT to_jsonb(r) AS record FROM discreet.held_messages r"
    " JOIN discreet.pairings p ON p.id = r.pairing_id"
    " WHERE p.contact_id = ANY (%(contacts)s) ORDER BY r.created_at",
    "quarantine": "SELECT to_jsonb(r) AS record FROM discreet.quarantine r"
    " JOIN discreet.channels c ON c.id = r.channel_id"
    " WHERE (c.owner_id, c.platform, "
    "   coalesce(r.inbound #>> '{group,address,platform_id}',"
    "     r.inbound #>> '{sender,address,platform_id}')) IN"
    "   (SELECT a.owner_id, a.platform, a.platform_id FROM discreet.addresses a"
    "     WHERE a.contact_id = ANY (%(contacts)s)) ORDER BY r.created_at",
    "links": "SELECT to_jsonb(r) AS record FROM discreet.links r"
    " WHERE r.survivor_id = ANY (%(contacts)s) ORDER BY r.linked_at",
    "wrong_codes": "SELECT jsonb_build_object('tried_at', r.tried_at) AS record"
    " FROM discreet.wrong_codes r WHERE r.contact_id = ANY (%(contacts)s) ORDER BY r.tried_at",
    "limits": "SELECT to_jsonb(r) AS record FROM discreet.limits r"
    " WHERE r.contact_id = ANY (%(contacts)s)",
    "limit_hits": "SELECT to_jsonb(r) AS record FROM discreet.limit_hits r"
    " WHERE r.contact_id = ANY (%(contacts)s) ORDER BY r.since",
    "access_log": "SELECT to_jsonb(r) AS record FROM (SELECT l.owner_id, l.contact_id, l.number,"
    "     l.did, l.place, l.noted_at, l.digest FROM discreet.access_log l"
    "   WHERE l.contact_id = ANY (%(contacts)s)) r ORDER BY r.contact_id, r.number",
    "tokens": "SELECT jsonb_build_object('id', r.id, 'name', r.name, 'prefix', r.prefix,"
    " 'created_at', r.created_at, 'expires_at', r.expires_at, 'revoked_at', r.revoked_at,"
    " 'last_used_at', r.last_used_at) AS record FROM discreet.tokens r"
    " WHERE r.contact_id = ANY (%(contacts)s) ORDER BY r.created_at",
}

# The contact first, then those that were merged into it.
_ONE_PERSON = """
    WITH RECURSIVE of_it AS (
      SELECT %(contact)s::uuid AS id, 0 AS depth
      UNION ALL
      SELECT c.id, o.depth + 1 FROM discreet.contacts c JOIN of_it o ON c.merged_into = o.id)
    SELECT id FROM of_it ORDER BY depth, id
"""


KEYS = ("owner_key", "scope_key")


@dataclass(frozen=True, slots=True)
class Export:
    """An archive. ``counts``: rows in it by kind; ``size`` in bytes."""

    contact_id: ContactId
    file: Path
    size: int
    counts: Mapping[str, int]


async def export_contact(
    db: ScopedDatabase,
    owner_id: OwnerId,
    who: str,
    to: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Export:
    """Write a zip file that only its writer can read (0600), whole or not at all.

    It contains ``data/KIND.jsonl`` with one JSON object per line, ``files/``, and ``contact.html``,
    a page to read. ``to`` defaults to ``contact-ID.zip`` in the current folder.

    Raises:
        NotFound, BadInput: as for ``find_contact``; or the file exists or can't be written.
    """
    contact = (await find_contact(db, owner_id, who)).contact
    file = to or Path(f"contact-{contact.id}.zip")
    if file.exists():
        raise BadInput(f"{file} already exists.", hint="Choose another file: --to FILE")
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with (
                os.fdopen(descriptor, "wb") as stream,
                zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
            ):
                async with db.snapshot(OwnerScope(owner_id)) as tx:
                    counts = await _write(tx, contact.id, archive, progress)
            os.link(draft, file)  # unlike a rename, it never replaces a file created meanwhile
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(
            f"{file} can't be written: {error.strerror}.", hint="Choose another file: --to FILE"
        ) from error
    return Export(contact.id, file.absolute(), file.stat().st_size, counts)


async def _write(
    tx: Transaction,
    contact_id: ContactId,
    archive: zipfile.ZipFile,
    progress: Callable[[str], None],
) -> dict[str, int]:
    counts: dict[str, int] = {}
    shown: dict[str, list[dict[str, Any]]] = {}
    joined = await tx.fetch(_ONE_PERSON, {"contact": contact_id})
    contacts = [row["id"] for row in joined]
    for kind, sql in _RECORDS.items():
        progress(f"Writing {kind.replace('_', ' ')}.")
        found = await tx.fetch(sql, {"contacts": contacts})
        records = [_without_keys(row["record"]) for row in found]
        lines = "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records)
        check_leaving(lines, "export")
        archive.writestr(f"data/{kind}.jsonl", lines)
        counts[kind] = len(records)
        if kind in ("contact", "addresses", "messages", "said_to_others", "memories"):
            shown[kind] = records
        if kind == "attachments":
            shown[kind] = await _write_files(tx, records, archive, progress)
    archive.writestr("contact.html", page_of(shown))
    return counts


def _without_keys(record: dict[str, Any]) -> dict[str, Any]:
    """Remove the columns that only the policies use."""
    return {name: value for name, value in record.items() if name not in KEYS}


async def _write_files(
    tx: Transaction,
    records: list[dict[str, Any]],
    archive: zipfile.ZipFile,
    progress: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Write the files one by one, because each may be large.

    The names are ours: a sender's file name could lead outside the folder it is unpacked into.
    """
    written = []
    for number, record in enumerate(records, 1):
        progress(f"Writing file {number} of {len(records)}.")
        if record["state"] != "kept":
            continue
        content = await tx.value(
            "SELECT content FROM discreet.attachments WHERE id = %(id)s", {"id": record["id"]}
        )
        suffix = mimetypes.guess_extension(record["media_type"]) or ".bin"
        path = f"files/{record['id']}{suffix}"
        archive.writestr(path, content)
        written.append(record | {"path": path})
    return written
