"""The commands of the REST page give what stands there."""

from __future__ import annotations

import asyncio
import re

from tests.api.conftest import Harness, harness, settings
from tests.docs.pages import DOCS, fences

__all__ = ["harness", "settings"]


async def test_every_curl_command_of_the_page_prints_what_the_page_shows(harness: Harness) -> None:
    begin = f"TOKEN={await harness.token(agent='Ada')}\n"
    tried = 0
    for fence in fences(DOCS / "rest.md"):
        if fence.language != "console":
            continue
        command, shown = "", ""
        for line in [*fence.lines, "$ end"]:
            if not line.startswith("$ "):
                shown += line
                continue
            if command.startswith("curl "):
                here = command.replace("http://127.0.0.1:8780", harness.url)
                done = await asyncio.create_subprocess_exec(
                    "bash", "-c", begin + here, stdout=asyncio.subprocess.PIPE
                )
                said = (await done.communicate())[0].decode().replace("\n", "")
                pattern = re.escape(shown).replace(re.escape("..."), ".*")
                assert re.fullmatch(pattern, said), (command, said)
                tried += 1
            elif command and not command.startswith("TOKEN="):
                begin += f"{command}\n"
            command, shown = line.removeprefix("$ "), ""
    assert tried == 4
