"""A changed file is read once it is still; a faulty one changes nothing and is told."""

import asyncio

import pytest

from multillama.config.load import BadFile, BadSetting
from multillama.config.schema import Settings
from multillama.config.sources import Loaded, Source
from multillama.control.diff import Changes
from multillama.control.reload import LOOK_S, Reloader
from tests.control.scripted import VirtualClock, settle


class Scene:
    """A gateway, its log and its files, all of them recorders."""

    def __init__(self, *paths):
        self.files = dict.fromkeys(paths or ("m.yaml",), 1)
        self.loaded = Loaded(Settings(port=1), paths=tuple(self.files))
        self.failure = None
        self.on_load = lambda: None
        self.loads = 0
        self.applied = []
        self.log = []
        self.changes = Changes(("+1 endpoint (b)",), ())
        self.reloader = Reloader(
            Source(self.loaded, self.load),
            look=self.files.get,
            read=self.read,
            gateway=self,
            log=self,
        )

    async def read(self, load):
        await self.on_read()
        return load()

    async def on_read(self):
        pass

    def load(self):
        self.loads += 1
        self.on_load()
        if self.failure:
            raise self.failure
        return self.loaded

    def compare(self, settings):
        return self.changes

    async def apply(self, settings):
        self.applied.append(settings)

    def event(self, name, text, /, *, is_warning=False, **facts):
        self.log.append((name, text, is_warning))

    async def look(self, times=1):
        for _ in range(times):
            await self.reloader.look()


async def test_a_file_that_stays_the_same_is_not_read():
    scene = Scene()

    await scene.look(5)

    assert scene.loads == 0


async def test_a_changed_file_is_read_once_when_it_is_still():
    scene = Scene()

    scene.files["m.yaml"] = 2
    await scene.look()
    loads_at_first = scene.loads
    await scene.look(3)

    assert (loads_at_first, scene.loads) == (0, 1)
    assert scene.applied == [scene.loaded.settings]
    assert scene.log == [("reload", "configuration reloaded: +1 endpoint (b)", False)]


async def test_a_file_that_is_being_written_is_waited_for():
    scene = Scene()

    for size in range(2, 8):
        scene.files["m.yaml"] = size
        await scene.look()

    assert scene.loads == 0


async def test_a_file_that_is_gone_changes_nothing_until_it_is_back():
    scene = Scene()

    del scene.files["m.yaml"]
    await scene.look(5)
    scene.files["m.yaml"] = 2
    await scene.look(2)

    assert scene.loads == 1
    gone = "m.yaml is gone: what it said stays in use until it is back, or until a restart"
    assert scene.log[:2] == [("config_gone", gone, True), ("config_back", "m.yaml is back", False)]
    assert [name for name, *_ in scene.log] == ["config_gone", "config_back", "reload"]


async def test_a_file_that_comes_back_as_it_was_is_told_and_not_read():
    scene = Scene()

    del scene.files["m.yaml"]
    await scene.look(3)
    scene.files["m.yaml"] = 1
    await scene.look(3)

    assert [name for name, *_ in scene.log] == ["config_gone", "config_back"]
    assert scene.loads == 0


async def test_a_file_that_is_missing_for_a_moment_is_no_news():
    scene = Scene()

    del scene.files["m.yaml"]
    await scene.look()
    scene.files["m.yaml"] = 1
    await scene.look(3)

    assert scene.log == []


async def test_a_changed_key_file_counts_too():
    scene = Scene("m.yaml", "key.txt")

    scene.files["key.txt"] = 2
    await scene.look(2)

    assert scene.loads == 1


async def test_the_files_of_the_new_settings_are_watched_from_then_on():
    scene = Scene("m.yaml", "old.txt")
    scene.files["new.txt"] = 1
    scene.loaded = Loaded(Settings(port=1), paths=("m.yaml", "new.txt"))
    await scene.reloader.reload()

    scene.files["old.txt"] = 2
    await scene.look(2)
    after_the_old_one = scene.loads
    scene.files["new.txt"] = 2
    await scene.look(2)

    assert (after_the_old_one, scene.loads) == (1, 2)


async def test_what_changes_while_it_is_read_is_read_again():
    scene = Scene()
    scene.on_load = lambda: scene.files.update({"m.yaml": 3})

    scene.files["m.yaml"] = 2
    await scene.look(2)
    await scene.look(2)

    assert scene.loads == 2


async def test_a_faulty_file_keeps_the_old_and_says_why_once():
    scene = Scene()
    scene.failure = BadFile(["m.yaml:1: x: unknown key", "m.yaml:2: y: unknown key"])

    scene.files["m.yaml"] = 2
    await scene.look(5)

    assert scene.applied == []
    assert scene.log == [
        (
            "reload_refused",
            "configuration kept as it was: m.yaml:1: x: unknown key; m.yaml:2: y: unknown key",
            True,
        )
    ]


async def test_a_signal_reloads_at_once_and_says_whether_it_worked():
    scene = Scene()

    worked = await scene.reloader.reload()
    scene.failure = BadSetting("Endpoint 1: no.")
    failed = await scene.reloader.reload()

    assert (worked, failed, len(scene.applied)) == (True, False, 1)
    assert scene.log[-1] == (
        "reload_refused",
        "configuration kept as it was: Endpoint 1: no.",
        True,
    )


async def test_what_needs_a_restart_is_a_warning():
    scene = Scene()
    scene.changes = Changes((), ("port 1 -> 2",))

    await scene.reloader.reload()

    assert scene.log == [
        ("reload", "configuration reloaded: nothing changed", False),
        ("restart_needed", "only a restart changes: port 1 -> 2", True),
    ]


async def test_it_looks_once_a_second():
    scene, time = Scene(), VirtualClock()
    task = asyncio.get_running_loop().create_task(scene.reloader.run(time.clock))
    await settle()

    scene.files["m.yaml"] = 2
    await time.advance(2 * LOOK_S)
    task.cancel()

    assert scene.loads == 1


@pytest.mark.parametrize("failure", [KeyError("sk-CANARY"), RecursionError(), MemoryError()])
async def test_whatever_reading_fails_with_is_told_and_the_old_is_kept(failure):
    scene = Scene()
    scene.failure = failure

    scene.files["m.yaml"] = 2
    await scene.look(2)
    scene.failure = None
    scene.files["m.yaml"] = 3
    await scene.look(2)

    name = type(failure).__name__
    text = f"configuration kept as it was: refused, as reading failed with {name}"
    assert scene.log[0] == ("reload_refused", text, True)
    assert scene.applied == [scene.loaded.settings]


async def test_two_reloads_follow_one_another():
    scene, running, most = Scene(), [], []

    async def on_read():
        running.append(1)
        most.append(len(running))
        await settle()
        running.pop()

    scene.on_read = on_read

    await asyncio.gather(scene.reloader.reload(), scene.reloader.reload())

    assert most == [1, 1]
