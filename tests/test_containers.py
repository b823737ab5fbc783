"""The files that images and containers are made from; ``scripts/try-compose`` runs them."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import yaml

from tests.docs.pages import DOCS, ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
OURS = {name: one for name, one in COMPOSE["services"].items() if one["image"] == "discreet"}


def test_the_image_is_built_from_the_file_that_there_is() -> None:
    # Without a name Docker looks for a Dockerfile.
    for service in OURS.values():
        assert (ROOT / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_what_the_image_copies_is_sent_to_the_engine_and_nothing_else() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Containerfile").read_text(), re.M)
    sent = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.M)
    assert sorted(" ".join(copied).split()) == sorted(sent)
    assert all((ROOT / name).exists() for name in sent)


def test_only_the_server_is_asked_for_its_health() -> None:
    asked = {name for name, one in OURS.items() if "healthcheck" not in one}
    assert asked == {"server"}


def test_every_container_is_without_privileges_on_a_read_only_root() -> None:
    assert set(OURS) == {"setup", "server", "backup"}
    for service in OURS.values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["init"]  # so that a server that is still starting can be stopped
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.search(r"^USER \d+$", (ROOT / "Containerfile").read_text(), re.M)


def test_the_secrets_are_made_as_the_page_says_and_never_committed() -> None:
    page = (DOCS / "deployment.md").read_text()
    for secret in COMPOSE["secrets"].values():
        assert f"> {secret['file']}\n" in page
    files = ["discreet.env", *(secret["file"] for secret in COMPOSE["secrets"].values())]
    ignored = subprocess.run(
        ["git", "check-ignore", *files], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ignored.stdout.split() == files
