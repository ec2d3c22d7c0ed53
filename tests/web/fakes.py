"""A gateway that shows what a test tells it to."""

from collections.abc import Mapping, Sequence

import msgspec

from multillama.core.decision import Choice, Considered, Decision, Tried
from multillama.core.record import Record
from multillama.errors import GatewayError
from multillama.web.view import EndpointView, ModelView

NOON = 1_767_268_800.0
"""2026-01-01 12:00:00 UTC."""


def endpoint(name: str = "localhost:11434", **facts: object) -> EndpointView:
    known: dict[str, object] = {
        "url": f"http://{name}/",
        "provider": "Ollama",
        "key": "none",
        "state": "up",
    }
    return msgspec.convert({"name": name} | known | facts, EndpointView)


def model(name: str, *endpoints: str, context: int | None = None) -> ModelView:
    return ModelView(id=name, endpoints=endpoints or ("localhost:11434",), context=context)


def record(number: int = 1, **facts: object) -> Record:
    known: dict[str, object] = {
        "id": f"request-{number}",
        "at": NOON - number,
        "operation": "chat",
        "status": 200,
        "outcome": "ok",
        "total_ms": 812.0,
    }
    return msgspec.convert(known | facts, Record)


def survived() -> Decision:
    """The story of an exchange that two endpoints failed and a third one served."""
    return Decision(
        id="5f3a9c1e-2a", at=NOON, operation="chat", model="llama3.3:70b", stream=True,
        endpoint="localhost:11434", status=200, first_byte_ms=1_412.0, total_ms=6_204.0,
        request_bytes=12_318, response_bytes=48_120, input_tokens=2_318, output_tokens=611,
        strategy="balanced", remembered="gpu.lan:8080", queue_ms=320.0, queue_position=2,
        edits=("model",),
        considered=(
            Considered("gpu.lan:8080", "llama-3.3-70b", 1.0), Considered("box.lan:8000", "llama-3.3-70b", 62.4),
            Considered("localhost:11434", "llama3.3:70b"),
            Considered("api.openai.com", "llama3.3:70b", None, "it is not local"),
        ),
        attempts=[
            Tried(endpoint="gpu.lan:8080", begun_ms=320.4, over_ms=322.0, cause="unreachable",
                  text="gpu.lan:8080 cannot be reached: connection refused.", then="tried the next target"),
            Tried(endpoint="box.lan:8000", role="next", begun_ms=322.2, first_byte_ms=980.0, over_ms=980.4,
                  status=529, cause="overloaded", then="tried the next target"),
            Tried(endpoint="localhost:11434", role="next", begun_ms=980.6, first_byte_ms=1_412.0,
                  over_ms=6_204.0, status=200, answer_bytes=48_120),
        ],
    )  # fmt: skip


class FakeView:
    """Plain lists behind the view's methods; `tell` says that something changed."""

    def __init__(
        self,
        endpoints: Sequence[EndpointView] = (),
        models: Sequence[ModelView] = (),
        recent: Sequence[Record] = (),
        *,
        key: str | None = None,
        host: str = "localhost",
    ) -> None:
        self.shown_endpoints = endpoints
        self.shown_models = models
        self.shown_recent = recent
        self.key = key
        self.bound = host
        self.changes = 0
        self.shown_warnings: Sequence[str] = ()
        self.decisions: Sequence[Decision] = [survived()]
        self.wished: Mapping[str, bytes] | None = None

    def tell(self) -> None:
        self.changes += 1

    def endpoints(self) -> Sequence[EndpointView]:
        return self.shown_endpoints

    def models(self) -> Sequence[ModelView]:
        return self.shown_models

    def warnings(self) -> Sequence[str]:
        return self.shown_warnings

    def recent(self) -> Sequence[Record]:
        return self.shown_recent

    def exchanges(self, limit: int) -> Sequence[Record]:
        return self.shown_recent[:limit]

    def decision(self, id: str) -> Decision | None:
        return next((row for row in self.decisions if row.id == id), None)

    def capacity(self) -> int:
        return 1000

    def dry_run(self, model: str, wishes: Mapping[str, bytes]) -> Choice:
        self.wished = wishes
        if model == "nobody":
            raise GatewayError("model_not_found", "The model 'nobody' is not served.")
        return Choice(model=model, strategy="ordered", considered=(Considered("desk", model, 1.0),))

    def needs_key(self) -> bool:
        return self.key is not None

    def is_key(self, candidate: str) -> bool:
        return candidate == self.key

    def host(self) -> str:
        return self.bound

    def changed(self) -> int:
        return self.changes


