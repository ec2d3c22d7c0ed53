import pytest

from multillama.dialects.catalog import CODECS, COUNT_CODECS, EMBED_CODECS


@pytest.mark.parametrize("table", [CODECS, EMBED_CODECS, COUNT_CODECS])
def test_every_row_stands_under_its_own_name(table):
    assert [row.dialect for row in table.values()] == list(table)
