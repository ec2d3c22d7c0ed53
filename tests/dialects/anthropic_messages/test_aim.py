import pytest

from multillama.core.canonical import Request
from multillama.dialects.anthropic_messages.aim import Aim
from tests.dialects.anthropic_messages.spoken import LOCAL, goal


@pytest.mark.parametrize(
    ("model", "provider", "needs"),
    [("claude-opus-4-7", "bedrock", True), ("whatever", "anthropic", True), (*LOCAL, False)],
)
def test_only_claude_demands_signatures(model, provider, needs):
    assert Aim.of(Request("m"), goal(model, provider)).needs_signatures == needs


@pytest.mark.parametrize(("value", "losses"), [(None, ()), (1, ()), (0.5, ("top_p",))])
def test_leaving_out_a_default_is_no_loss(value, losses):
    where = goal()

    Aim.of(Request("m"), where).leave_out("top_p", value, default=1)

    assert where.losses.names == losses


def test_a_request_that_goes_on_from_an_answer_is_not_whole():
    assert not Aim.of(Request("m", previous_id="r"), goal()).is_whole
