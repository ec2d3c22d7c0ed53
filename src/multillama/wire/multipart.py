"""Multipart: finds the form field `model` in an upload still arriving, and replaces its value.

It reads only as far as that field, keeps no data but the field's, and never touches another byte.
What it cannot read without guessing it refuses: an endpoint might guess differently.
Source: RFC 2046 §5.1.1 (boundaries), RFC 7578 §4 (form-data).
"""

import re
from collections.abc import Callable
from typing import Final

from multillama.errors import GatewayError

_CRLF: Final = b"\r\n"
_LONGEST_PADDING: Final = 64
"""Blanks after a boundary: RFC 2046 allows any number, real clients send none."""
_LONGEST_HEAD: Final = 8 * 1024
_LONGEST_VALUE: Final = 512

_BOUNDARY: Final = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_KIND: Final = re.compile(rb"[ \t]*+([^;\s]*+)[ \t]*+")
# Possessive throughout: hostile input must not make it try twice.
_PARAMETER: Final = re.compile(
    rb";[ \t]*+"
    rb"(?:([!#$%&'*+.^_`|~0-9A-Za-z-]++)=(?:\"((?:[^\"\\]|\\.)*+)\"|([^;\"]*+)))?+"
    rb"[ \t]*+",
    re.DOTALL,
)
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_FOLD: Final = re.compile(rb"\r\n[ \t]++")


def boundary_of(content_type: bytes) -> bytes | None:
    """Returns the boundary in a Content-Type, or None if that is not `multipart/form-data`.

    Raises:
        GatewayError: `bad_request`; the boundary is missing, given twice, or not of RFC 2046.
    """
    kind = _KIND.match(content_type)
    if kind is None or kind[1].lower() != b"multipart/form-data":
        return None
    boundary = _parameters(content_type, kind.end()).get(b"boundary")
    if boundary is None:
        raise GatewayError("bad_request", "The Content-Type of this upload names no boundary.")
    if not _BOUNDARY.fullmatch(boundary):
        raise GatewayError("bad_request", "The boundary of this upload is not a legal one.")
    return boundary


def replace_model(body: bytes, boundary: bytes, new: bytes) -> bytes:
    """Replaces the value of the form field `model`; every other byte stays.

    Args:
        body: The upload from its first byte at least to the end of the field.
        boundary: As `boundary_of` returned it.
        new: The new value as it stands in a form: no quotes, UTF-8.

    Raises:
        GatewayError: As `ModelFinder.feed`, and `model_missing` when the field is not in `body`.
    """
    finder = ModelFinder(boundary, limit_bytes=len(body))
    finder.feed(body)
    if finder.span is None:
        raise _missing()
    start, end = finder.span
    return body[:start] + new + body[end:]


