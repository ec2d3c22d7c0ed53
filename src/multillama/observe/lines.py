"""One line for each thing the log tells, as text for people or as JSON for programs.

Pure formatting: time comes with the facts. What a stranger wrote (a model's name, a path, an
endpoint's error) is data: it cannot start a line, colour the terminal or turn the text around.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, TypeVar

import msgspec
from msgspec.structs import asdict, replace

from multillama.core.key_like import HIDDEN, hide_keys
from multillama.core.record import Record
from multillama.core.routing import MAX_SHOWN_NAME
from multillama.core.wishes import MAX_SHOWN

LONGEST: Final = 200
"""Characters of a stranger's value in a line; an unknown model's name may be as long as a body."""
SHORTEST_SECRET: Final = 8
"""Shorter keys (`EMPTY`, `ollama`) are placeholders; wiping them out would spoil many lines."""
_CUTS: Final = (MAX_SHOWN, MAX_SHOWN_NAME)
"""Characters of a stranger's value that an error repeats: the beginning of a longer secret is one, too."""

_Form = TypeVar("_Form")

_RESET, _DIM = "\x1b[0m", "\x1b[2m"
_COLOURS: Final = {2: "\x1b[32m", 3: "\x1b[36m", 4: "\x1b[33m", 5: "\x1b[31m"}
_WARNING = "\x1b[33m"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not an exchange: a start, an endpoint that went away, a reload."""

    at: float
    """Seconds since 1970."""
    name: str
    """For programs, e.g. `endpoint_down`."""
    text: str
    """For people: a whole sentence."""
    is_warning: bool = False
    facts: dict[str, object] = {}
    """What the sentence says, for programs; only JSON lines show it."""


class Redactor:
    """Replaces every secret it knows, wherever it occurs, and what looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first: a secret that begins another one must not leave the other's tail behind.
        known = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        known |= {secret[:cut] for secret in known for cut in _CUTS}
        self._secrets = sorted(known, key=len, reverse=True)

    def clean(self, value: object) -> object:
        """Cleans a text, or every text in a list or dict."""
        if isinstance(value, str):
            return self.clean_text(value)
        if isinstance(value, dict):
            return {self.clean(key): self.clean(item) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.clean(item) for item in value]
        return value

    def clean_event(self, event: Event) -> Event:
        facts = {self.clean_text(key): self.clean(value) for key, value in event.facts.items()}
        return replace(event, text=self.clean_text(event.text), facts=facts)

    def clean_text(self, text: str) -> str:
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return hide_keys(text)

    def clean_record(self, record: Record) -> Record:
        """Cleans and shortens what strangers wrote.

        An answer of a known model holds words of our own only (names of the operation, model and
        endpoint), so the hot path pays one comparison.
        """
        if record.error is None and record.endpoint is not None:
            return record
        return replace(
            record,
            method=self._shorten(record.method),
            path=self._shorten(record.path),
            model=None if record.model is None else self._shorten(record.model),
            error_text=None if record.error_text is None else self._shorten(record.error_text),
            tried=tuple(self._shorten(tried) for tried in record.tried),
        )

    def _shorten(self, text: str) -> str:
        # Cleaned before it is cut: half a secret is not found any more.
        text = self.clean_text(text)
        return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def escape(text: str) -> str:
    r"""Makes control, direction and other invisible characters visible, e.g. `\x1b`, `\u202e`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class TextLines:
    """Lines for people, aligned in columns, in local time."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._clock = _PerSecond(lambda s: time.strftime("%H:%M:%S", time.localtime(s)))

    def records(self, records: Sequence[Record]) -> bytes:
        return b"".join(map(self.record, records))

    def record(self, record: Record) -> bytes:
        at, status = self._clock.read(record.at), str(record.status)
        if self._colour:
            at, paint = f"{_DIM}{at}{_RESET}", _COLOURS.get(record.status // 100, "")
            status = f"{paint}{status}{_RESET}"
        line = (
            f"{at} {status} {escape(record.operation):<16} {escape(record.model or '-'):<24}"
            f" → {escape(record.endpoint or '-'):<20}"
            f" {duration(record.first_byte_ms):>7} first {duration(record.total_ms):>7} total"
            f" {size(record.request_bytes):>7}→{size(record.response_bytes):<7} {tokens(record)}"
        )
        return (line.rstrip() + self._remarks(record) + "\n").encode()

    def event(self, event: Event) -> bytes:
        at, text = self._clock.read(event.at), escape(event.text)
        if self._colour:
            at = f"{_DIM}{at}{_RESET}"
            text = f"{_WARNING}{text}{_RESET}" if event.is_warning else text
        mark = "!" if event.is_warning else "·"
        return f"{at}  {mark}  {text}\n".encode()

    def _remarks(self, record: Record) -> str:
        """Says what was not plain: another outcome, endpoints that failed before; and how to ask for more."""
        remarks = ""
        if record.queue_ms is not None:
            remarks += f"  waited {duration(record.queue_ms)} for a place"
        if record.outcome != "ok":
            why = ": ".join(part for part in (record.error, record.error_text) if part)
            remarks += f"  {record.outcome}" + (f" ({escape(why)})" if why else "")
            if record.endpoint is None and record.path != "-":
                remarks += f"  {escape(record.method)} {escape(record.path)}"
        if record.tried:
            remarks += "  after " + ", ".join(escape(tried) for tried in record.tried)
        if remarks:
            remarks += f"  id {record.id}"
        if remarks and self._colour:
            return f"{_COLOURS.get(record.status // 100, '')}{remarks}{_RESET}"
        return remarks


class JsonLines:
    """Lines for programs: one JSON object each, every field always there, UTC."""

    def __init__(self) -> None:
        encoder = msgspec.json.Encoder(enc_hook=str)
        self._encode, self._encode_all = encoder.encode, encoder.encode_lines
        self._clock = _PerSecond(
            lambda s: time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(s)).encode()
        )

    def records(self, records: Sequence[Record]) -> bytes:
        """Formats many at one go: 0.5 µs each, where one by one they take 1.0."""
        try:
            encoded = self._encode_all(records)
        except UnicodeEncodeError:
            encoded = b"\x7f"
        if not encoded.isascii() or b"\x7f" in encoded:
            return b"".join(map(self.record, records))
        read = self._clock.read
        return b"".join(
            [
                b'{"time":"%b%03dZ","event":"exchange",%b\n'
                % (read(record.at), record.at % 1 * 1000, fields[1:])
                for record, fields in zip(records, encoded.splitlines(), strict=True)
            ]
        )

    def record(self, record: Record) -> bytes:
        try:
            fields = self._encode(record)
        except UnicodeEncodeError:  # half of a surrogate pair: text, but in no encoding
            fields = self._encode(_encodable(asdict(record)))
        return self._line(record.at, b'"exchange"', fields)

    def event(self, event: Event) -> bytes:
        facts = {key: value for key, value in event.facts.items() if key not in _EVENT_FIELDS}
        level = "warning" if event.is_warning else "info"
        fields = _encodable({"level": level, "text": event.text} | facts)
        return self._line(event.at, self._encode(event.name), self._encode(fields))

    def _line(self, at: float, event: bytes, fields: bytes) -> bytes:
        if not fields.isascii() or b"\x7f" in fields:
            # JSON escapes C0 only; a terminal may obey C1 too, an editor direction marks.
            text = fields.decode()
            fields = "".join(c if c.isprintable() else _as_json_escape(c) for c in text).encode()
        second, ms = self._clock.read(at), int(at % 1 * 1000)
        return b'{"time":"%b%03dZ","event":%b,%b\n' % (second, ms, event, fields[1:])


