import pytest

from multillama.core.canonical import Source
from multillama.core.data_url import data_url, source_of


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://x/y.png", Source(url="https://x/y.png")),
        ("data:image/png;base64,QUJD", Source(data="QUJD", media_type="image/png")),
        ("data:text/plain;charset=utf-8;base64,QUJD", Source(data="QUJD", media_type="text/plain")),
        ("data:;base64,QUJD", Source(data="QUJD")),
        ("data:text/plain,hi", Source(url="data:text/plain,hi")),
    ],
)
def test_bytes_are_in_the_url_or_behind_it(url, source):
    assert source_of(url) == source


def test_bytes_are_put_into_a_url():
    assert data_url("QUJD", "image/png") == "data:image/png;base64,QUJD"