class ModelFinder:
    """Reads an upload piece by piece until the form field `model` is known.

    The buffer holds what may still matter: the start of a boundary, a part's head, or the field's
    value. The line end before a boundary belongs to the boundary, so the line ends before a part's
    head and data are kept in the buffer: whatever follows them may be a boundary at once.
    """

    def __init__(self, boundary: bytes, *, limit_bytes: int) -> None:
        """Takes the boundary, and how many bytes may pass before the model must be known."""
        self.model: str | None = None
        self.span: tuple[int, int] | None = None
        """Where the value stands in the upload: first byte, and the byte after it."""
        self.is_done = False
        """The field was found, or the closing boundary was seen: no byte more is looked at."""
        self._delimiter = b"\r\n--" + boundary
        self._limit_bytes = limit_bytes
        self._fed_bytes = 0
        self._buffer = bytearray(_CRLF)  # the first boundary has no line end of its own
        self._at = -len(_CRLF)  # the buffer's place in the upload
        self._searched = 0  # no match starts before this place of the buffer
        self._step: Callable[[], bool] = self._skip_data

    def feed(self, data: bytes) -> None:
        """Takes the next piece of the upload, of any size.

        Raises:
            GatewayError: `bad_request` (malformed, or a model name over 512 bytes or not UTF-8),
                `model_missing` (the field is empty), `body_too_large` (no field within the limit).
        """
        if self.is_done:
            return
        self._buffer += data[: max(0, self._limit_bytes - self._fed_bytes)]
        self._fed_bytes = min(self._fed_bytes + len(data), self._limit_bytes + 1)
        while not self.is_done and self._step():
            pass
        if self.is_done:
            self._buffer.clear()
        elif self._fed_bytes > self._limit_bytes:
            raise GatewayError(
                "body_too_large",
                f"The form field `model` is not within the first {self._limit_bytes} bytes of the "
                "upload. Send it before the file.",
                param="model",
            )

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._at += count
        self._searched = 0

    def _find(self, what: bytes, within: int) -> int:
        """Returns where `what` starts in the first `within` bytes of the buffer, or -1.

        Each byte is looked at once, however small the pieces are.
        """
        found = self._buffer.find(what, self._searched, within)
        self._searched = max(0, len(self._buffer) - len(what) + 1)
        return found

    # The steps: each returns False when it needs more bytes, True when the next one may run.

    def _skip_data(self) -> bool:
        found = self._find(self._delimiter, len(self._buffer))
        if found < 0:
            self._drop(self._searched)
            return False
        self._drop(found + len(self._delimiter))
        self._step = self._end_boundary
        return True

    def _end_boundary(self) -> bool:
        if self._buffer.startswith(b"--"):
            self.is_done = True
            return True
        longest = _LONGEST_PADDING + len(_CRLF)
        found = self._find(_CRLF, longest)
        if found < 0 and len(self._buffer) < longest:
            return False
        if found < 0 or self._buffer[:found].strip(b" \t"):
            raise GatewayError("bad_request", "A boundary line of this upload is malformed.")
        self._drop(found)
        self._step = self._read_head
        return True

    def _read_head(self) -> bool:
        longest = _LONGEST_HEAD + 3 * len(_CRLF)
        found = self._find(_CRLF + _CRLF, longest)
        if found < 0:
            if len(self._buffer) >= longest:
                raise GatewayError("bad_request", "The head of a part of this upload is too long.")
            return False
        is_model = _is_model_field(bytes(self._buffer[len(_CRLF) : found]))
        self._drop(found + len(_CRLF))
        self._step = self._read_value if is_model else self._skip_data
        return True

    def _read_value(self) -> bool:
        longest = len(_CRLF) + _LONGEST_VALUE + len(self._delimiter)
        end = self._find(self._delimiter, longest)
        if end < 0:
            if len(self._buffer) >= longest:
                text = f"The form field `model` is longer than {_LONGEST_VALUE} bytes."
                raise GatewayError("bad_request", text, param="model")
            return False
        start = len(_CRLF)
        if end <= start:
            raise _missing()
        try:
            self.model = self._buffer[start:end].decode()
        except UnicodeDecodeError as error:
            text = "The form field `model` is not valid UTF-8."
            raise GatewayError("bad_request", text, param="model") from error
        self.span = (self._at + start, self._at + end)
        self.is_done = True
        return True


def _missing() -> GatewayError:
    return GatewayError("model_missing", "The form has no field `model`. Name one.", param="model")


def _is_model_field(head: bytes) -> bool:
    """Says whether a part is the field: named `model`, and not a file of that name."""
    disposition: bytes | None = None
    for line in _FOLD.sub(b" ", head).split(_CRLF) if head else ():
        name, colon, value = line.partition(b":")
        if not colon:
            raise GatewayError("bad_request", "The head of a part of this upload is malformed.")
        if name.strip(b" \t").lower() != b"content-disposition":
            continue
        if disposition is not None:
            raise GatewayError("bad_request", "A part of this upload has two names.")
        disposition = value
    if disposition is None:
        return False
    kind = _KIND.match(disposition)
    if kind is None or kind[1].lower() != b"form-data":
        return False
    parameters = _parameters(disposition, kind.end())
    return parameters.get(b"name") == b"model" and not parameters.keys() & {
        b"filename",
        b"filename*",
    }


def _parameters(value: bytes, at: int) -> dict[bytes, bytes]:
    """Reads a header's parameters from `at` on: names in lower case, values unquoted."""
    parameters: dict[bytes, bytes] = {}
    while at < len(value):
        match = _PARAMETER.match(value, at)
        if match is None:
            raise GatewayError("bad_request", "A header of this upload has a malformed parameter.")
        at = match.end()
        name, quoted, plain = match.groups()
        if name is None:
            continue
        if name.lower() in parameters:
            raise GatewayError("bad_request", "A header of this upload has a parameter twice.")
        parameters[name.lower()] = (
            plain.rstrip(b" \t") if quoted is None else _ESCAPED.sub(rb"\1", quoted)
        )
    return parameters
