"""The doctor: asks one endpoint for everything it should be able to do, and says how to cure what it cannot.

It calls through injected functions only. What an endpoint says of a failure is told, for it is often
the best hint, but cleaned of keys and cut short.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

import msgspec

from multillama.control.endpoints import provider_of
from multillama.control.lister import (
    HEADERS,
    Answer,
    Fetch,
    Headers,
    ListingFailed,
    list_models,
    with_query,
)
from multillama.control.questions import (
    CHAT,
    OTHERS,
    QUESTIONS,
    STREAM,
    TOOLS,
    Question,
    chat_models,
    embedding_model,
)
from multillama.core.snapshot import Endpoint
from multillama.core.usage import read_usage
from multillama.errors import GatewayError
from multillama.providers.listing import Row

ANSWER_S: Final = 60.0
"""One answer; a local model may have to be loaded first."""
LIST_S: Final = 30.0
MODELS_TRIED: Final = 3
"""Lists hold models that cannot chat, which no name tells."""
SOON_S: Final = 14 * 86_400
"""A certificate that ends within two weeks is told."""
_SHOWN: Final = 200
"""Characters of the endpoint's own words."""
_USAGE_BYTES: Final = 4096
_NOT_SERVED: Final = frozenset({400, 404, 405, 415, 422, 501})
_REFUSED: Final = frozenset({401, 403})
_CURES: Final = {
    402: "its account has no credit: top it up, or choose another key",
    404: "it does not serve this path or model: check the path of --url",
    408: "it took too long: try again, or choose a smaller model",
    429: "a limit of its account is reached: wait, or raise the limit",
    503: "it is not ready: wait until its model is loaded",
}
_DNS_CURE: Final = "Check the spelling of the host in --url, and this machine's DNS."
_TCP_CURE: Final = "Check that the server runs, the port of --url, and any firewall between."
_TLS_CURES: Final = (
    (
        "self-signed",
        "Trust its certificate with SSL_CERT_FILE, or give it one of a known authority.",
    ),
    ("unable to get", "Trust its authority with SSL_CERT_FILE, or let it send the whole chain."),
    ("expired", "Renew its certificate, and check this machine's clock."),
    ("mismatch", "Use the host name its certificate is for in --url."),
    ("WRONG_VERSION", "It seems to speak plain HTTP: try http:// in --url."),
)
_TLS_CURE: Final = "Check that https:// is right, and its certificate."


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    NO = "no"
    """The endpoint does not do this, and need not."""
    FAILED = "failed"
    SKIPPED = "skipped"


class Check(NamedTuple):
    """One thing that was tried."""

    name: str
    outcome: Outcome
    text: str = ""
    """What was found; for a failure what happened and how to cure it."""
    took_ms: float | None = None
    """For a stream: to its first byte."""


class Examined(msgspec.Struct, frozen=True):
    """What was found out about one endpoint."""

    name: str
    url: str
    provider: str
    """For people."""
    checks: tuple[Check, ...]
    tokens: int
    """What the questions have cost, as far as it told."""

    def check(self, name: str) -> Check | None:
        """Return the check of that name, None if there was no need for it."""
        return next((check for check in self.checks if check.name == name), None)

    def can(self, name: str) -> bool:
        """Tell whether a check went well."""
        check = self.check(name)
        return check is not None and check.outcome is Outcome.OK


class Step(Protocol):
    """A step of the way to an endpoint."""

    @property
    def name(self) -> str: ...
    @property
    def took_ms(self) -> float: ...
    @property
    def told(self) -> str: ...
    @property
    def is_ok(self) -> bool: ...
    @property
    def ends_at(self) -> float | None: ...


Send = Callable[[Endpoint, str, Headers, bytes], Awaitable[Answer]]
"""Sends `POST` with a body of JSON; else like `Fetch`."""


class Instruments(NamedTuple):
    """What the doctor works with."""

    reach: Callable[[Endpoint], Awaitable[Sequence[Step]]]
    fetch: Fetch
    send: Send
    clean: Callable[[str], str]
    """Takes keys out of a text."""
    now: Callable[[], float]
    """Seconds that never jump."""
    wall: Callable[[], float]
    """Seconds since 1970."""


