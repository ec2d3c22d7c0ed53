import pytest

from multillama.core.canonical import Message, Request, Text, Thinking
from tests.dialects.gemini.saying import again, read, write

READ = {
    "a level": ({"thinkingLevel": "HIGH"}, Thinking(effort="high")),
    "no level": ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
    "a budget to be read": (
        {"thinking_budget": 1024, "include_thoughts": True},
        Thinking(budget=1024, summary="auto"),
    ),
    "in secret": ({"includeThoughts": False}, Thinking(summary="none")),
}


@pytest.mark.parametrize("case", READ)
def test_how_much_to_think_is_read(case):
    config, wanted = READ[case]

    assert read(generationConfig={"thinkingConfig": config}).thinking == wanted


@pytest.mark.parametrize(
    "config",
    [
        {"thinkingLevel": "XHIGH", "includeThoughts": True},
        {"thinkingBudget": 0},
        {"includeThoughts": False, "somethingNew": 1},
    ],
)
def test_it_comes_back_as_it_was(config):
    settings = {"thinkingConfig": config}

    assert again(generationConfig=settings)["generationConfig"] == settings


def of_others(thinking, model):
    request = Request("m", [Message("user", [Text("a")])], thinking=thinking, family="openai")
    body, lost = write(request, model)
    return body.get("generationConfig", {}).get("thinkingConfig"), lost


def tokens(budget, shown=True):
    return {"thinkingBudget": budget, "includeThoughts": shown}


def level(word, shown=True):
    return {"thinkingLevel": word, "includeThoughts": shown}


FLASH, PRO, LITE = "gemini-2.5-flash", "models/gemini-2.5-pro", "gemini-2.5-flash-lite"
FLASH_3, PRO_3, PRO_31 = "gemini-3-flash", "gemini-3-pro-preview", "gemini-3.1-pro"
CASES = [
    (Thinking(effort="low"), FLASH, tokens(1024)),
    (Thinking(effort="medium"), FLASH, tokens(8192)),
    (Thinking(effort="max"), FLASH, tokens(24576)),
    (Thinking(effort="huge"), FLASH, tokens(-1)),
    (Thinking(effort="none"), FLASH, tokens(0, shown=False)),
    (Thinking(effort="none"), PRO, tokens(128, shown=False)),
    (Thinking(is_on=False), FLASH, tokens(0, shown=False)),
    (Thinking(is_on=True, summary="none"), FLASH, tokens(-1, shown=False)),
    (Thinking(summary="detailed"), FLASH, {"includeThoughts": True}),
    (Thinking(budget=-1), PRO, tokens(-1)),
    (Thinking(budget=-7), PRO, tokens(-1)),
    (Thinking(budget=64), LITE, tokens(512)),
    (Thinking(budget=64), FLASH, tokens(64)),
    (Thinking(budget=64), PRO, tokens(128)),
    (Thinking(budget=100_000), PRO, tokens(32768)),
    (Thinking(budget=31999), FLASH, tokens(24576)),
    (Thinking(effort="minimal"), FLASH_3, level("MINIMAL")),
    (Thinking(effort="minimal"), PRO_3, level("LOW")),
    (Thinking(effort="none"), FLASH_3, level("MINIMAL", shown=False)),
    (Thinking(budget=0), PRO_3, level("LOW", shown=False)),
    (Thinking(effort="medium"), PRO_31, level("MEDIUM")),
    (Thinking(effort="medium"), PRO_3, level("HIGH")),
    (Thinking(effort="xhigh"), FLASH_3, level("HIGH")),
    (Thinking(budget=1024), FLASH_3, level("LOW")),
    (Thinking(budget=2048), FLASH_3, level("MEDIUM")),
    (Thinking(budget=31999), FLASH_3, level("HIGH")),
    (Thinking(budget=-1), FLASH_3, {"includeThoughts": True}),
    (Thinking(is_on=True), FLASH_3, {"includeThoughts": True}),
]


@pytest.mark.parametrize(("thinking", "model", "wanted"), CASES)
def test_an_effort_becomes_what_the_model_is_measured_in(thinking, model, wanted):
    assert of_others(thinking, model) == (wanted, ())


def test_a_model_that_cannot_think_is_not_told_to():
    assert of_others(Thinking(effort="high"), "gemini-2.0-flash") == (None, ("thinking",))
    assert of_others(Thinking(effort="none"), "gemini-2.0-flash") == (None, ())
