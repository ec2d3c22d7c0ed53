"""The console log: which endpoints there are, and where every request went and how it ended.

Hot path: `record` runs on the event loop for every exchange. It appends to a bounded queue
(0.1 µs) and never waits; formatting and writing happen in a thread of the log's own, in batches. A
reader that does not read costs lines, which are counted and reported, never time or memory.
"""

import errno
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, TextIO

from multillama.core.record import Record
from multillama.observe.console import open_sink
from multillama.observe.lines import Event, JsonLines, Redactor, TextLines, duration

QUEUE_LINES: Final = 8192
"""Half a second at full speed; about 8 MB when it is full."""
BATCH_LINES: Final = 128
"""Formatted at one go, about 0.1 ms: the event loop waits that long for the interpreter at most."""
PERIOD_S: Final = 0.1
"""From a line's arrival to its writing."""
CLOSE_S: Final = 1.0
NAMED_MODELS: Final = 8
"""Models named in the text of an endpoint's line; JSON names all."""

LogFormat = Literal["auto", "text", "json"]
_GONE: Final = frozenset({errno.EPIPE, errno.EBADF, errno.ECONNRESET})


class Log:
    """The console log of one gateway.

    Args:
        stream: Where it goes. It stays its owner's to close.
        format: `auto` is text on a terminal and JSON lines elsewhere.
        is_terminal: Text gets colours.
        secrets: Texts that no line may hold, e.g. every configured key.
    """

    def __init__(
        self,
        stream: int | TextIO,
        *,
        format: LogFormat = "auto",
        is_terminal: bool = False,
        secrets: Iterable[str] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sink = open_sink(stream)
        is_text = is_terminal if format == "auto" else format == "text"
        self._lines = TextLines(colour=is_terminal) if is_text else JsonLines()
        self._secrets = set(secrets)
        self._redactor = Redactor(self._secrets)
        self._now = now
        self._queue: deque[Record | Event | threading.Event] = deque()
        self._dropped = 0  # counted where lines arrive …
        self._lost = 0  # … and where they are written: each side has a counter of its own
        self._reported = 0
        self._is_asleep = False
        self._is_gone = False
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._deadline: float | None = None
        self._thread: threading.Thread | None = None

    @property
    def dropped(self) -> int:
        """Lines that never came out, since the start."""
        return self._dropped + self._lost

    def start(self) -> None:
        """Starts the writing thread; what was logged before waits in the queue."""
        self._thread = threading.Thread(target=self._run, name="multillama-log", daemon=True)
        self._thread.start()

    def record(self, record: Record) -> None:
        """Takes one finished exchange."""
        self._put(record)

    def hide(self, secrets: Iterable[str]) -> None:
        """Hides further texts from now on; what was hidden before stays so."""
        self._secrets |= set(secrets)
        self._redactor = Redactor(self._secrets)

    def event(self, name: str, text: str, /, *, is_warning: bool = False, **facts: object) -> None:
        """Takes something that is not an exchange.

        Args:
            name: For programs, e.g. `endpoint_down`.
            text: A whole sentence for people.
            is_warning: Someone should look at it.
            facts: What the sentence says, for programs.
        """
        at = self._now()
        self._put(Event(at=at, name=name, text=text, is_warning=is_warning, facts=facts))

    def endpoint_up(self, endpoint: str, *, models: Sequence[str], took_ms: float) -> None:
        """Tells that an endpoint is connected, and its models."""
        named = ", ".join(models[:NAMED_MODELS])
        more = f" and {len(models) - NAMED_MODELS} more" if len(models) > NAMED_MODELS else ""
        count = f"{len(models)} model{'' if len(models) == 1 else 's'}"
        text = f"{endpoint} is up with {count}, listed in {duration(took_ms)}"
        text += f": {named}{more}" if models else ""
        self.event("endpoint_up", text, endpoint=endpoint, models=list(models), took_ms=took_ms)

    def endpoint_down(self, endpoint: str, *, reason: str) -> None:
        """Tells that an endpoint does not answer."""
        text = f"{endpoint} is down: {reason}"
        self.event("endpoint_down", text, is_warning=True, endpoint=endpoint, reason=reason)

    def flush(self, timeout_s: float = CLOSE_S) -> bool:
        """Waits until all that was logged so far is written, or lost.

        Returns:
            False if that takes too long, or if nobody reads the log any more.
        """
        done = threading.Event()
        self._queue.append(done)
        self._hurry.set()
        self._wake.set()
        return done.wait(timeout_s) and not self._is_gone

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Writes what can be written in that time and ends the thread."""
        self._deadline = time.monotonic() + timeout_s
        self._hurry.set()
        self._wake.set()
        if self._thread is None:
            self._drain()
            return
        # A disk that hangs can hold the thread longer: then it is left behind, it is a daemon.
        self._thread.join(timeout_s + 2 * PERIOD_S)

    def _put(self, line: Record | Event) -> None:
        if len(self._queue) >= QUEUE_LINES:
            self._dropped += 1
            return
        self._queue.append(line)
        if self._is_asleep:
            self._is_asleep = False
            self._wake.set()

    def _run(self) -> None:
        while self._deadline is None:
            self._sleep()
            self._drain()
        self._drain()

    def _sleep(self) -> None:
        """Waits for a first line without a time limit, then a moment for others to join it."""
        self._wake.clear()
        self._is_asleep = True
        # Asked again after the flag is up: what arrived before it did not wake us.
        if not self._queue and self._deadline is None:
            self._wake.wait()
        self._is_asleep = False
        if self._deadline is None:
            self._hurry.wait(PERIOD_S)
            self._hurry.clear()

    def _drain(self) -> None:
        lines: list[Record | Event] = []
        while self._queue:
            line = self._queue.popleft()
            if isinstance(line, threading.Event):
                lines = self._write(lines)
                line.set()
                continue
            lines.append(line)
            if len(lines) == BATCH_LINES:
                lines = self._write(lines)
        if lines or self.dropped > self._reported:
            self._write(lines)

    def _format(self, lines: list[Record | Event]) -> bytes:
        formed: list[bytes] = []
        records: list[Record] = []  # those that follow one another are formatted at one go
        for line in lines:
            if isinstance(line, Record):
                records.append(self._redactor.clean_record(line))
                continue
            formed.append(self._lines.records(records))
            formed.append(self._lines.event(self._redactor.clean_event(line)))
            records.clear()
        formed.append(self._lines.records(records))
        return b"".join(formed)

    def _write(self, lines: list[Record | Event]) -> list[Record | Event]:
        """Writes the lines or counts them as lost; returns the empty batch to go on with."""
        if self._is_gone or self._is_too_late():
            self._lost += len(lines)
            return []
        missing = self.dropped - self._reported
        first: list[Record | Event] = [self._loss(missing)] if missing else []
        try:
            self._sink.write(self._format(first + lines), give_up=self._is_too_late)
        except OSError as error:
            self._lost += len(lines)
            self._is_gone = error.errno in _GONE
            return []
        self._reported += missing
        return []

    def _loss(self, count: int) -> Event:
        text = f"{count} lines of this log were lost: its reader was too slow or its disk full"
        return Event(
            at=self._now(), name="lines_lost", text=text, is_warning=True, facts={"lines": count}
        )

    def _is_too_late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline
