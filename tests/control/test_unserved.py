"""Aliases that lack a target are told once, and not before the endpoints had their time."""

from multillama.control.unserved import UnservedAliases
from multillama.core.snapshot import Snapshot


class Told:
    """A log that keeps the names of events and what they are about."""

    def __init__(self) -> None:
        self.events: list[tuple[str, object]] = []

    def event(self, name: str, text: str, /, *, is_warning: bool = False, **facts: object) -> None:
        assert is_warning is (name == "alias_unserved")
        self.events.append((name, facts["alias"]))


LACKING = Snapshot(unserved={"fast": ("gpt",)})


def test_nothing_is_told_before_the_endpoints_have_answered() -> None:
    told = Told()
    aliases = UnservedAliases(told)

    aliases.on_snapshot(LACKING)
    before = list(told.events)
    aliases.on_settled()

    assert (before, told.events) == ([], [("alias_unserved", "fast")])


def test_it_is_told_once_for_each_reason() -> None:
    told = Told()
    aliases = UnservedAliases(told)

    aliases.on_settled()
    for models in (("gpt",), ("gpt",), ("gpt", "llama"), ("gpt", "llama")):
        aliases.on_snapshot(Snapshot(unserved={"fast": models}))

    assert told.events == [("alias_unserved", "fast")] * 2


def test_it_is_told_when_all_is_well_again() -> None:
    told = Told()
    aliases = UnservedAliases(told)

    aliases.on_settled()
    for snapshot in (LACKING, Snapshot(), Snapshot(), LACKING):
        aliases.on_snapshot(snapshot)

    assert [name for name, _ in told.events] == [
        "alias_unserved", "alias_served", "alias_unserved",
    ]  # fmt: skip


def test_after_a_reload_the_endpoints_have_their_time_again() -> None:
    told = Told()
    aliases = UnservedAliases(told)

    aliases.on_settled()
    aliases.on_start()
    aliases.on_snapshot(LACKING)
    before = list(told.events)
    aliases.on_snapshot(Snapshot())
    aliases.on_settled()

    assert (before, told.events) == ([], [])
