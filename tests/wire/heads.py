"""Heads as tests write them: only the fields that matter, on a request that is good otherwise."""

import pytest

from multillama.errors import GatewayError
from multillama.wire.heads import read_head

HOST = (b"Host", b"a")


def read(*fields, target=b"/v1/chat/completions", method=b"POST", has_http_11=True, host=HOST):
    whole = [*([host] if host else []), *fields]
    return read_head(method, target, whole, has_http_11=has_http_11)


def refusal(*fields, **how):
    with pytest.raises(GatewayError) as caught:
        read(*fields, **how)
    assert caught.value.origin == "client"
    return caught.value.kind


def forwarded(*fields):
    return b"".join(read(*fields).forward)
