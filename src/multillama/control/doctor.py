"""The doctor: asks one endpoint for everything it should be able to do, and says how to cure what it cannot.

It calls through injected functions only. What an endpoint says of a failure is told, for it is often
the best hint, but cleaned of keys and cut short.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

import msgspec

from multillama.control.cures import late, refusal_cure, way_cure
from multillama.control.endpoints import provider_of, without_key
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
_USAGE_BYTES: Final = 4096
_NOT_SERVED: Final = frozenset({400, 404, 405, 415, 422, 501})
_REFUSED: Final = frozenset({401, 403})


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

    def is_well(self, *, was_asked: bool) -> bool:
        """Tell whether it does what it is there for: chat, unless it has been shown to be for something else.

        Args:
            was_asked: False where it was only to list its models.
        """
        if not was_asked:
            return self.can("list")
        chat, others = self.check("chat"), self.check("embeddings")
        if chat is None or chat.outcome is not Outcome.NO:
            return self.can("chat")
        return others is not None and others.outcome is not Outcome.FAILED


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
        self._proved: tuple[Question, dict[str, object]] | None = None
        """What it has answered well, with the key if there is one: the cheapest of it."""
        self._is_unserved = False
        """It has no such operation or model, as its last answer says."""

    async def run(self, *, spend: bool) -> None:
        if not await self._reach():
            return
        rows = await self._list()
        key_at = len(self.checks)
        if spend and self._refusal is None:
            await self._ask_all(rows)
        self.checks.insert(key_at, await self._key())

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
            text = error.text if isinstance(error, ListingFailed) else late(LIST_S)
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

    async def _key(self) -> Check:
        if self._refusal is not None:
            given = self.endpoint.has_key
            text = (
                f"The key was refused ({self._refusal}): check its key."
                if given
                else f"It wants a key ({self._refusal}): give it one (--key, or key in the file)."
            )
            return Check("key", Outcome.FAILED, text)
        if not self.endpoint.has_key:
            return Check("key", Outcome.SKIPPED, "none given, none asked for")
        # some lists are public, so they say nothing of the key
        if self._proved is None:
            return Check("key", Outcome.SKIPPED, "not tried")
        if await self._asks_for_none(*self._proved):
            text = "one is given, but it asks for none: it can be left out"
            return Check("key", Outcome.OK, text)
        return Check("key", Outcome.OK, "accepted")

    async def _asks_for_none(self, question: Question, members: dict[str, object]) -> bool:
        """Tell whether what it has answered before is answered without a key, too."""
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self._send(question, members, without_key(self.endpoint))
        except (GatewayError, TimeoutError):
            return False
        return answer.status == 200 and not question.judge(answer)

    async def _ask_all(self, rows: Sequence[Row]) -> None:
        if not rows:
            text = "no model is known"
            self.checks += [Check(name, Outcome.SKIPPED, text) for name in QUESTIONS]
            return
        model, is_unserved = await self._chat(chat_models(rows))
        at, can_chat = len(self.checks) - 1, self.checks[-1].outcome is Outcome.OK
        for question in (STREAM, TOOLS):
            self.checks.append(
                await self._ask(question, model)
                if can_chat and model is not None
                else Check(question.name, Outcome.SKIPPED)
            )
        embedding = embedding_model(rows) or (model if is_unserved else None)
        for question in OTHERS:
            about = embedding if question.of_embeddings else model
            if about is None or self._refusal is not None:
                self.checks.append(
                    Check(question.name, Outcome.SKIPPED, "no model for it is listed")
                )
                continue
            check = await self._ask(question, about)
            self.checks.append(check)
            if question.of_embeddings and is_unserved and check.outcome is Outcome.OK:
                self.checks[at] = Check("chat", Outcome.NO, "It serves embeddings and no chat.")

    async def _chat(self, rows: Sequence[Row]) -> tuple[Row | None, bool]:
        """Ask the models that may chat, until one does.

        Returns:
            The model that was asked last, and whether the endpoint has answered for each of them that it
            does not serve this.
        """
        if not rows:
            self.checks.append(Check("chat", Outcome.NO, "It lists no model that chats."))
            return None, False
        is_unserved = len(rows) <= MODELS_TRIED
        for row in rows[:MODELS_TRIED]:
            model, check = row, await self._ask(CHAT, row)
            is_unserved = is_unserved and self._is_unserved
            if check.outcome is Outcome.OK or self._refusal is not None:
                break
        self.checks.append(check)
        return model, is_unserved

    async def _ask(self, question: Question, row: Row) -> Check:
        model = row.own or row.id
        members: dict[str, object] = {"model": model, **question.members}
        self._is_unserved = False
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self._send(question, members, self.endpoint)
                if answer.status == 400 and b"max_completion_tokens" in answer.body:
                    members = _reworded(model, question)
                    answer = await self._send(question, members, self.endpoint)
        except GatewayError as error:
            return Check(question.name, Outcome.FAILED, error.text)
        except TimeoutError:
            return Check(question.name, Outcome.FAILED, late(ANSWER_S))
        self._note(answer.status)
        self._is_unserved = answer.status in _NOT_SERVED
        check = self._judged(question, model, answer)
        if check.outcome is Outcome.OK and self._proved is None:
            self._proved = question, members
        return check

    async def _send(
        self, question: Question, members: dict[str, object], endpoint: Endpoint
    ) -> Answer:
        target = with_query(endpoint.paths[question.operation].decode("ascii"), endpoint)
        fields: Headers = HEADERS
        if question.operation == "messages":
            fields = (*fields, (b"anthropic-version", b"2023-06-01"))
        begun = self._tools.now()
        answer = await self._tools.send(endpoint, target, fields, msgspec.json.encode(members))
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
        text = refusal_cure(answer.status, answer.body, self._tools.clean)
        if question.is_optional and answer.status in _NOT_SERVED:
            return Check(question.name, Outcome.NO, text if question is TOOLS else "")
        return Check(question.name, Outcome.FAILED, text)


def _reached(step: Step, wall_s: float) -> Check:
    if not step.is_ok:
        return Check(step.name, Outcome.FAILED, way_cure(step.name, step.told), step.took_ms)
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


def _reworded(model: str, question: Question) -> dict[str, object]:
    """Return a request as models want it that think before they answer."""
    members: dict[str, object] = {"model": model, **question.members}
    members.pop("max_tokens", None)
    return members | {"max_completion_tokens": 64}
