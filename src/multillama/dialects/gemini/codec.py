"""The rows of Gemini.

A stream has two forms: `CODEC` has that of server-sent events; `ArrayReader` and `ArrayWriter` have the other, which is
one JSON array, sent as `application/json`.
"""

from types import MappingProxyType
from typing import Final

from msgspec import structs

from multillama.core.codec import Codec, CountCodec, EmbedCodec
from multillama.dialects.gemini.answer import read_answer, write_answer
from multillama.dialects.gemini.array import ArrayReader, ArrayWriter
from multillama.dialects.gemini.count import (
    read_count,
    read_count_request,
    write_count,
    write_count_request,
)
from multillama.dialects.gemini.embed import (
    SAYS as EMBED_SAYS,
    read_batch,
    read_embed,
    read_vectors,
    write_batch,
    write_embed,
    write_vector,
    write_vectors,
)
from multillama.dialects.gemini.fault import read_fault, write_fault, write_fault_event
from multillama.dialects.gemini.request import FAMILY, read_request, write_request
from multillama.dialects.gemini.settings import NAMES as SETTINGS
from multillama.dialects.gemini.stream import Reader, Writer

__all__ = [
    "BATCH_EMBED_CODEC", "CODEC", "COUNT_CODEC", "EMBED_CODEC", "UNFRAMED_CODEC", "ArrayReader", "ArrayWriter",
]  # fmt: skip

_NAMES: Final = {**SETTINGS, "tool_choice": "toolConfig", "service_tier": "serviceTier"}

CODEC: Final = Codec(
    dialect="gemini",
    family=FAMILY,
    read_request=read_request,
    write_request=write_request,
    read_answer=read_answer,
    write_answer=write_answer,
    reader=Reader,
    writer=Writer,
    read_fault=read_fault,
    write_fault=write_fault,
    write_fault_event=write_fault_event,
    says=frozenset((*_NAMES, "tools", "store")),
    names=MappingProxyType(_NAMES),
)
UNFRAMED_CODEC: Final = structs.replace(
    CODEC, reader=ArrayReader, writer=ArrayWriter, stream_type=b"application/json"
)
"""For clients that stream without `alt=sse`."""
EMBED_CODEC: Final = EmbedCodec(
    dialect="gemini.embed",
    family=FAMILY,
    read_request=read_embed,
    write_request=write_embed,
    read_answer=read_vectors,
    write_answer=write_vector,
    read_fault=read_fault,
    write_fault=write_fault,
    says=EMBED_SAYS,
)
BATCH_EMBED_CODEC: Final = EmbedCodec(
    dialect="gemini.batch_embed",
    family=FAMILY,
    read_request=read_batch,
    write_request=write_batch,
    read_answer=read_vectors,
    write_answer=write_vectors,
    read_fault=read_fault,
    write_fault=write_fault,
    says=EMBED_SAYS,
)
COUNT_CODEC: Final = CountCodec(
    dialect="gemini",
    family=FAMILY,
    read_request=read_count_request,
    write_request=write_count_request,
    read_answer=read_count,
    write_answer=write_count,
    read_fault=read_fault,
    write_fault=write_fault,
)
