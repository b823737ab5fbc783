"""The client, installed without the server."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

from tests.docs.pages import ROOT

NEEDED = (
    "annotated-types", "anyio", "certifi", "h11", "httpcore", "httpx", "idna", "pydantic",
    "pydantic-core", "typing-extensions", "typing-inspection",
)  # fmt: skip
USE = """
import sys
sys.path.append(sys.argv[1])
from discreet.client import Client
client = Client("http://127.0.0.1:1", "sb_x")
print(len([name for name in dir(client) if not name.startswith("_")]))
for module in ("fastapi", "psycopg", "discreet.app", "discreet.services"):
    try:
        __import__(module)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{module} is there")
"""


def test_the_client_needs_httpx_and_pydantic_alone(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT / "client", check=True, capture_output=True)
    [wheel] = tmp_path.glob("discreet_client-*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
        [metadata] = [name for name in packed.namelist() if name.endswith("METADATA")]
        required = [
            line for line in packed.read(metadata).decode().splitlines() if "Requires-Dist" in line
        ]
    assert [line.split()[1].split(">")[0] for line in required] == ["httpx", "pydantic"]
    for name in NEEDED:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
            place = Path(str(found.locate_file(top)))
            if not (site / top).exists() and top != "__pycache__":
                (site / top).symlink_to(place)
    used = subprocess.run(
        [sys.executable, "-I", "-S", "-c", USE, str(site)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert used.returncode == 0, used.stderr
    assert int(used.stdout) > 60
