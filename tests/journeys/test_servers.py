"""With one file, a second machine receives, answers and delivers like the first."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.journeys.conftest import Installation, answer_of, kill
from tests.support.bot_api import TOKEN, BotApi, bot_api
from tests.support.waiting import until
from tests.support.world import World


async def answered(api: BotApi, chat: int, times: int) -> list[str]:
    await until(
        lambda: len(api.texts(chat)) >= times,
        f"{times} answers",
        outstanding=lambda: f"so far: {api.texts(chat)}",
    )
    return api.texts(chat)


async def test_a_machine_that_joined_by_one_file_goes_on_with_a_bot_that_it_was_never_told_of(
    installation: Installation, world: World, tmp_path: Path
) -> None:
    async with bot_api() as api:
        installation.settings["DISCREET_TELEGRAM_BASE_URL"] = api.base_url
        installation.settings["DISCREET_TELEGRAM_TOKEN"] = TOKEN
        second = Installation(tmp_path / "second", {"DISCREET_TELEGRAM_BASE_URL": api.base_url})
        file = tmp_path / "invitation"
        try:
            for words in (
                ("channels", "add", "telegram", "--agent", "Ada"),
                ("admission", "set", "Ada", "telegram", "open"),
                ("db", "invite", str(file)),
            ):
                await asyncio.to_thread(answer_of, installation.start(*words))
            await asyncio.to_thread(answer_of, second.start("db", "join", str(file)))
            assert sorted(path.name for path in second.home.iterdir() if path.is_file()) == [
                "credentials.json"
            ]
            serving = await asyncio.to_thread(installation.serve)
            await asyncio.to_thread(second.serve)
            await api.direct(1001, "Remember that my dog is called Rex.")
            await answered(api, 1001, 1)
            await asyncio.to_thread(kill, serving)
            await api.direct(1001, "What is my dog called?")
            assert "Rex" in (await answered(api, 1001, 2))[1]
        finally:
            second.end()
