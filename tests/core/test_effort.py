import pytest

from multillama.core.canonical import Thinking
from multillama.core.effort import effort_of


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [
        (Thinking("xhigh"), "xhigh"),
        (Thinking(), None),
        (Thinking(is_on=True), None),
        (Thinking(is_on=False), "none"),
        (Thinking(budget=0), "none"),
        (Thinking(budget=-1), None),
        (Thinking(budget=1), "minimal"),
        (Thinking(budget=1024), "low"),
        (Thinking(budget=2048), "medium"),
        (Thinking(budget=4096), "high"),
        (Thinking(budget=100_000), "high"),
    ],
)
def test_a_budget_means_an_effort(thinking, effort):
    assert effort_of(thinking) == effort