def busy_view(**options: object) -> FakeView:
    """A gateway on an ordinary day: two clouds, two local servers, one of them down."""
    clouds = ("api.openai.com", "api.anthropic.com")
    openai = (
        ("gpt-5.2", 400_000), ("gpt-5.2-mini", 400_000), ("gpt-4.1", 1_047_576), ("gpt-4o", 128_000),
        ("gpt-4o-mini", 128_000), ("o4-mini", 200_000), ("text-embedding-3-large", 8_191),
        ("text-embedding-3-small", 8_191), ("whisper-1", None), ("gpt-image-1", None),
    )  # fmt: skip
    anthropic = (
        ("claude-opus-4-5", 200_000), ("claude-sonnet-4-5", 1_000_000), ("claude-haiku-4-5", 200_000),
    )  # fmt: skip
    ollama = (
        ("llama3.3:70b", 131_072), ("qwen3:32b", 40_960), ("qwen3-coder:30b", 262_144),
        ("gemma3:27b", 131_072), ("mistral-small3.2:24b", 131_072), ("nomic-embed-text:latest", 2_048),
    )  # fmt: skip
    endpoints = [
        endpoint(
            clouds[0], url="https://api.openai.com/v1/", provider="OpenAI", key="given",
            first_byte_ms=348.0, models=10, requests=18_204, failures=12, in_flight=3, tier=1,
            tokens=41_902_311, last_error="It answered 429: rate limit reached for gpt-5.2.",
            last_error_age_s=840,
        ),
        endpoint(
            clouds[1], url="https://api.anthropic.com/v1/", provider="Anthropic", key="given",
            first_byte_ms=512.0, models=3, requests=7_411, failures=0, in_flight=1, tier=1,
            tokens=22_507_118,
        ),
        endpoint(
            "localhost:11434", models=6, first_byte_ms=94.0, requests=3_087, failures=2,
            tokens=1_874_220, is_local=True, in_flight=4, limit=4, waiting=2, slots=4, busy=4,
            loaded=("qwen3:32b",),
        ),
        endpoint(
            "gpu.lan:8080", url="http://192.168.1.20:8080/", provider="llama.cpp", state="down",
            is_local=True, local_only=True, tags=("gpu",),
            models=1, first_byte_ms=61.0, requests=955, failures=4, tokens=603_112,
            last_error="Connection refused: nothing listens on 192.168.1.20 port 8080.",
            last_error_age_s=190,
        ),
    ]  # fmt: skip
    models = (
        *(model(name, clouds[0], context=context) for name, context in openai),
        *(model(name, clouds[1], context=context) for name, context in anthropic),
        *(model(name, "localhost:11434", context=context) for name, context in ollama),
        model("gpt-oss-120b", "gpu.lan:8080", context=131_072),
    )
    return FakeView(endpoints, models, _busy_day(), **options)  # type: ignore[arg-type]


def _busy_day() -> list[Record]:
    rows: list[dict[str, object]] = [
        {"model": "gpt-5.2", "endpoint": "api.openai.com", "stream": True, "first_byte_ms": 331.2,
         "total_ms": 6_204.0, "input_tokens": 2_318, "output_tokens": 611},
        {"model": "claude-sonnet-4-5", "endpoint": "api.anthropic.com", "operation": "messages",
         "stream": True, "first_byte_ms": 498.0, "total_ms": 11_870.0, "input_tokens": 18_442,
         "output_tokens": 1_204},
        {"model": "nomic-embed-text:latest", "endpoint": "localhost:11434", "operation": "embeddings",
         "first_byte_ms": 18.4, "total_ms": 18.9, "input_tokens": 212},
        {"model": "gpt-oss-120b", "endpoint": "gpu.lan:8080", "status": 502, "outcome": "failed",
         "error": "endpoint_unreachable", "attempts": 1, "total_ms": 3.1,
         "error_text": "gpu.lan:8080 cannot be reached: connection refused."},
        {"model": "qwen3-coder:30b", "endpoint": "localhost:11434", "stream": True,
         "first_byte_ms": 88.0, "total_ms": 4_020.0, "input_tokens": 5_120, "output_tokens": 388},
        {"model": "gpt-5.2", "endpoint": "api.openai.com", "status": 429, "first_byte_ms": 102.0,
         "total_ms": 102.4},
        {"model": "gpt-4o-mini", "endpoint": "api.openai.com", "stream": True, "outcome": "cancelled",
         "first_byte_ms": 290.0, "total_ms": 1_512.0},
        {"model": "gpt-6", "status": 404, "outcome": "refused", "error": "model_not_found",
         "error_text": "No endpoint has the model gpt-6. Did you mean gpt-5.2?", "total_ms": 0.2},
        {"model": "text-embedding-3-small", "endpoint": "api.openai.com", "operation": "embeddings",
         "first_byte_ms": 141.0, "total_ms": 143.0, "input_tokens": 1_630},
        {"model": "claude-haiku-4-5", "endpoint": "api.anthropic.com", "stream": True,
         "first_byte_ms": 402.0, "total_ms": 2_233.0, "input_tokens": 940, "output_tokens": 207},
    ]  # fmt: skip
    return [record(number, **(row | {"at": NOON - 7 * number})) for number, row in enumerate(rows)]
