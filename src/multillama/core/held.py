"""What an answer is while it is held back: a failure that another target may survive, an answer, or not clear yet.

An error status, comments and blanks at the beginning, and a body that begins as an error's are held back; all else is
clear with its first byte.

HOT: `is_clear` runs once or twice for each answer.
"""

from typing import Final

from multillama.core.causes import (
    cause_of_body,
    cause_of_first_event,
    cause_of_status,
    is_keep_alive,
)
from multillama.wire.answer_memo import AnswerHead

HELD_BYTES: Final = 64 * 1024
"""An answer that may be a failure is held back up to this size; a longer one goes to the client."""
FAILURE_S: Final = 2.0
"""How long the body of a failure is waited for."""
SIGNS_S: Final = 10.0
"""How long comments and blanks wait for what follows them; then the client may need them more, so as not to give up."""
_ERROR: Final = b'{"error"'
STARTS: Final = frozenset(_ERROR[2:end] for end in range(2, len(_ERROR) + 1))
"""How `error` begins, as far as it has come, behind the first two bytes of a body."""
_BLANKS: Final = b" \t\r\n"


def is_clear(head: AnswerHead, held: bytes, *, follows: bool) -> bool:
    """Says whether it can be told what an answer is, before its end.

    Args:
        head: Of the answer.
        held: What has come of its body.
        follows: True if the client has some of a stream already, which this is to go on with.
    """
    if len(held) > HELD_BYTES:
        return True
    if not held or head.status >= 400:
        return False
    if head.is_event_stream:
        return not is_keep_alive(held)
    return not follows and not _may_be_error(head, held)


def cause_of_held(
    head: AnswerHead, held: bytes, *, follows: bool, is_whole: bool = True
) -> str | None:
    """Names the cause why an answer is a failure; None for one that is none.

    Args:
        head: As in `is_clear`, as the next two.
        held: See there.
        follows: See there.
        is_whole: True if nothing more will come.
    """
    if head.status >= 400:
        # In a stream that has begun, an error's body would be no event: it is told in one.
        return cause_of_status(head.status, held) or ("internal" if follows else None)
    if not held:
        return "empty" if head.status == 200 or follows else None
    if head.is_event_stream:
        return cause_of_first_event(held)
    if follows:
        return "malformed"
    if is_whole and head.status == 200 and _may_be_error(head, held):
        return cause_of_body(held)
    return None


def wait_s(head: AnswerHead, held: bytes) -> float | None:
    """Returns how long an answer that is not clear may be held back; None where nothing would be gained by an end."""
    if head.status >= 400:
        return FAILURE_S
    if not held:
        return None
    return SIGNS_S if head.is_event_stream or not held.strip(_BLANKS) else FAILURE_S


def _may_be_error(head: AnswerHead, held: bytes) -> bool:
    """Says whether a body begins as an error's, as far as it has come; also for nothing but blanks."""
    if head.length is not None and head.length > HELD_BYTES:
        return False
    begins = held.lstrip(_BLANKS)[:64].translate(None, _BLANKS)
    begins = begins.removeprefix(
        b"["
    )  # Gemini's stream without `alt=sse` is an array, and so is its error
    return _ERROR.startswith(begins[: len(_ERROR)])
