import re
from pathlib import Path

import pytest

from multillama.config.load import BadSetting, literal_keys, load
from multillama.config.schema import SETTINGS, EndpointSetting

OPENAI = "https://api.openai.com/"
OLLAMA = "http://localhost:11434/"
NUMBERS = [row for row in SETTINGS if row.type is not str]


def no_file(path):
    raise FileNotFoundError(2, "No such file or directory")


def settings_of(flags, environ=None, read_file=no_file, **more):
    return load({"port": "3000", **flags}, environ or {}, read_file, **more)


def complaint_of(flags, environ=None, read_file=no_file):
    with pytest.raises(BadSetting) as caught:
        settings_of(flags, environ, read_file)
    text = str(caught.value)
    assert "\n" not in text
    return text


# the seed


def test_seed_urls_and_keys_pair_up_in_order():
    flags = {"url": [OPENAI, "https://api.anthropic.com/", OLLAMA], "key": ["k1", "k2", "null"]}

    settings = settings_of(flags)

    assert settings.endpoints == (
        EndpointSetting(url=OPENAI, key="k1"),
        EndpointSetting(url="https://api.anthropic.com/", key="k2"),
        EndpointSetting(url=OLLAMA, key=None),
    )


def test_seed_host_is_localhost_by_default():
    assert settings_of({}).host == "localhost"


def test_seed_host_and_port_can_be_chosen():
    settings = load({"host": "0.0.0.0", "port": "8080"}, {}, no_file)

    assert (settings.host, settings.port) == ("0.0.0.0", 8080)


def test_seed_a_missing_port_says_port_is_required():
    with pytest.raises(BadSetting, match=r"Port is required.*--port 3000"):
        load({"url": [OPENAI], "key": ["k"]}, {}, no_file)


@pytest.mark.parametrize("port", ["1", "65535"])
def test_seed_a_port_is_from_1_to_65535(port):
    assert settings_of({"port": port}).port == int(port)


@pytest.mark.parametrize(
    "port", ["0", "65536", "-1", "3000.0", "http", "", "1e3", "\u0663", "9" * 99]
)
def test_seed_any_other_port_is_refused(port):
    complaint = complaint_of({"port": port})

    assert complaint == f'--port must be a whole number from 1 to 65535, not "{port}".'


@pytest.mark.parametrize(
    ("urls", "keys"),
    [([OPENAI, OLLAMA], ["k"]), ([OPENAI], ["k", "null"]), ([OPENAI], []), ([], ["k"])],
)
def test_seed_counts_that_differ_say_that_keys_must_match_urls(urls, keys):
    complaint = complaint_of({"url": urls, "key": keys})

    assert complaint.startswith("Number of keys must match number of URLs")
    assert f"{len(keys)} and {len(urls)}" in complaint
    assert "--key null" in complaint


# URLs


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ftp://a.example/", '--url 2 "ftp://a.example/" is not an http or https URL'),
        ("api.openai.com", '--url 2 "api.openai.com" is not an http or https URL'),
        ("localhost:11434", '--url 2 "localhost:11434" is not an http or https URL'),
        ("http://", '--url 2 "http://" has no host'),
        ("https:///v1", '--url 2 "https:///v1" has no host'),
        ("http:a.example", '--url 2 "http:a.example" has no host'),
        ("http://a.example:0/", '--url 2 "http://a.example:0/" has port 0'),
        ("http://a.example:99999/", '--url 2 "http://a.example:99999/" is not a URL'),
        ("http://[::1/", '--url 2 "http://[::1/" is not a URL'),
        ("http:// a.example/", "--url 2 is empty or has blanks"),
        ("http://a.example/\t", "--url 2 is empty or has blanks"),
        ("http://a.example/\r\nhost: b", "--url 2 is empty or has blanks"),
        ("", "--url 2 is empty"),
    ],
)
def test_a_url_that_cannot_be_used_is_named(url, expected):
    complaint = complaint_of({"url": [OPENAI, url], "key": ["k", "k"]})

    assert expected in complaint


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        "HTTPS://API.Example.COM/v1/",
        "http://[::1]:8000/",
        "http://my_box:1/a/b",
        "https://b\u00fccher.example/",
    ],
)
def test_http_and_https_urls_are_taken_as_they_are(url):
    settings = settings_of({"url": [url], "key": ["null"]})

    assert settings.endpoints[0].url == url


