from multillama.app.compiled import (
    compiler_of,
    limits_of,
    secrets_of,
    selection_of,
    store_limits_of,
    timeouts_of,
)
from multillama.config.routing import AliasSetting, RoutingSetting
from multillama.config.schema import EndpointSetting, Settings
from multillama.control.endpoints import make_endpoints
from multillama.core.snapshot import Limits, Timeouts
from multillama.core.stored_responses import StoreLimits
from multillama.providers.listing import Row


def test_the_settings_have_the_defaults_that_the_data_plane_documents():
    settings = Settings(port=3000)

    assert timeouts_of(settings) == Timeouts()
    assert limits_of(settings) == Limits()


def test_a_snapshot_is_made_under_the_settings():
    setting = EndpointSetting(url="http://a/")
    settings = Settings(
        port=1,
        api_key="k",
        max_body_bytes=5,
        endpoints=(setting,),
        aliases={"fast": AliasSetting(targets=("m1",))},
        routing=RoutingSetting(strategy="fastest"),
    )
    endpoints = make_endpoints(settings.endpoints, {})

    snapshot = compiler_of(settings, Timeouts(idle_s=3))(endpoints, {"a": (Row("m1", {}),)})

    assert (snapshot.api_key, snapshot.limits.body_bytes, snapshot.timeouts.idle_s) == (b"k", 5, 3)
    assert sorted(snapshot.routes) == ["fast", "m1"]
    assert snapshot.routes["m1"].policy.strategy == "fastest"


def test_the_globs_of_an_endpoint_are_found_by_the_name_it_got():
    settings = Settings(port=1, endpoints=(EndpointSetting(url="http://a:8/", include=("x*",)),))
    select = selection_of(settings, make_endpoints(settings.endpoints, {}))

    rows = select("a:8", (Row("x1", {}), Row("y1", {})))

    assert [row.id for row in rows] == ["x1"]


def test_keys_and_the_values_of_headers_are_secrets():
    endpoint = EndpointSetting(url="http://a/", key="k", headers={"x-token": "t"})

    assert secrets_of(Settings(port=1, api_key="a", endpoints=(endpoint,))) == ("k", "a", "t")


def test_nothing_is_stored_unless_the_settings_say_how_many():
    given = Settings(port=1, responses_store=7, responses_store_bytes=5000, responses_store_s=60)

    assert store_limits_of(Settings(port=1)).responses == 0
    assert store_limits_of(given) == StoreLimits(7, 5000, 60)
