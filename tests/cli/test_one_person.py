"""The owner links, unlinks and erases contacts with commands."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.cli.conftest import Sb


def test_contacts_are_joined_after_a_look_and_parted_again(warm_sb: Sb) -> None:
    sb = warm_sb
    sb.answer("--sender", "telegram:3001", "-m", "Remember that my boat is called Alma.")
    sb.answer("--sender", "whatsapp:3001", "-m", "Remember that I live in Ghent.")
    pair = ("telegram:3001", "whatsapp:3001")
    look = sb("contacts", "link", *pair, "--preview")
    assert (look.returncode, look.stderr) == (0, "")
    assert "1 session, 2 messages, 1 memory" in look.stdout
    asked = sb("contacts", "link", *pair)
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    assert "Alma" not in sb.answer("--sender", "whatsapp:3001", "-m", "What is my boat called?")

    made = sb.json("contacts", "link", *pair, "--yes")
    assert made["addresses"] == ["whatsapp:3001"]
    assert "Alma" in sb.answer("--sender", "whatsapp:3001", "-m", "What is my boat called?")
    assert [one["id"] for one in sb.json("contacts", "links", "telegram:3001")] == [made["id"]]
    gone = sb("contacts", "show", made["merged_id"])
    assert gone.returncode == 2
    assert made["survivor_id"] in gone.stderr
    again = sb("contacts", "link", *pair, "--yes")
    assert (again.returncode, again.stdout) == (2, "")

    back = sb.json("contacts", "unlink", made["id"], "--preview")
    assert (back["memories"], back["said_since"]) == (1, 1)
    assert sb("contacts", "unlink", made["id"], "--yes").returncode == 0
    assert "Alma" not in sb.answer("--sender", "whatsapp:3001", "-m", "What is my boat called?")
    assert sb("contacts", "unlink", made["id"], "--yes").returncode == 2
    assert sb("contacts", "unlink", "nonsense", "--yes").returncode == 2


def test_two_codes_join_the_accounts_of_one_person(warm_sb: Sb) -> None:
    def link(sender: str, code: str = "") -> str:
        told = warm_sb.answer("--sender", sender, "-m", f"/link {code}".strip())
        found = re.search(r"/link ([A-Z2-9-]{9})", told)
        return found[1] if found else told

    warm_sb.answer("--sender", "telegram:3002", "-m", "Remember that my cat is called Mog.")
    back = link("web:3002", link("telegram:3002"))
    assert "accounts are linked" in link("telegram:3002", back)
    assert "Mog" in warm_sb.answer("--sender", "web:3002", "-m", "What is my cat called?")


def test_a_contact_is_erased_with_a_receipt_that_names_the_backups(sb: Sb, tmp_path: Path) -> None:
    sb.answer("--sender", "web:quuxkeeper", "-m", "Remember that my fish is called Quux.")
    backup = tmp_path / "before.zip"
    assert sb("backup", str(backup), "--plain", "--no-check").returncode == 0
    moved = tmp_path / "moved.zip"
    assert sb("backup", str(moved), "--plain", "--no-check").returncode == 0
    moved.unlink()
    look = sb.json("contacts", "erase", "web:quuxkeeper", "--preview")
    asked = sb("contacts", "erase", "web:quuxkeeper")
    assert asked.returncode == 2
    assert sb("contacts", "show", "web:quuxkeeper").returncode == 0

    receipt = sb.json("contacts", "erase", "web:quuxkeeper", "--yes")
    assert receipt["counts"] == look["counts"]
    assert [one["file"] for one in receipt["backups"]] == [str(backup)]
    assert receipt["id"] in [one["id"] for one in sb.json("contacts", "erasures")]
    assert "quuxkeeper" not in json.dumps(sb.json("contacts", "erasures"))
    assert sb("contacts", "erase", "web:quuxkeeper", "--yes").returncode == 2
    assert "Quux" not in sb.answer("--sender", "web:quuxkeeper", "-m", "What is my fish called?")
