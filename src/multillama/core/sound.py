"""Finds what must not reach a client whose answer can be continued: an error in the stream, or garbage.

HOT: `sound_part` runs for every segment of a stream that may be continued, and of no other; 1.6 to 2 µs an event.
"""

from typing import Any, Final

import msgspec

from multillama.core.partial import UNREADABLE
from multillama.wire.sse import data_of, events_in


class _Event(msgspec.Struct):
    error: Any = None
    type: Any = None


_EVENT: Final = msgspec.json.Decoder(_Event)


def sound_part(data: bytes) -> tuple[bytes, str | None]:
    """Looks through whole events.

    Returns:
        The bytes before the first event that is none of an answer, and what that is, as half a sentence; the caller
        names the endpoint. All bytes and None where there is no such event.
    """
    at = 0
    for event in events_in(data):
        fault = _fault(event)
        if fault is not None:
            return data[:at], fault
        at += len(event)
    return data, None


def _fault(event: bytes) -> str | None:
    data = data_of(event)
    if data is None:
        # llama.cpp told errors in a field of this name until 2025.
        return _ERROR if event[:6] == b"error:" else None
    if data in (b"[DONE]", b""):
        return None
    try:
        said = _EVENT.decode(data)
    except UNREADABLE:
        return "sent an event that is no JSON object"
    return _ERROR if said.error is not None or said.type == "error" else None


_ERROR: Final = "sent an error in the middle of its answer"
