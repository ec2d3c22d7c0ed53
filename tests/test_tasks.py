import asyncio
import gc
import weakref

import pytest

from multillama.tasks import Tasks


@pytest.fixture
def reports():
    return []


@pytest.fixture
def tasks(reports):
    return Tasks(lambda name, error: reports.append((name, str(error))))


async def fail():
    raise ValueError("no")


async def test_a_task_gives_its_result_and_nothing_is_reported(tasks, reports):
    async def give():
        return 5

    task = tasks.spawn(give(), name="give")

    assert (await task, task.get_name(), reports) == (5, "give", [])


async def test_a_failure_is_reported_with_the_tasks_name(tasks, reports):
    task = tasks.spawn(fail(), name="listing of here")

    await asyncio.wait([task])
    await asyncio.sleep(0)

    assert reports == [("listing of here", "no")]


async def test_a_running_task_is_referenced_until_it_ends(tasks):
    gate = asyncio.Event()
    task = weakref.ref(tasks.spawn(gate.wait(), name="wait"))

    gc.collect()
    is_kept = task() is not None
    gate.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()

    assert (is_kept, task()) == (True, None)


async def test_closing_cancels_what_runs_and_waits_for_its_end(tasks, reports):
    ended = []

    async def linger():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    task = tasks.spawn(linger(), name="linger")
    await asyncio.sleep(0)

    await tasks.close()

    assert (ended, task.cancelled(), reports) == ([True], True, [])


async def test_closing_survives_a_task_that_fails_while_it_is_cancelled(tasks, reports):
    async def stumble():
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("stumbled")

    tasks.spawn(stumble(), name="stumble")
    await asyncio.sleep(0)

    await tasks.close()
    await asyncio.sleep(0)

    assert reports == [("stumble", "stumbled")]


async def test_closing_an_empty_set_is_nothing(tasks):
    await tasks.close()
