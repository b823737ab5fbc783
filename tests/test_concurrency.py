"""Tasks end within a time limit, even if they lose a cancellation or never end."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from discreet.domain import concurrency
from discreet.domain.concurrency import end, finished, happens, relying_on, running, start
from tests.support.waiting import PATIENCE_SECONDS, patience


@pytest.fixture(autouse=True)
async def bounded() -> AsyncIterator[None]:
    async with patience():
        yield


async def lose(cancellations: int) -> None:
    """Run forever, and lose this many cancellations, as a library may."""
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not cancellations:
                raise
            cancellations -= 1


async def test_a_task_that_loses_two_cancellations_ends_at_the_third() -> None:
    task = start(lose(2), "deaf")
    await asyncio.sleep(0)
    await end(task)
    assert task.cancelled()


async def test_a_task_that_never_ends_is_left_behind_when_the_time_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    task = start(lose(1_000), "deaf")
    other = start(asyncio.sleep(60), "good")
    await asyncio.sleep(0)
    await end(task, other, seconds=0.5)
    assert (task.done(), other.cancelled()) == (False, True)
    with pytest.MonkeyPatch.context() as patch:  # nothing is left for the loop to wait for
        patch.setattr(concurrency, "CANCEL_SECONDS", 0.0)
        await end(task)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="later Pythons swallow nothing there")
async def test_a_cancellation_that_wait_for_swallows_is_given_again() -> None:
    ready = asyncio.Event()
    swallowed = 0

    async def work() -> None:
        nonlocal swallowed
        while True:
            ready.clear()
            await asyncio.wait_for(ready.wait(), PATIENCE_SECONDS)
            task = asyncio.current_task()
            swallowed += task is not None and task.cancelling()

    async with running(work(), "loop"):
        for _ in range(3):
            await asyncio.sleep(0)
        ready.set()
        # The result is on its way: a cancellation in this iteration of the loop is lost.
        await asyncio.sleep(0)
    assert swallowed == 1


async def test_a_task_may_finish_in_its_grace() -> None:
    free = asyncio.Event()

    async def work() -> str:
        await free.wait()
        return "done"

    async with running(work(), "slow", grace=5) as task:
        asyncio.get_running_loop().call_later(0.05, free.set)
    assert task.result() == "done"


async def test_who_is_cancelled_while_he_ends_a_task_ends_it_at_once_and_is_cancelled() -> None:
    cleaned = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            cleaned.set()

    task = start(work(), "slow")
    ending = start(end(task, grace=60), "ending")
    await asyncio.sleep(0.01)
    await end(ending)
    assert ending.cancelled()
    assert cleaned.is_set()
    assert task.cancelled()


async def test_a_scope_that_is_cancelled_lets_a_task_clean_up() -> None:
    cleaned = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            cleaned.set()

    with anyio.move_on_after(0.01):
        async with running(work(), "slow"):
            await asyncio.sleep(60)
    assert cleaned.is_set()


async def test_a_block_outlives_a_task_that_fails_and_the_log_says_no_word_of_the_error(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail() -> None:
        raise ValueError("what somebody said")

    with caplog.at_level(logging.DEBUG):
        async with running(fail(), "bad"):
            await asyncio.sleep(0.01)
    said = caplog.text + "".join(capsys.readouterr())
    assert ("ValueError" in said, "what somebody said" in said) == (True, False)


async def test_a_failing_task_aborts_the_block_that_relies_on_it() -> None:
    async def fail() -> None:
        await asyncio.sleep(0.01)
        raise ValueError("gone")

    with pytest.raises(ValueError, match="gone"):
        async with relying_on(fail(), "bad"):
            await lose(2)


async def test_the_error_of_a_block_that_relies_on_a_task_stays_what_it_is() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with relying_on(lose(0), "good"):
            raise KeyError("mine")


@pytest.mark.parametrize("comes", [True, False])
async def test_an_event_is_waited_for_as_long_as_was_said(comes: bool) -> None:
    event = asyncio.Event()
    if comes:
        asyncio.get_running_loop().call_later(0.01, event.set)
    assert await happens(event, 60 if comes else 0.01) is comes


async def test_work_that_must_finish_outlives_two_cancellations_of_its_caller() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go_on.wait()
        ended.append("work")

    ended: list[str] = []
    caller = start(finished(PATIENCE_SECONDS, work(), "work"), "caller")
    await begun.wait()
    for _ in range(2):
        caller.cancel()
        await asyncio.sleep(0)
    assert not caller.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended == ["work"]


async def test_work_that_must_finish_is_ended_when_its_time_is_over() -> None:
    with pytest.raises(TimeoutError):
        await finished(0.01, lose(0), "endless")


def test_a_process_ends_although_a_task_does_not(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio\n"
        "from discreet.domain import concurrency\n"
        "concurrency.END_SECONDS = 0.5\n"
        "async def never():\n"
        "    while True:\n"
        "        try:\n"
        "            await asyncio.sleep(60)\n"
        "        except asyncio.CancelledError:\n"
        "            pass\n"
        "async def main():\n"
        "    task = concurrency.start(never(), 'never')\n"
        "    await asyncio.sleep(0)\n"
        "    print('bye')\n"
        "    await concurrency.end_all()\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run(
        [sys.executable, program], check=False, capture_output=True, text=True, timeout=180
    )
    assert (ended.returncode, ended.stdout.splitlines()[0]) == (70, "bye")
