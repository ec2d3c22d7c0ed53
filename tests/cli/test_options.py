import click
import pytest

from multillama.cli.options import Example, Verb, close_options, metavar, sentence, setting_options
from multillama.config.schema import SETTINGS

ROWS = {row.name: row for row in SETTINGS}


def test_every_setting_is_an_option_with_its_flag_and_help():
    options = setting_options()

    assert [(o.name, o.opts) for o in options] == [(row.name, [row.flag]) for row in SETTINGS]
    assert all(ROWS[o.name].help in o.help for o in options)


def test_only_the_settings_that_are_named_become_options():
    assert [option.name for option in setting_options("key", "url")] == ["url", "key"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("port", "PORT"),
        ("url", "URL"),
        ("drain_s", "SECONDS"),
        ("max_body_bytes", "BYTES"),
        ("log_format", "auto|text|json"),
    ],
)
def test_a_metavar_says_what_to_write(name, expected):
    assert metavar(ROWS[name]) == expected


def test_a_default_is_part_of_the_help():
    assert sentence(ROWS["drain_s"]).endswith("[default: 30]")
    assert sentence(ROWS["port"]) == ROWS["port"].help


def called(*args):
    seen = {}
    verb = Verb(
        "verb",
        usage="verb [--url URL]...",
        help="Does it.",
        callback=lambda **flags: seen.update(flags),
        params=setting_options("url", "port"),
        examples=(Example("Twice", "multillama verb \\\n    --url U"),),
    )
    verb.main(list(args), standalone_mode=False)
    return seen


def test_values_stay_the_text_that_was_typed():
    assert called("--port", "0x1", "--url", "a", "--url=b") == {"port": "0x1", "url": ("a", "b")}


def test_what_is_not_given_is_none_or_empty():
    assert called() == {"port": None, "url": ()}


def test_a_word_without_a_flag_is_refused_and_not_repeated():
    with pytest.raises(click.UsageError) as caught:
        called("--url", "a", "hunter2")

    assert "hunter2" not in caught.value.format_message()


def test_examples_are_shown_as_they_are_and_before_the_options(capsys):
    called("--help")

    out = capsys.readouterr().out
    assert "Usage: multillama verb [--url URL]..." in out
    assert "  # Twice\n  multillama verb \\\n      --url U\n" in out
    assert out.index("Examples:") < out.index("Main settings:") < out.index("Other:")


KNOWN = ["--port", "--host", "--url", "--key", "--api-key", "--log-format", "--body-timeout-s", "--idle-timeout-s",
         "--send-timeout-s", "--connect-timeout-s", "--help", "-h"]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("--prot", ["--port"]),
        ("--hots", ["--host"]),
        ("--apikey", ["--api-key", "--key"]),
        ("--keys", ["--key"]),
        ("--KEY", ["--key", "--api-key"]),
        ("--log", ["--log-format"]),
        ("--timeout", ["--send-timeout-s", "--idle-timeout-s", "--body-timeout-s"]),
        ("--bogus", []),
        ("--model", []),
        ("--verbose", []),
    ],
)
def test_only_what_was_likely_meant_is_suggested(name, expected):
    assert close_options(name, KNOWN) == expected
