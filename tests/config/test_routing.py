"""What the file says of routing is what `core/policy.py` can be told, no more and no less."""

import typing

import msgspec
import pytest

from multillama.config import routing
from multillama.config.routing import (
    AliasSetting,
    AliasTarget,
    PolicySetting,
    RetrySetting,
    RoutingSetting,
    policy_values,
)
from multillama.core import policy
from multillama.core.strategies import STRATEGIES

PAIRS = [
    (routing.PolicySetting, policy.Policy),
    (routing.RetrySetting, policy.RetryPolicy),
    (routing.BreakerSetting, policy.BreakerPolicy),
    (routing.QueueSetting, policy.QueuePolicy),
]


def names(of: type) -> list[str]:
    return [field.name for field in msgspec.structs.fields(of)]


@pytest.mark.parametrize(("setting", "compiled"), PAIRS)
def test_the_file_has_every_member_of_the_policy_and_no_other(setting, compiled):
    assert names(setting) == names(compiled)


@pytest.mark.parametrize(("setting", "compiled"), PAIRS)
def test_every_default_may_be_written_in_the_file(setting, compiled):
    plain = {
        name: value for name, value in msgspec.to_builtins(compiled()).items() if value is not None
    }

    assert msgspec.to_builtins(msgspec.convert(plain, setting)) == plain


def test_a_policy_says_only_what_was_written():
    setting = PolicySetting(strategy="fastest", retry=RetrySetting(max_attempts=2))

    assert policy_values(setting) == {"strategy": "fastest", "retry": {"max_attempts": 2}}
    assert policy_values(PolicySetting()) == {}


def test_the_policy_of_an_alias_or_of_all_models_leaves_out_the_rest():
    alias = AliasSetting(targets=("x",), local_only=True)
    general = RoutingSetting(hedge=True, models={"a": PolicySetting()})

    assert policy_values(alias) == {"local_only": True}
    assert policy_values(general) == {"hedge": True}


def test_short_targets_have_a_long_form():
    alias = AliasSetting(targets=("a", AliasTarget(model="b", weight=2.0)))

    assert alias.rows() == (AliasTarget(model="a"), AliasTarget(model="b", weight=2.0))


def test_the_strategies_are_those_of_their_table():
    assert set(typing.get_args(routing.Strategy)) == set(STRATEGIES)
    assert policy.Policy().strategy in STRATEGIES
