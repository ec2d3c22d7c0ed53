import re

import pytest
from starlette.requests import Request

from multillama.web.assets import FOLDER, Assets

NAMES = sorted(path.name for path in FOLDER.iterdir())


def request(query: str = "", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "query_string": query.encode(), "headers": raw})


@pytest.mark.parametrize("name", NAMES)
def test_a_file_by_its_own_address_is_kept_for_good(name: str) -> None:
    assets = Assets()
    query = assets.url(name).partition("?")[2]

    response = assets.respond(request(query), name)

    assert response is not None
    assert response.body == (FOLDER / name).read_bytes()
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("query", ["", "v=old", "v="])
def test_a_file_by_any_other_address_is_asked_for_again(query: str) -> None:
    response = Assets().respond(request(query), "page.css")

    assert response is not None
    assert response.headers["cache-control"] == "no-cache"


def test_a_file_the_browser_has_is_not_sent_again() -> None:
    assets = Assets()
    first = assets.respond(request(), "page.js")
    assert first is not None

    second = assets.respond(request(if_none_match=first.headers["etag"]), "page.js")

    assert second is not None
    assert (second.status_code, second.body) == (304, b"")


@pytest.mark.parametrize("name", ["", "no.css", "../app.py", "..%2fapp.py", "/etc/passwd"])
def test_nothing_but_our_files_is_served(name: str) -> None:
    assert Assets().respond(request(), name) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_file_names_nothing_from_elsewhere_and_stays_readable(name: str) -> None:
    text = (FOLDER / name).read_text()

    addresses = re.findall(r"(?:https?:)?//\w[\w.-]*", text)

    assert set(addresses) <= {"http://www.w3.org"}  # the name of SVG, which is never fetched
    assert len(text.splitlines()) <= 400


def test_the_script_never_makes_markup_of_texts() -> None:
    script = (FOLDER / "page.js").read_text()

    found = re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|Function\(|\.style\b", script
    )

    assert found == []
