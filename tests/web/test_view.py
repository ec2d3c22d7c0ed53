import msgspec
import pytest

from multillama.web.view import EndpointView, View
from tests.web.fakes import FakeView, endpoint


def test_an_endpoint_cannot_carry_the_text_of_its_key() -> None:
    with pytest.raises(msgspec.ValidationError, match="key"):
        endpoint(key="sk-secret")


def test_an_endpoint_of_which_nothing_is_known_shows_nothing_made_up() -> None:
    shown = EndpointView(name="a", url="http://a/", provider="Ollama", key="none", state="unknown")

    assert (shown.first_byte_ms, shown.last_error, shown.requests) == (None, None, 0)


def test_the_fake_of_the_tests_is_a_view() -> None:
    view: View = FakeView()

    assert {name for name in vars(View) if not name.startswith("_")} <= set(dir(view))