_EVENT_FIELDS: Final = frozenset({"time", "event", "level", "text"})


def _as_json_escape(character: str) -> str:
    pair = character.encode("utf-16-be")
    return "".join(f"\\u{pair[i] << 8 | pair[i + 1]:04x}" for i in range(0, len(pair), 2))


def _encodable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encodable(item) for item in value]
    return value


class _PerSecond(Generic[_Form]):
    """Formats a time once per second: the many records of one second share it."""

    def __init__(self, make: Callable[[int], _Form]) -> None:
        self._make = make
        self._second = 0
        self._form = make(0)

    def read(self, at: float) -> _Form:
        second = int(at)
        if second != self._second:
            self._second, self._form = second, self._make(second)
        return self._form


def duration(ms: float | None) -> str:
    """Says milliseconds the way people do: `3.1 ms`, `312 ms`, `1.9 s`, `2.5 min`."""
    if ms is None:
        return "-"
    if ms < 9.95:
        return f"{ms:.1f} ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f} s"
    return f"{ms / 60_000:.1f} min"


def size(count_bytes: int) -> str:
    """Says bytes the way people do: `812 B`, `1.2 kB`, `4.8 MB`."""
    if count_bytes < 1000:
        return f"{count_bytes} B"
    if count_bytes < 999_950:
        return f"{count_bytes / 1000:.1f} kB"
    return f"{count_bytes / 1_000_000:.1f} MB"


def tokens(record: Record) -> str:
    """Says input and output tokens, e.g. `19+304 tok`; nothing where the endpoint did not tell."""
    if record.input_tokens is None and record.output_tokens is None:
        return ""
    given = ("?" if n is None else str(n) for n in (record.input_tokens, record.output_tokens))
    return "+".join(given) + " tok"
