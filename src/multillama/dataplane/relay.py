"""The client's side of one answer: one head, one framing and one end, however many attempts fill it.

Bytes are forwarded as they come, with the framing made anew and a copy of the edges kept for counting. The first byte
commits the exchange; after it a failure can only be told inside the stream, or by breaking off.

HOT: `pass_on` runs for every segment of every answer.
"""

import asyncio
from typing import ClassVar, Final, NamedTuple, Protocol

from multillama.core.alive import Alive
from multillama.core.refusal import error_event, error_row
from multillama.core.resume import KEPT_BYTES
from multillama.core.usage import read_usage
from multillama.dataplane.layout import learns_names
from multillama.dataplane.outbox import Outbox
from multillama.errors import GatewayError
from multillama.wire.answer_memo import AnswerHead
from multillama.wire.answers import status_line
from multillama.wire.rows import WholeRows

EDGE_BYTES: Final = 2048
"""How much of an answer's beginning and end is kept, to read its usage."""

END: Final = b"\r\n"
"""In place of a last header line: joined to the others it ends the head."""
LAST_CHUNK: Final = b"0\r\n\r\n"
CHUNKED: Final = "transfer-encoding: chunked"
ANTHROPIC: Final = "anthropic.messages"
PATH: Final = b"x-multillama-path"
PASSED: Final = "\r\nx-multillama-path: passthrough"
"""Says that the body goes as it is; a translation names its two dialects instead."""
NOBODY: Final = "-"
"""In place of the endpoint's name, where it is not known yet."""
UNBUFFERED: Final = b"x-accel-buffering: no"
"""Tells an nginx in front of us to pass events on as they come."""

MAX_PIECES: Final = 16
"""In which an answer's end is kept."""
OPENING: Final = 0
"""No piece is passed over while a stream's first bytes are kept."""


class Ahead(NamedTuple):
    """How a client is written to at once."""

    transport: asyncio.Transport
    outbox: Outbox
    """What waits there is to be written before."""


class Client(Protocol):
    """The client's side, as an answer needs it."""

    has_http_11: bool

    @property
    def is_slow(self) -> bool:
        """True while it does not take the bytes that it was sent."""

    def may_keep_alive(self) -> bool: ...
    def date(self) -> bytes:
        """Returns the value of a `date` of now."""

    def on_commit(self) -> None:
        """Comes once, before the first byte of the answer."""

    def write(self, data: bytes) -> None: ...
    @property
    def ahead(self) -> Ahead:
        """How it is written to at once."""

    def hang_up(self, *, hard: bool) -> None:
        """Ends the connection; `hard` so that the client cannot take it for the end of the answer."""


