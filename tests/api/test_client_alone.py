"""The client, installed without the server."""

from __future__ import annotations

import subprocess
import sys
import tarfile
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


def _build(project: Path, target: str, folder: Path) -> Path:
    build = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(build, cwd=project, check=True, capture_output=True)
    [built] = folder.glob("discreet_client-*")
    return built


def test_a_wheel_of_the_source_distribution_has_the_files_of_a_wheel_of_the_checkout(
    tmp_path: Path,
) -> None:
    with tarfile.open(_build(ROOT / "client", "sdist", tmp_path / "sdist")) as packed:
        packed.extractall(tmp_path, filter="data")
    [unpacked] = tmp_path.glob("discreet_client-*")
    names = [
        zipfile.ZipFile(_build(project, "wheel", tmp_path / folder)).namelist()
        for project, folder in ((ROOT / "client", "one"), (unpacked, "other"))
    ]
    assert {"discreet/client/__init__.py", "discreet/py.typed"} <= set(names[0])
    assert names[0] == names[1]


def test_the_client_needs_httpx_and_pydantic_alone(tmp_path: Path) -> None:
    wheel = _build(ROOT / "client", "wheel", tmp_path)
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