async def examine(endpoint: Endpoint, tools: Instruments, *, spend: bool) -> Examined:
    """Try all that an endpoint should be able to do.

    Args:
        endpoint: As configured.
        tools: What it is called with.
        spend: False to list its models only, which costs nothing.
    """
    examination = _Examination(endpoint, tools)
    await examination.run(spend=spend)
    return Examined(
        name=endpoint.name,
        url=endpoint.url,
        provider=provider_of(examination.endpoint).title,
        checks=tuple(examination.checks),
        tokens=examination.tokens,
    )


class _Examination:
    """One endpoint on the table."""

    def __init__(self, endpoint: Endpoint, tools: Instruments) -> None:
        self.endpoint = endpoint
        self.checks: list[Check] = []
        self.tokens = 0
        self._tools = tools
        self._refusal: int | None = None
        """Status with which the key was refused."""

    async def run(self, *, spend: bool) -> None:
        if not await self._reach():
            return
        rows = await self._list()
        key_at = len(self.checks)
        if spend and self._refusal is None:
            await self._ask_all(rows)
        self.checks.insert(key_at, self._key(was_asked=spend))

    async def _reach(self) -> bool:
        steps = await self._tools.reach(self.endpoint)
        self.checks += [_reached(step, self._tools.wall()) for step in steps]
        return all(step.is_ok for step in steps)

    async def _list(self) -> Sequence[Row]:
        begun = self._tools.now()
        try:
            async with asyncio.timeout(LIST_S):
                listed = await list_models(self.endpoint, self._fetch)
        except (ListingFailed, TimeoutError) as error:
            text = error.text if isinstance(error, ListingFailed) else _late(LIST_S)
            self.checks.append(Check("list", Outcome.FAILED, text))
            return ()
        self.endpoint = listed.endpoint
        count = len(listed.rows)
        text = f"{count} model{'' if count == 1 else 's'}"
        took_ms = (self._tools.now() - begun) * 1000
        self.checks.append(Check("list", Outcome.OK, text, took_ms))
        return listed.rows

    async def _fetch(self, endpoint: Endpoint, target: str, fields: Headers) -> Answer:
        answer = await self._tools.fetch(endpoint, target, fields)
        self._note(answer.status)
        return answer

    def _note(self, status: int) -> None:
        if status in _REFUSED:
            self._refusal = status

    def _key(self, *, was_asked: bool) -> Check:
        if self._refusal is not None:
            given = self.endpoint.has_key
            text = (
                f"The key was refused ({self._refusal}): check its --key."
                if given
                else f"It wants a key ({self._refusal}): give its --key instead of null."
            )
            return Check("key", Outcome.FAILED, text)
        if not self.endpoint.has_key:
            return Check("key", Outcome.SKIPPED, "none given, none asked for")
        # some lists are public, so they say nothing of the key
        is_proved = was_asked and any(
            check.outcome is Outcome.OK
            for check in self.checks
            if check.name in ("chat", "embeddings")
        )
        return Check(
            "key",
            Outcome.OK if is_proved else Outcome.SKIPPED,
            "accepted" if is_proved else "not tried",
        )

    async def _ask_all(self, rows: Sequence[Row]) -> None:
        if not rows:
            text = "no model is known"
            self.checks += [Check(name, Outcome.SKIPPED, text) for name in QUESTIONS]
            return
        chatting = chat_models(rows)[:MODELS_TRIED]
        model = chatting[0] if chatting else None
        if not chatting:
            self.checks.append(Check("chat", Outcome.NO, "It lists no model that chats."))
        for number, row in enumerate(chatting, 1):
            model, check = row, await self._ask(CHAT, row)
            if check.outcome is Outcome.OK or number == len(chatting) or self._refusal is not None:
                self.checks.append(check)
                break
        can_chat = self.checks[-1].outcome is Outcome.OK
        for question in (STREAM, TOOLS):
            self.checks.append(
                await self._ask(question, model)
                if can_chat and model is not None
                else Check(question.name, Outcome.SKIPPED)
            )
        for question in OTHERS:
            about = embedding_model(rows) if question.of_embeddings else model
            if about is None or self._refusal is not None:
                self.checks.append(
                    Check(question.name, Outcome.SKIPPED, "no model for it is listed")
                )
            else:
                self.checks.append(await self._ask(question, about))

    async def _ask(self, question: Question, row: Row) -> Check:
        model = row.own or row.id
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self._send(question, {"model": model, **question.members})
                if answer.status == 400 and b"max_completion_tokens" in answer.body:
                    answer = await self._send(question, _reworded(model, question))
        except GatewayError as error:
            return Check(question.name, Outcome.FAILED, error.text)
        except TimeoutError:
            return Check(question.name, Outcome.FAILED, _late(ANSWER_S))
        self._note(answer.status)
        return self._judged(question, model, answer)

    async def _send(self, question: Question, members: dict[str, object]) -> Answer:
        target = with_query(self.endpoint.paths[question.operation].decode("ascii"), self.endpoint)
        fields: Headers = HEADERS
        if question.operation == "messages":
            fields = (*fields, (b"anthropic-version", b"2023-06-01"))
        begun = self._tools.now()
        answer = await self._tools.send(self.endpoint, target, fields, msgspec.json.encode(members))
        usage = read_usage(answer.body[:_USAGE_BYTES], answer.body[-_USAGE_BYTES:])
        self.tokens += (usage.input_tokens or 0) + (usage.output_tokens or 0)
        took_ms = (self._tools.now() - begun) * 1000
        return answer if question is STREAM else answer._replace(first_byte_ms=took_ms)

    def _judged(self, question: Question, model: str, answer: Answer) -> Check:
        if answer.status == 200:
            complaint = question.judge(answer)
            bad = Outcome.NO if question is TOOLS else Outcome.FAILED
            outcome = bad if complaint else Outcome.OK
            return Check(question.name, outcome, complaint or model, answer.first_byte_ms)
        text = self._refused(answer)
        if question.is_optional and answer.status in _NOT_SERVED:
            return Check(question.name, Outcome.NO, text if question is TOOLS else "")
        return Check(question.name, Outcome.FAILED, text)

    def _refused(self, answer: Answer) -> str:
        said = (
            "" if answer.status in _REFUSED else self._tools.clean(_message(answer.body))[:_SHOWN]
        )
        cure = _CURES.get(answer.status) or (
            "check its --key" if answer.status in _REFUSED else "see its own log"
        )
        words = f' ("{said}")' if said else ""
        return f"It answered {answer.status}{words}: {cure}."


