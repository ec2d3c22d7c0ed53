import msgspec

from multillama.core.snapshot import Snapshot
from multillama.core.unserved import unserved_text, unserved_texts
from tests.core.samples import endpoint, serving


def lacking(*models: str, model: str = "m1") -> Snapshot:
    return msgspec.structs.replace(serving(endpoint(), model=model), unserved={"fast": models})


def test_an_alias_without_any_target_leads_nowhere() -> None:
    assert unserved_texts(lacking("gpt", "llama")) == {
        "fast": "The alias 'fast' leads nowhere: no endpoint lists 'gpt', 'llama'."
    }


def test_an_alias_with_another_target_is_told_what_it_lacks() -> None:
    assert unserved_text(lacking("gpt", model="fast"), "fast") == (
        "The alias 'fast' leads to 'gpt', which no endpoint lists."
    )


def test_of_many_targets_a_few_are_named() -> None:
    assert unserved_text(lacking(*"abcdefg"), "fast").endswith(
        "'a', 'b', 'c', 'd', 'e' and 2 more."
    )