def test_a_key_in_the_place_of_a_url_is_not_repeated():
    complaint = complaint_of({"url": ["sk-hunter2"], "key": [OPENAI]})

    assert "hunter2" not in complaint


@pytest.mark.parametrize("url", ["ftp://me:hunter2@a.example/", "me:hunter2@a.example"])
def test_a_password_in_a_url_is_not_repeated(url):
    complaint = complaint_of({"url": [url], "key": ["null"]})

    assert "hunter2" not in complaint
    assert "a.example" in complaint


# keys


def key_of(text, environ=None, read_file=no_file):
    settings = settings_of({"url": [OPENAI], "key": [text]}, environ, read_file)
    return settings.endpoints[0].key


def test_a_key_can_be_in_the_environment():
    assert key_of("env:OPENAI_API_KEY", {"OPENAI_API_KEY": "sk-1\n"}) == "sk-1"


@pytest.mark.parametrize("environ", [{}, {"OPENAI_API_KEY": ""}])
def test_a_variable_that_is_not_set_is_named_with_its_cure(environ):
    complaint = complaint_of({"url": [OPENAI], "key": ["env:OPENAI_API_KEY"]}, environ)

    assert "--key 1: the variable OPENAI_API_KEY is not set" in complaint
    assert "export OPENAI_API_KEY=" in complaint


@pytest.mark.parametrize("name", ["sk-hunter2", "AIzahunter2", "hunter2"])
def test_a_key_in_the_place_of_a_variables_name_is_not_repeated(name):
    complaint = complaint_of({"url": [OPENAI], "key": [f"env:{name}"]})

    assert "hunter2" not in complaint
    assert "without $" in complaint


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_key_can_be_in_a_file_whose_last_newline_does_not_count(end):
    files = {"/run/secrets/openai": f"sk-1{end}"}

    assert key_of("file:/run/secrets/openai", read_file=files.__getitem__) == "sk-1"


def test_a_file_that_is_missing_is_named_with_its_cure():
    complaint = complaint_of({"url": [OPENAI], "key": ["file:/nowhere"]})

    assert "--key 1: cannot read /nowhere (No such file or directory)" in complaint
    assert "Put the key alone into that file." in complaint


def test_a_file_that_is_not_text_is_named(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"\xff\xfe")

    complaint = complaint_of(
        {"url": [OPENAI], "key": [f"file:{path}"]}, read_file=lambda p: Path(p).read_text("utf-8")
    )

    assert f"{path} is not text" in complaint


def test_an_empty_file_is_named():
    complaint = complaint_of({"url": [OPENAI], "key": ["file:/empty"]}, read_file=lambda path: "\n")

    assert "/empty is empty" in complaint


@pytest.mark.parametrize("key", ["", "--url"])
def test_a_shell_variable_that_expands_to_nothing_is_recognised(key):
    complaint = complaint_of({"url": [OPENAI], "key": [key]})

    assert "--key 1 has no value: is the shell's variable not set?" in complaint


@pytest.mark.parametrize(
    "key", ["Bearer hunter2", "hunter2\r\nx: y", "hunter2\u201d", "hunter2\x00"]
)
def test_what_no_key_can_hold_is_refused_and_not_repeated(key):
    complaint = complaint_of({"url": [OPENAI], "key": [key]})

    assert "--key 1 has a blank, a line break" in complaint
    assert "hunter2" not in complaint


def test_the_clients_key_can_be_a_flag_a_variable_or_a_file():
    environ = {"MULTILLAMA_API_KEY": "env:TEAM", "TEAM": "from-environment"}

    assert settings_of({"api_key": "plain"}).api_key == "plain"
    assert settings_of({}, environ).api_key == "from-environment"
    assert settings_of({"api_key": "file:/k"}, environ, {"/k": "f\n"}.get).api_key == "f"
    assert settings_of({}).api_key is None


def test_null_is_no_key_for_clients():
    complaint = complaint_of({"api_key": "null"})

    assert complaint == "--api-key cannot be null. Leave it out to ask clients for no key."


# variables


