"""A flag wins over its variable, that over the file, and the file over the default."""

import pytest

from multillama.config.load import BadFile, BadSetting
from multillama.config.schema import EndpointSetting
from multillama.config.sources import World, load_settings, read_file

FILE = """\
listen: {port: 3001, host: from-file, api_key: file:key.txt}
timeouts: {drain_s: 7}
endpoints: [{url: http://file/, name: file, key: env:FILE_KEY}]
aliases: {fast: file/x}
routing: {strategy: fastest}
"""


def world(environ=None, mode=0o600, **files):
    def read(path):
        if path not in files:
            raise FileNotFoundError(2, "No such file or directory")
        text = files[path]
        return text if isinstance(text, str) else text.decode()

    return World({"FILE_KEY": "k", **(environ or {})}, read, lambda path: mode, lambda *_: None)


def with_file(environ=None, text=FILE):
    return world(environ, **{"d/m.yaml": text, "d/key.txt": "env:no-reference\n"})


def test_without_a_file_all_is_as_flags_and_variables_say():
    loaded = load_settings({"port": "3000"}, world())

    assert (loaded.settings.port, loaded.settings.config) == (3000, None)
    assert (loaded.file, loaded.paths, loaded.warnings) == (None, (), ())


def test_the_file_wins_over_defaults():
    settings = load_settings({"config": "d/m.yaml"}, with_file()).settings

    assert (settings.port, settings.host, settings.drain_s) == (3001, "from-file", 7)
    assert settings.endpoints == (EndpointSetting(url="http://file/", name="file", key="k"),)
    assert settings.aliases["fast"].targets == ("file/x",)
    assert (settings.routing.strategy, settings.config) == ("fastest", "d/m.yaml")


def test_flags_win_over_variables_and_both_over_the_file():
    environ = {"MULTILLAMA_PORT": "3002", "MULTILLAMA_HOST": "variable"}
    flags = {"config": "d/m.yaml", "host": "flag"}

    settings = load_settings(flags, with_file(environ)).settings

    assert (settings.port, settings.host) == (3002, "flag")


def test_a_variable_can_name_the_file():
    settings = load_settings({}, with_file({"MULTILLAMA_CONFIG": "d/m.yaml"})).settings

    assert settings.port == 3001


def test_endpoints_of_flags_come_before_those_of_the_file():
    flags = {"config": "d/m.yaml", "url": ("http://flag/",), "key": ("null",)}

    settings = load_settings(flags, with_file()).settings

    assert [endpoint.url for endpoint in settings.endpoints] == ["http://flag/", "http://file/"]


def test_a_key_file_is_looked_for_beside_the_configuration_and_is_taken_as_it_is():
    loaded = load_settings({"config": "d/m.yaml"}, with_file())

    assert loaded.settings.api_key == "env:no-reference"
    assert loaded.paths == ("d/m.yaml", "d/key.txt")


def test_a_home_directory_is_found_without_a_shell(monkeypatch):
    monkeypatch.setenv("HOME", "/my")
    there = world(**{"/my/m.yaml": "listen: {port: 1, api_key: file:k}", "/my/k": "x"})

    loaded = load_settings({"config": "~/m.yaml"}, there)

    assert loaded.paths == ("/my/m.yaml", "/my/k")


def test_a_command_that_needs_no_port_takes_a_file_without_one():
    there = with_file(text="endpoints: [{url: http://a/}]")

    settings = load_settings({"config": "d/m.yaml"}, there, default_port=0).settings

    assert settings.port == 0


def test_the_faults_of_the_file_are_told():
    with pytest.raises(BadFile, match=r"d/m.yaml:1: x: unknown key"):
        load_settings({"config": "d/m.yaml"}, with_file(text="x: 1"))


def test_a_flag_for_a_faulty_value_of_the_file_does_not_hide_the_fault():
    with pytest.raises(BadFile, match=r"listen\.port"):
        load_settings({"config": "d/m.yaml", "port": "1"}, with_file(text="listen: {port: x}"))


@pytest.mark.parametrize(
    ("flags", "environ", "expected"),
    [
        (
            {"config": "m"},
            {},
            "--config: cannot read m (No such file or directory). multillama init writes one.",
        ),
        ({}, {"MULTILLAMA_CONFIG": "m"}, "MULTILLAMA_CONFIG: cannot read m"),
    ],
)
def test_a_file_that_is_not_there_is_one_line(flags, environ, expected):
    with pytest.raises(BadSetting) as told:
        load_settings(flags, world(environ))

    assert str(told.value).startswith(expected)


def test_a_file_that_is_no_text_is_told():
    with pytest.raises(BadFile, match=r"m\.yaml:1: it is not UTF-8 text"):
        read_file("m.yaml", world(**{"m.yaml": b"\xff"}))


def test_warnings_come_along():
    there = world(mode=0o644, **{"m.yaml": "listen: {port: 1, api_key: abc}"})

    (warning,) = load_settings({"config": "m.yaml"}, there).warnings

    assert "chmod 600 m.yaml" in warning
