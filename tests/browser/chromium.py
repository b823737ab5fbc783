"""A browser for the tests: on Linux x64 one that needs no root, elsewhere an installed Chrome.

``python -m tests.browser.chromium`` fetches it, so that no test has to.
"""

from __future__ import annotations

import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import npm

HERE = Path(__file__).parent
NAMES = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
MISSING = (
    "The tests of the dashboard need Chrome or Chromium on this machine: install one, or name it"
    " with CHROME=/path/to/chrome."
)
# Its own font alone, so that pictures come out the same on every machine.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}/fonts</dir><cachedir>{folder}/cache</cachedir></fontconfig>
"""
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-zygote",
    "--headless=new",
    "--hide-scrollbars",
)


@dataclass(frozen=True)
class Chromium:
    """How to start a browser; ``axe``: the source of the accessibility checks."""

    executable: str
    environment: dict[str, str] = field(default_factory=dict)
    axe: str = ""


def find_chromium() -> Chromium:
    """Return the browser of this machine, fetched first where that is possible.

    Raises:
        RuntimeError: There is none; its message says how to get one.
    """
    modules = npm.install(HERE) / "node_modules"
    axe = (modules / "axe-core/axe.min.js").read_text()
    named = os.environ.get("CHROME")
    if named:
        return Chromium(named, axe=axe)
    if sys.platform == "linux" and platform.machine() == "x86_64":
        return _fetched(modules / "@sparticuz/chromium/bin", axe)
    found = next(filter(None, map(shutil.which, NAMES)), None) or (str(MAC) if MAC.exists() else "")
    if not found:
        raise RuntimeError(MISSING)
    return Chromium(found, axe=axe)


def _fetched(packed: Path, axe: str) -> Chromium:
    folder = packed.parent / "unpacked"
    if not folder.exists():
        _unpack(packed, folder)
    environment = {
        "LD_LIBRARY_PATH": str(folder / "lib"),
        "FONTCONFIG_FILE": str(folder / "fonts.conf"),
        "HOME": str(folder),
        "PATH": "/usr/bin:/bin",
    }
    return Chromium(str(folder / "chromium"), environment, axe)


def _unpack(packed: Path, folder: Path) -> None:
    made = Path(f"{folder}.{os.getpid()}")
    made.mkdir()
    program = made / "chromium"
    program.write_bytes(_decompressed(packed / "chromium.br"))
    program.chmod(0o755)
    for name in ("al2023", "swiftshader", "fonts"):
        content = io.BytesIO(_decompressed(packed / f"{name}.tar.br"))
        with tarfile.open(fileobj=content) as archive:
            archive.extractall(made, filter="data")
    (made / "fonts.conf").write_text(FONTS.format(folder=folder))
    try:
        made.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(made)


def _decompressed(file: Path) -> bytes:
    script = "zlib.brotliDecompressSync(fs.readFileSync(process.argv[1]))"
    words = [npm.node(), "-e", f"process.stdout.write({script})", file]
    return subprocess.run(words, capture_output=True, check=True, timeout=120).stdout


if __name__ == "__main__":
    print(find_chromium().executable)