def test_every_setting_can_be_a_variable():
    given = {"host": "0.0.0.0", "url": OPENAI, "key": "null", "api_key": "k", "log_format": "json"}
    environ = {row.variable: given.get(row.name) or str(row.maximum) for row in SETTINGS}

    settings = load({}, environ, no_file)

    assert settings.endpoints == (EndpointSetting(url=OPENAI, key=None),)
    assert (settings.host, settings.api_key, settings.log_format) == ("0.0.0.0", "k", "json")
    assert [getattr(settings, row.name) for row in NUMBERS] == [row.maximum for row in NUMBERS]


def test_a_flag_wins_over_its_variable():
    environ = {"MULTILLAMA_PORT": "1", "MULTILLAMA_HOST": "a.example"}

    settings = settings_of({}, environ)

    assert (settings.port, settings.host) == (3000, "a.example")


def test_an_empty_variable_counts_as_not_set():
    assert settings_of({}, {"MULTILLAMA_HOST": "", "MULTILLAMA_URL": ""}).host == "localhost"


def test_a_complaint_about_a_variable_names_the_variable():
    assert complaint_of({}, {"MULTILLAMA_DRAIN_S": "soon"}).startswith("MULTILLAMA_DRAIN_S must be")
    assert complaint_of({}, {"MULTILLAMA_URL": "ftp://a", "MULTILLAMA_KEY": "null"}).startswith(
        'MULTILLAMA_URL 1 "ftp://a"'
    )


def test_several_endpoints_fit_into_two_variables():
    environ = {"MULTILLAMA_URL": f"{OPENAI} {OLLAMA}", "MULTILLAMA_KEY": "env:K null", "K": "k1"}

    assert settings_of({}, environ).endpoints == (
        EndpointSetting(url=OPENAI, key="k1"),
        EndpointSetting(url=OLLAMA, key=None),
    )


def test_a_key_from_the_environment_never_goes_to_a_url_from_a_flag():
    environ = {"MULTILLAMA_URL": OPENAI, "MULTILLAMA_KEY": "k1"}

    assert "must match" in complaint_of({"url": ["http://elsewhere.example/"]}, environ)


# numbers and words


@pytest.mark.parametrize("row", NUMBERS, ids=lambda row: row.name)
def test_a_number_may_touch_its_bounds_and_not_pass_them(row):
    inside = [row.minimum, row.maximum]
    outside = [str(row.minimum - 1), str(row.maximum + 1), "nan", "inf", "1_0", " 1", ""]

    assert [getattr(settings_of({row.name: str(n)}), row.name) for n in inside] == inside
    for text in outside:
        expected = rf"{row.flag} must be .* from {row.minimum} to {row.maximum}, not"
        assert re.match(expected, complaint_of({row.name: text}))


def test_the_unit_is_in_the_complaint():
    assert "a number of seconds from" in complaint_of({"idle_timeout_s": "x"})
    assert "a whole number of bytes from" in complaint_of({"max_body_bytes": "x"})


def test_an_unknown_log_format_names_the_known_ones():
    complaint = complaint_of({"log_format": "xml"})

    assert complaint == '--log-format cannot be "xml". Use one of: auto, text, json.'


@pytest.mark.parametrize("host", ["", "a b", "a\n"])
def test_a_host_is_one_word(host):
    assert "--host is empty or has blanks" in complaint_of({"host": host})


def test_a_command_that_needs_no_port_gives_its_own():
    assert load({}, {}, no_file, default_port=3000).port == 3000
    assert load({"port": "8080"}, {}, no_file, default_port=3000).port == 8080


def test_only_keys_that_stand_in_plain_text_are_literal():
    flags = {
        "key": ["k1", "null", "env:A", "file:/b"],
        "api_key": "k2",
        "url": [OPENAI],
        "port": "1",
    }

    assert sorted(literal_keys(flags)) == ["k1", "k2"]
    assert literal_keys({"api_key": None}) == ()


def test_the_path_of_a_file_may_have_blanks_in_it():
    assert load({"port": "1", "config": "my file.yaml"}, {}, str).config == "my file.yaml"


def test_the_path_of_a_file_is_not_blank():
    with pytest.raises(BadSetting, match="--config is empty"):
        load({"port": "1", "config": " "}, {}, str)