def _reached(step: Step, wall_s: float) -> Check:
    if not step.is_ok:
        return Check(
            step.name, Outcome.FAILED, f"{_sentence(step)} {_way_cure(step)}", step.took_ms
        )
    if step.ends_at is not None:
        days = int((step.ends_at - wall_s) / 86_400)
        soon = " Renew it soon." if step.ends_at - wall_s < SOON_S else ""
        return Check(
            step.name,
            Outcome.OK,
            f"{step.told}, certificate ends in {days} days.{soon}",
            step.took_ms,
        )
    return Check(step.name, Outcome.OK, step.told, step.took_ms)


def _sentence(step: Step) -> str:
    if step.name == "tls":
        return f"TLS failed: {step.told}"
    return f"It cannot be reached: {step.told}"


def _way_cure(step: Step) -> str:
    if step.name == "dns":
        return _DNS_CURE
    if step.name == "tcp":
        return _TCP_CURE
    return next((cure for sign, cure in _TLS_CURES if sign in step.told), _TLS_CURE)


def _late(seconds: float) -> str:
    return f"It gave no whole answer within {seconds:.0f} s: see whether it is loading a model or overloaded."


def _reworded(model: str, question: Question) -> dict[str, object]:
    """Return a request as models want it that think before they answer."""
    members: dict[str, object] = {"model": model, **question.members}
    members.pop("max_tokens", None)
    return members | {"max_completion_tokens": 64}


def _message(body: bytes) -> str:
    """Return the endpoint's own words about a failure, `""` where it has none."""
    try:
        top = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""
    error = top.get("error", top)
    found = error.get("message") or error.get("detail") if isinstance(error, dict) else error
    return found if isinstance(found, str) else ""
