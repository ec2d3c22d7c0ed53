"""What cloud models cost is looked up where it is needed, and said to be unknown where it is."""

import socket
import subprocess
import sys

import pytest

from multillama.config.routing import AliasSetting, PolicySetting, RoutingSetting
from multillama.config.schema import EndpointSetting, Settings
from multillama.control.compile import compile_snapshot
from multillama.control.endpoints import make_endpoints
from multillama.control.prices import (
    INSTALL,
    SHOWN,
    TABLE_OF,
    UNKNOWN,
    has_table,
    note_on_table,
    price_table,
    unpriced,
)
from multillama.control.routes import routing_of
from multillama.core.snapshot import Limits, Snapshot, Timeouts
from multillama.providers.catalog import BY_NAME
from multillama.providers.listing import Row

OPENAI = EndpointSetting(url="https://api.openai.com/", name="openai", key="k")
GEMINI = EndpointSetting(url="https://generativelanguage.googleapis.com/", name="google", key="k")
NEBIUS = EndpointSetting(url="https://api.studio.nebius.ai/v1", name="nebius", key="k")
OLLAMA = EndpointSetting(url="http://localhost:11434/", name="ollama")
CHEAPEST = RoutingSetting(strategy="cheapest")


def settings(*endpoints: EndpointSetting, routing: RoutingSetting = CHEAPEST) -> Settings:
    return Settings(port=0, endpoints=endpoints, routing=routing)


def compiled(asked: Settings, *models: str) -> Snapshot:
    """All endpoints list all models."""
    endpoints = make_endpoints(asked.endpoints, {})
    rows = [Row(model, {}) for model in models]
    return compile_snapshot(
        endpoints,
        {endpoint.name: rows for endpoint in endpoints},
        timeouts=Timeouts(),
        limits=Limits(),
        routing=routing_of(asked),
    )


def price_of(snapshot: Snapshot, model: str) -> dict[str, tuple[float | None, float | None]]:
    return {
        target.endpoint.name: (target.facts.input_price, target.facts.output_price)
        for target in snapshot.routes[model].targets
    }


@pytest.fixture
def _without_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices", None)


@pytest.mark.parametrize("name", TABLE_OF)
def test_the_table_names_our_providers_and_its_own(name: str) -> None:
    from genai_prices.data_snapshot import get_snapshot

    known = {provider.id for provider in get_snapshot().providers}

    assert name in BY_NAME
    assert TABLE_OF[name] in known


def test_cloud_models_have_the_prices_of_the_table_and_local_ones_none() -> None:
    snapshot = compiled(settings(OPENAI, OLLAMA), "gpt-4o-mini-2024-07-18")

    assert price_of(snapshot, "gpt-4o-mini-2024-07-18") == {
        "openai": (0.15, 0.6),
        "ollama": (None, None),
    }


def test_a_model_that_only_an_alias_names_has_its_price() -> None:
    alias = AliasSetting(targets=("openai/gpt-4o", "ollama/m"), strategy="cheapest")
    asked = Settings(port=0, endpoints=(OPENAI, OLLAMA), aliases={"fast": alias})

    snapshot = compiled(asked, "m")

    assert price_of(snapshot, "fast")["openai"] == (2.5, 10.0)


def test_prices_are_looked_up_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*_: object, **__: object) -> None:
        raise AssertionError("it wants the network")

    monkeypatch.setattr(socket, "socket", no_socket)
    table = price_table(settings(OPENAI))

    assert table is not None
    assert table("gemini", "gemini-2.5-flash").output == 2.5


@pytest.mark.parametrize(
    ("provider", "model"), [("openai", "no-such"), ("jan", "gpt-4o"), ("openai", "")]
)
def test_what_the_table_does_not_have_is_unknown(provider: str, model: str) -> None:
    table = price_table(settings(OPENAI))

    assert table is not None
    assert table(provider, model) == UNKNOWN


@pytest.mark.parametrize(
    ("routing", "aliases", "is_there"),
    [
        (RoutingSetting(), {}, False),
        (CHEAPEST, {}, True),
        (RoutingSetting(models={"g*": PolicySetting(strategy="cheapest")}), {}, True),
        (RoutingSetting(), {"a": AliasSetting(targets=("m",), strategy="cheapest")}, True),
    ],
)
def test_only_who_compares_prices_has_the_table(
    routing: RoutingSetting, aliases: dict[str, AliasSetting], is_there: bool
) -> None:
    asked = Settings(port=0, routing=routing, aliases=aliases)

    assert (price_table(asked) is not None) is is_there


def test_the_table_is_not_imported_where_nobody_compares_prices() -> None:
    code = (
        "import sys\n"
        "from multillama.config.schema import Settings\n"
        "from multillama.control.prices import has_table\n"
        "from multillama.control.routes import routing_of\n"
        "routing_of(Settings(port=0))\n"
        "print(has_table(), 'genai_prices' in sys.modules)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["True", "False"]


@pytest.mark.usefixtures("_without_table")
def test_without_the_table_prices_are_unknown_and_the_cure_is_told() -> None:
    snapshot = compiled(settings(OPENAI, NEBIUS), "gpt-4o")

    assert not has_table()
    assert price_of(snapshot, "gpt-4o") == {"openai": (None, None), "nebius": (None, None)}
    note = unpriced(snapshot) or ""
    assert "openai/gpt-4o, nebius/gpt-4o" in note
    assert INSTALL in note


def test_with_the_table_a_note_names_what_it_does_not_have() -> None:
    note = unpriced(compiled(settings(OPENAI, NEBIUS, OLLAMA), "gpt-4o")) or ""

    assert "no price is known of nebius/gpt-4o;" in note
    assert INSTALL not in note


def test_a_note_names_a_few_and_counts_the_others() -> None:
    names = [f"m{number}" for number in range(SHOWN + 2)]

    note = unpriced(compiled(settings(NEBIUS, OLLAMA), *names)) or ""

    assert "nebius/m2 and 2 more;" in note


@pytest.mark.parametrize(
    "asked",
    [
        settings(OPENAI, OLLAMA),  # all prices are known
        settings(NEBIUS),  # nothing to choose
        settings(NEBIUS, OLLAMA, routing=RoutingSetting()),
    ],
)
def test_there_is_no_note_where_nothing_is_amiss(asked: Settings) -> None:
    assert unpriced(compiled(asked, "gpt-4o")) is None


@pytest.mark.usefixtures("_without_table")
def test_a_file_that_compares_prices_of_clouds_is_told_of_the_table() -> None:
    assert INSTALL in (note_on_table(settings(GEMINI, OLLAMA)) or "")


@pytest.mark.usefixtures("_without_table")
@pytest.mark.parametrize(
    "asked",
    [
        settings(OLLAMA),
        settings(GEMINI, routing=RoutingSetting()),
        settings(EndpointSetting(url="https://api.openai.com/", input_price=1.0)),
    ],
)
def test_a_file_that_needs_no_table_is_not_told_of_it(asked: Settings) -> None:
    assert note_on_table(asked) is None


def test_a_file_is_not_told_of_what_is_there() -> None:
    assert note_on_table(settings(GEMINI)) is None
