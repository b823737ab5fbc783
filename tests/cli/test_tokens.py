"""Tokens, and a message that names what it replies to, at the terminal."""

from __future__ import annotations

from tests.cli.conftest import Sb


def test_a_token_is_created_for_a_contact_that_is_new_or_for_metrics(warm_sb: Sb) -> None:
    unknown = warm_sb("tokens", "create", "--contact", "web:anna")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    made = warm_sb("tokens", "create", "--contact", "web:anna", "--create", "--expires", "1h")
    assert (made.returncode, made.stdout[:3]) == (0, "sb_")
    assert warm_sb("tokens", "create", "--metrics").returncode == 0
    both = warm_sb("tokens", "create", "--metrics", "--owner")
    assert both.returncode == 2
    listed = warm_sb.json("tokens", "list")
    assert [(one["kind"], one["of"]) for one in listed[:2]] == [
        ("metrics", ""),
        ("contact", "web:anna"),
    ]
    assert warm_sb.json("tokens", "list", "--minted") == []


def test_a_message_names_what_it_replies_to_among_its_senders_own(warm_sb: Sb) -> None:
    for who in ("web:3101", "web:3102"):
        warm_sb.answer("--sender", who, "-m", "Hello!")
    ids = {}
    for session in warm_sb.json("sessions", "list"):
        shown = warm_sb.json("sessions", "show", session["id"])
        ids[session["whose"]] = shown["transcript"][0]["id"]
    own, other = ids["web:3101"], ids["web:3102"]
    warm_sb.answer("--sender", "web:3101", "-m", "That one.", "--replies-to", own)
    refused = warm_sb("chat", "--sender", "web:3101", "-m", "That one.", "--replies-to", other)
    assert refused.returncode == 2
    assert "no such message" in refused.stderr.lower()
    assert warm_sb("chat", "--replies-to", own).returncode == 2