@learns_names()
class Relay:
    """The answer that one client gets."""

    # Defaults stand on the class: attributes set one by one would cost every exchange a microsecond.
    is_begun: bool = False
    """True once the client has, or is about to have, the first byte."""
    status: int = 0
    is_event_stream: bool = False
    """True once an answer of server-sent events has begun."""
    must_close: bool = False
    """True when the client's connection cannot carry another exchange."""
    first_byte_at: float = 0.0
    """On the monotonic clock, once begun."""
    answer_bytes: int = 0
    opening: bytes = b""
    """The first bytes of a stream, and of an answer too long for `ending`."""
    kept: list[bytes] | None = None
    """All whole events so far, where the stream may have to be continued; None where it need not or cannot be."""
    told: tuple[int | None, int | None] | None = None
    """Tokens in and out, where a translation has read them."""
    has_all: bool = False
    """True once a translation has given the stream's last event: clients may leave at it."""
    can_tell: bool = False
    """True for a stream that an event of ours can end: its length is not told and it is not compressed."""
    runs: ClassVar[bool] = True
    """False where each piece of the answer must be seen."""
    _head_bytes: bytes = b""
    _is_chunked: bool = False
    _is_framed: bool = False
    max_pieces: int = MAX_PIECES
    """`OPENING`, while a stream's first bytes are kept, too."""

    def __init__(self, client: Client, dialect: str, exchange_id: str) -> None:
        """Takes the client's dialect, and the id that it is sent as `x-request-id`.

        Where the endpoint has an id of its own, ours goes as `x-multillama-id`.
        """
        self._client = client
        self._dialect = dialect
        self._exchange_id = exchange_id
        self.ending: list[bytes] = []
        """The last bytes of the answer, in pieces."""

    def begin(self, head: AnswerHead, endpoint: str, *, at: float, notes: bytes = b"") -> None:
        """Commits: from here the client sees this answer.

        Args:
            head: The endpoint's.
            endpoint: Its name.
            at: When its first byte came, on the monotonic clock.
            notes: Further header lines without the last CRLF.
        """
        self.is_begun = True
        self.first_byte_at = at
        self.status = head.status
        client, lines, length = self._client, head.lines, head.length
        if not head.has_date:  # RFC 9110 §6.6.1
            lines.append(b"date: " + client.date())
        way = PASSED if endpoint != NOBODY and (not notes or PATH not in notes) else ""
        # The endpoint's own request id is the one its support asks for, so it keeps that name.
        name = "x-multillama-id" if head.has_request_id else "x-request-id"
        other = self._anthropic_id(head) if self._dialect == ANTHROPIC else ""
        own = f"{name}: {self._exchange_id}{other}\r\nx-multillama-endpoint: {endpoint}{way}"
        if length is not None:
            self._is_framed = True
            # 204 has no framing line at all (RFC 9110 §8.6); a 304's length describes what is not sent.
            if head.status != 204:
                own = f"{own}\r\ncontent-length: {length}"
        elif head.may_have_body:
            self._is_chunked = self._is_framed = client.has_http_11
            if self._is_chunked:
                own = f"{own}\r\n{CHUNKED}"
            else:
                self.must_close = True
        lines.append(own.encode("latin-1"))
        if notes:
            lines.append(notes)
        if head.is_event_stream:
            self._begin_stream(head)
        else:
            self.kept = None
        if self.must_close or not client.may_keep_alive():
            self.must_close = True
            lines.append(b"connection: close")
        elif not client.has_http_11:
            lines.append(b"connection: keep-alive")
        lines.append(END)
        self._head_bytes = status_line(head.status) + b"\r\n".join(lines)
        client.on_commit()

    def _anthropic_id(self, head: AnswerHead) -> str:
        """Returns the header line with the id that Anthropic's clients look for, where the endpoint has sent none."""
        if any(line[:11].lower() == b"request-id:" for line in head.lines):
            return ""
        return f"\r\nrequest-id: {self._exchange_id}"

    def id_lines(self) -> bytes:
        """Returns the header lines with our id for an answer of our own, with their line ends."""
        line = f"x-request-id: {self._exchange_id}\r\n"
        if self._dialect == ANTHROPIC:
            line += f"request-id: {self._exchange_id}\r\n"
        return line.encode("latin-1")

    def _begin_stream(self, head: AnswerHead) -> None:
        self.is_event_stream = True
        self.max_pieces = OPENING
        self.can_tell = head.has_open_events
        if not self.can_tell:
            self.kept = None
        if not head.is_unbuffered:
            head.lines.append(UNBUFFERED)

    def pass_on(self, data: bytes, is_last: bool) -> None:
        """Forwards bytes of the body, maybe none; the answer is complete with `is_last`."""
        if data:
            size = len(data)
            self.answer_bytes += size
            ending = self.ending
            ending.append(data)
            if len(ending) > self.max_pieces or size > EDGE_BYTES:
                self.trim()
            if self._is_chunked:
                data = b"%x\r\n" % size + data + b"\r\n"
                if is_last:
                    data += LAST_CHUNK
            if self._head_bytes:
                data = self._head_bytes + data
                self._head_bytes = b""
            self._client.write(data)
        elif self._head_bytes or (is_last and self._is_chunked):
            last = LAST_CHUNK if is_last and self._is_chunked else b""
            data, self._head_bytes = self._head_bytes + last, b""
            self._client.write(data)

    @property
    def may_run(self) -> bool:
        """True where an endpoint's chunks of events may go on as they are: nothing waits, or must be seen."""
        is_plain = self.runs and self.is_event_stream and self._is_chunked
        return is_plain and self.kept is None and not self._head_bytes

    @property
    def ahead(self) -> Ahead:
        """How the client is written to at once."""
        return self._client.ahead

    def trim(self) -> None:
        """Keeps the edges of the answer: its usage stands there."""
        ending = self.ending
        if self.max_pieces == OPENING:
            self.opening += ending[-1][: EDGE_BYTES - len(self.opening)]
            if len(self.opening) >= EDGE_BYTES:
                self.max_pieces = MAX_PIECES
            if len(ending) <= MAX_PIECES and len(ending[-1]) <= EDGE_BYTES:
                return
        if not self.opening:
            self.opening = b"".join(ending)[:EDGE_BYTES]
        tail = ending[-1] if len(ending[-1]) >= EDGE_BYTES else b"".join(ending)
        ending[:] = [tail[-EDGE_BYTES:]]

    def tokens(self) -> tuple[int | None, int | None]:
        """Returns what the answer took, into the model and out of it, as far as it was told."""
        if self.told is not None:
            return self.told
        usage = read_usage(self.opening, b"".join(self.ending))
        return usage.input_tokens, usage.output_tokens

    def forget_edges(self) -> None:
        """Keeps nothing to read the usage from: it is counted elsewhere."""
        self.opening = b""
        self.ending.clear()

    def keep(self, data: bytes) -> None:
        """Keeps whole events that the client gets, up to a limit."""
        if self.kept is not None:
            self.kept.append(data)
            if self.answer_bytes + len(data) > KEPT_BYTES:
                self.kept = None

    def keep_alive(self, alive: Alive, *, at: float, notes: bytes) -> None:
        """Tells a client that waits for its stream's first event that we are still here; this begins the answer."""
        if not self.is_begun:
            head = AnswerHead(200)
            head.is_event_stream = True
            head.lines = [b"content-type: " + alive.kind, b"cache-control: no-cache"]
            self.begin(head, NOBODY, at=at, notes=notes)
        self.pass_on(alive.sign, False)

    @property
    def is_client_slow(self) -> bool:
        return self._client.is_slow

    def break_off(self, error: GatewayError, rows: WholeRows | None = None) -> None:
        """Tells the client, which has the head and maybe more, that the answer is not whole.

        Half an event, or half a row, is held back and never sent, so that what is told stands alone.

        Args:
            error: Why.
            rows: Of an answer that is an array, where it has come to.
        """
        client = self._client
        last = self._last_words(error, rows)
        if last is None:
            self.must_close = True
            # Without framing, an orderly end would look like the end of the answer.
            client.hang_up(hard=not self._is_framed)
            return
        head, self._head_bytes = self._head_bytes, b""
        if self._is_chunked:
            last = (b"%x\r\n%b\r\n" % (len(last), last) if last else b"") + LAST_CHUNK
        client.write(head + last)

    def _last_words(self, error: GatewayError, rows: WholeRows | None) -> bytes | None:
        """Returns the bytes that end the answer with an error; None where no bytes could."""
        if self.can_tell:
            return error_event(error, self._dialect)
        if rows is None or (self._is_framed and not self._is_chunked) or self.status >= 400:
            return None
        return rows.last(error_row(error))
