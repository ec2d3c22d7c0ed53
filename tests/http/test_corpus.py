"""The request corpus of gunicorn against the gateway; its files are fetched, never kept in the repository.

Each request gets a Host and a path of ours, so that its peculiarity decides. gunicorn calls 62 of them valid and 81
invalid; where the gateway rightly answers otherwise, a line below says why.
"""

import pytest

from tests.http.case import PROBE
from tests.http.client import Answer, exchange, one_by_one, read_answers
from tests.http.corpus import Sample, as_ours, load
from tests.http.in_process import stage
from tests.http.test_splits import cuts_of

pytestmark = [pytest.mark.network, pytest.mark.timeout(180)]  # the first run fetches the corpus

CODING = "the only coding served is chunked"
METHOD = "the method is none that is served"
PROXY = "nothing here speaks the PROXY protocol; gunicorn has it switched on"
FOLD = "a folded field may be refused (RFC 9112 §5.2); gunicorn has it switched on"
LIMIT = "a limit of gunicorn's, set for this file; ours are wider"
UNDERSCORE = "a name with an underscore is dropped; gunicorn is set to refuse it"
TRAILER = "all trailers are dropped, so a forbidden one does no harm (RFC 9110 §6.5.1)"

REFUSED_HERE = {
    "valid/005": "a fragment is no part of a request target (RFC 9112 §3.2)",
    "valid/014": "a quote must be percent-encoded (RFC 3986 §2)",
    "valid/028": "a space before a colon is refused (RFC 9112 §5.1); gunicorn has it switched on",
    "valid/rfc9112_target_absolute_userinfo_01": "a user in an http URL is an error (RFC 9110 §4.2.4)",
    **dict.fromkeys(("valid/025", "valid/025_line", "valid/029", "valid/030"), CODING),
    "valid/rfc9112_smuggle_gzip_chunked_01": CODING,
    "valid/rfc9112_smuggle_te_identity_chunked_01": CODING,
    **dict.fromkeys(("valid/031", "valid/031compat", "valid/031compat2"), METHOD),
    **dict.fromkeys(("valid/compat_obs_fold", "valid/compat_obs_fold_huge"), FOLD),
    **dict.fromkeys(("valid/pp_01", "valid/pp_02", "valid/pp_04", "valid/pp_05"), PROXY),
}
"""Valid for gunicorn, refused here."""
SERVED_HERE = {
    **dict.fromkeys(
        (f"invalid/{name}" for name in ("006", "007", "008", "010", "011", "012", "017")), LIMIT
    ),
    "invalid/limit_header_default_01": LIMIT,
    "invalid/019": "what says who the client is, is dropped; gunicorn is set to believe it",
    **dict.fromkeys(("invalid/040", "invalid/chunked_07"), UNDERSCORE),
    "invalid/rfc9110_trailer_forbidden_cl_01": TRAILER,
    "invalid/rfc9110_trailer_forbidden_host_01": TRAILER,
    "invalid/rfc9110_trailer_forbidden_te_01": TRAILER,
    "invalid/rfc9112_leading_crlf_02": "a few empty lines before a request are skipped (RFC 9112 §2.2)",
}
"""Invalid for gunicorn, served here."""
INCOMPLETE = {
    "valid/099": "its file is shorter than its length says",
    "invalid/001": "it ends within its head",
    "invalid/rfc9112_chunked_missing_final_crlf_01": "it ends before its last line",
}
"""The client's end meets silence."""
TWICE = {"valid/018", "valid/022", "valid/023"}
"""Two requests, of which the second has no Host."""

FRAMED = (200, 204, 404, 405)
"""What comes of a sound request here, besides 400 `invalid_json`: no body of the corpus is JSON for us."""
REFUSALS = (400, 405, 413, 414, 431, 501, 505)


@pytest.fixture(scope="module")
def corpus() -> list[Sample]:
    return load()


def sent(sample: Sample) -> bytes:
    return as_ours(sample.raw) + (b"" if sample.name in INCOMPLETE else PROBE)


def verdicts(answers: list[Answer]) -> list[str]:
    """Each answer as `framed` (its framing was taken for sound), `refused`, or its status."""
    words = []
    for answer in answers:
        if answer.status in FRAMED or b'"invalid_json"' in answer.body:
            words.append("framed")
        else:
            words.append("refused" if answer.status in REFUSALS else str(answer.status))
    return words


def expected(sample: Sample) -> list[list[str]]:
    """The verdicts allowed; a connection may be kept, and then answers the probe too, or not."""
    if sample.name in INCOMPLETE:
        return [[], ["refused"]]
    if sample.name in TWICE:
        return [["framed", "refused"]]
    is_framed = sample.name.startswith("valid/") and sample.name not in REFUSED_HERE
    if is_framed or sample.name in SERVED_HERE:
        return [["framed"], ["framed", "framed"]]
    return [["refused"]]


def plain(received: bytes) -> list[Answer]:
    """The answers, without what depends on how much of an unread body was there already."""
    return [
        answer._replace(fields=tuple(field for field in answer.fields if field[0] != b"connection"))
        for answer in read_answers(received)
    ]


def test_the_corpus_is_whole_and_each_exception_is_in_it(corpus):
    names = [sample.name for sample in corpus]

    assert [sum(name.startswith(kind) for name in names) for kind in ("valid/", "invalid/")] == [
        62,
        81,
    ]
    assert (REFUSED_HERE.keys() | SERVED_HERE.keys() | INCOMPLETE.keys() | TWICE) - set(
        names
    ) == set()


def test_each_request_is_judged_as_it_should_be_whole_and_byte_by_byte(corpus, gateway):
    wrong = {}
    for sample in corpus:
        raw, ends = sent(sample), sample.name in INCOMPLETE
        whole = exchange(gateway.port, [raw], ends=ends)
        split = exchange(gateway.port, one_by_one(raw), ends=ends)
        words = verdicts(read_answers(whole))
        if (
            words not in expected(sample)
            or plain(whole)[:1] != plain(split)[:1]
            or gateway.recorder.take()
        ):
            wrong[sample.name] = (words, verdicts(read_answers(split)))

    assert wrong == {}


async def test_each_request_is_judged_alike_wherever_it_is_cut(corpus):
    wrong = {}
    async with stage() as on:
        for sample in corpus:
            raw, ends = sent(sample), sample.name in INCOMPLETE
            whole, _ = await on.play([raw], ends=ends)
            for cut in cuts_of(raw):
                received, seen = await on.play([raw[:cut], raw[cut:]], ends=ends)
                if seen or (received != whole and plain(received)[:1] != plain(whole)[:1]):
                    wrong[sample.name] = (cut, whole, received)

    assert wrong == {}
