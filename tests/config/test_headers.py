import pytest

from multillama.config.headers import CREDENTIALS, FRAMING, header_problem
from multillama.wire.heads import ROLE_OF, Role


@pytest.mark.parametrize("name", ["X-Team", "anthropic-beta", "HTTP-Referer", "x.y"])
def test_a_header_of_ones_own_is_well(name):
    assert header_problem(name, "a b") is None


@pytest.mark.parametrize("name", ["Host", "content-length", "TE", "X-MultiLlama-Only"])
def test_what_frames_a_message_is_refused(name):
    assert "by the gateway" in (header_problem(name, "x") or "")


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "Cookie"])
def test_what_holds_a_key_is_refused(name):
    assert "give it as key" in (header_problem(name, "x") or "")


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "ü", "a_b"])
def test_what_is_no_name_is_refused(name):
    assert "no header's name" in (header_problem(name, "x") or "")


@pytest.mark.parametrize("value", ["", " a", "a\r\nb", "ü", "a\x00"])
def test_what_no_line_can_carry_is_refused_and_not_repeated(value):
    assert header_problem("x-team", value) == "must be one line of plain ASCII text"


def test_every_name_that_the_wire_treats_as_framing_or_key_is_refused():
    special = {
        name.decode()
        for name, role in ROLE_OF.items()
        if role in (Role.HOST, Role.LENGTH, Role.CODING, Role.CONNECTION, Role.CREDENTIAL,
                    Role.TYPE, Role.EXPECT, Role.ENCODING)
    }  # fmt: skip

    assert special - FRAMING - CREDENTIALS == set()
