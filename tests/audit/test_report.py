"""The report of an audit: for people, for programs, and signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from discreet.audit.findings import Finding
from discreet.audit.html_report import audit_page
from discreet.audit.last_report import keep, last_record
from discreet.audit.progress import AttackOutcome, Seen
from discreet.audit.report import AuditedAgent, Report
from discreet.audit.signing import fingerprint_of, own_key, sign_page, sign_record, verify
from discreet.domain.errors import BadInput, Unavailable

HELD = Report(
    "1.0", "shop", "7", "2026-01-02T03:04:05+00:00", "2026-01-02T03:05:05+00:00",
    [AuditedAgent("Ada <b>", None, "per_contact")], [],
    [AttackOutcome("Ada <b>", "asking", at, "What is it?", 1) for at in range(8)], [],
    {"owners": 1},
)  # fmt: skip
SEEN = Seen("victim", "attacker", "mcp: get", "base64", "<script>x</script>")
LEAKED = Report(
    "1.0", "shop", "7", "a", "b", [AuditedAgent("Ada", "openai:x", "per_contact")],
    [Finding("schema", "leak", "A policy is gone.", "policy x", "Restore it.")],
    [
        AttackOutcome("Ada", "ids", 0, "calls", 0, (SEEN,)),
        AttackOutcome("Ada", "ids", 1, "calls", 2, (), 1),
    ],
    [Seen("owner", "attacker", "rows: discreet.turns", "-", "")],
)  # fmt: skip


def test_the_rate_counts_what_was_answered_and_a_leak_anywhere_is_one() -> None:
    assert not HELD.leaks
    [rate] = HELD.rates
    assert (rate.tried, rate.leaked, rate.low, round(rate.high, 2)) == (8, 0, 0.0, 0.32)
    assert LEAKED.leaks
    [rate] = LEAKED.rates
    assert (rate.tried, rate.leaked, rate.unanswered) == (1, 1, 1)
    for part in ("findings", "outcomes", "traces"):
        alone = {name: [] for name in ("findings", "outcomes", "traces") if name != part}
        assert Report(**{**vars(LEAKED), **alone}).leaks, part


def test_the_page_says_what_held_and_what_to_do_and_loads_and_runs_nothing() -> None:
    held, leaked = audit_page(HELD, "ab cd"), audit_page(LEAKED, "ab cd")
    assert "Nothing leaked" in held
    assert "0% to 32%" in held
    assert "Ada &lt;b&gt;" in held
    assert "<h2>Leaks" not in held
    for told in ("Something leaks", "Restore it.", "rows: discreet.turns", "base64"):
        assert told in leaked
    assert "&lt;script&gt;" in leaked
    for page in (held, leaked):
        assert "<script" not in page
        assert "http://" not in page
        assert "https://" not in page
        assert "src=" not in page


def test_a_signature_holds_until_anything_is_altered(tmp_path: Path) -> None:
    key = own_key(tmp_path)
    assert own_key(tmp_path).private_bytes_raw() == key.private_bytes_raw()
    assert (tmp_path / "audit-key").stat().st_mode & 0o077 == 0
    public = key.public_key().public_bytes_raw()
    page = sign_page(audit_page(HELD, fingerprint_of(public)), key).encode()
    text = json.dumps(sign_record(HELD.record, key), indent=1).encode()
    for whole in (page, text):
        assert verify(whole).fingerprint == fingerprint_of(public)
    for before, after in (
        (b"Nothing leaked", b"Nothing leakes"), (b"0% to 32%", b"0% to 3%"),
    ):  # fmt: skip
        with pytest.raises(BadInput):
            verify(page.replace(before, after))
    for changed in (
        page + b"<p>More.</p>",
        page.replace(b"</html>", b"</html> "),
        text.replace(b'"leaks": false', b'"leaks": true'),
        text.replace(b'"seed": "7"', b'"seed": "8"'),
        json.dumps({**json.loads(text), "more": 1}).encode(),
        json.dumps(HELD.record).encode(),
        b"",
        b"[]",
    ):
        with pytest.raises(BadInput):
            verify(changed)


def test_anothers_key_signs_for_another(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    mine, other = own_key(tmp_path / "a"), own_key(tmp_path / "b")
    signed = verify(json.dumps(sign_record(HELD.record, other)).encode())
    assert signed.public_key != mine.public_key().public_bytes_raw()


def test_a_key_that_others_can_read_or_that_is_none_signs_nothing(tmp_path: Path) -> None:
    own_key(tmp_path)
    (tmp_path / "audit-key").chmod(0o644)
    with pytest.raises(Unavailable):
        own_key(tmp_path)
    (tmp_path / "audit-key").chmod(0o600)
    (tmp_path / "audit-key").write_text("not a key")
    with pytest.raises(BadInput):
        own_key(tmp_path)


def test_the_last_report_is_kept_in_the_home_private_and_signed(tmp_path: Path) -> None:
    assert last_record(tmp_path) is None
    keep(tmp_path, LEAKED)
    page = keep(tmp_path, HELD)
    assert (tmp_path / "audit.html").read_text() == page
    for name in ("audit.html", "audit.json"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
        assert verify((tmp_path / name).read_bytes()).public_key == (
            own_key(tmp_path).public_key().public_bytes_raw()
        )
    assert last_record(tmp_path) == json.loads(json.dumps(HELD.record))
    (tmp_path / "audit.json").write_text("{")
    assert last_record(tmp_path) is None
