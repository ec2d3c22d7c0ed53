"""How the model is to answer: `generationConfig`.

Source: google-genai 3.4.0 `types.GenerationConfig`; ai.google.dev/api/generate-content (November 2026).
"""

from typing import Any, Final

from multillama.core.canonical import Extras, Format, Request
from multillama.core.codec import Losses
from multillama.core.shape import Members, Object
from multillama.dialects.gemini.schema import json_schema, undeclared
from multillama.dialects.gemini.spelling import an_object_of
from multillama.dialects.gemini.thinking import THINKING, read_thinking, write_thinking

SETTINGS: Final = "generationConfig."
"""How extras of the request begin that stand inside it."""
_JSON: Final = "application/json"
_TEXT: Final = "text/plain"

_PLAIN: Final = (
    ("temperature", "temperature"), ("top_p", "topP"), ("top_k", "topK"), ("n", "candidateCount"),
    ("max_tokens", "maxOutputTokens"), ("seed", "seed"), ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"), ("logprobs", "responseLogprobs"),
    ("top_logprobs", "logprobs"),
)  # fmt: skip
"""Field of a request and the same here."""

NAMES: Final = {field: SETTINGS + name for field, name in _PLAIN} | {
    "stop": "generationConfig.stopSequences",
    "format": "generationConfig.responseJsonSchema",
    "thinking": "generationConfig.thinkingConfig",
    "modalities": "generationConfig.responseModalities",
}


def read_settings(value: Any, request: Request) -> None:
    """Reads `generationConfig` into a request."""
    if value is None:
        return
    members = Members(an_object_of(value, "generationConfig"), "generationConfig")
    request.temperature = members.number("temperature")
    request.top_p = members.number("topP")
    request.top_k = members.whole("topK")
    request.n = members.whole("candidateCount")
    request.max_tokens = members.whole("maxOutputTokens")
    request.seed = members.whole("seed")
    request.presence_penalty = members.number("presencePenalty")
    request.frequency_penalty = members.number("frequencyPenalty")
    request.logprobs = members.flag("responseLogprobs")
    request.top_logprobs = members.whole("logprobs")
    request.stop = members.texts("stopSequences")
    request.modalities = [each.lower() for each in members.texts("responseModalities")]
    request.format = _read_format(members)
    extras = request.extras
    request.thinking = read_thinking(members.take("thinkingConfig"), extras)
    for name, member in members.rest.items():
        if member is not None:
            extras[SETTINGS + name] = member


def _read_format(members: Members) -> Format | None:
    media_type = members.text("responseMimeType")
    openapi = members.members("responseSchema")
    schema = members.take("responseJsonSchema")
    if schema is None and openapi is not None:
        schema = json_schema(openapi)
    if media_type not in (None, _JSON, _TEXT):
        members.rest["responseMimeType"] = media_type
    if schema is not None:
        return Format("schema", schema)
    if media_type == _JSON:
        return Format("json")
    return Format("text") if media_type == _TEXT else None


def write_settings(request: Request, model: str, losses: Losses, *, same: bool) -> Object:
    """Returns `generationConfig`, empty where nothing is said."""
    settings: Object = {}
    for field, name in _PLAIN:
        value = getattr(request, field)
        if value is not None:
            settings[name] = value
    if request.top_logprobs:
        settings.setdefault("responseLogprobs", True)  # the one is refused without the other
    if request.stop:
        settings["stopSequences"] = request.stop
    if request.modalities:
        settings["responseModalities"] = [each.upper() for each in request.modalities]
    if request.format is not None:
        _write_format(request.format, settings)
    thinking = write_thinking(request.thinking, model, losses, same=same)
    if same:
        _tell_extras(request.extras, settings, thinking)
    if thinking:
        settings["thinkingConfig"] = thinking
    return settings


def _write_format(form: Format, settings: Object) -> None:
    if form.kind == "text":
        settings["responseMimeType"] = _TEXT
        return
    settings["responseMimeType"] = _JSON
    if form.kind == "schema":
        schema = undeclared(form.schema)
        if form.description and isinstance(schema, dict) and "description" not in schema:
            schema = {**schema, "description": form.description}
        settings["responseJsonSchema"] = schema


def _tell_extras(extras: Extras, settings: Object, thinking: Object) -> None:
    for name, value in extras.items():
        if name.startswith(THINKING):
            thinking[name[len(THINKING) :]] = value
        elif name.startswith(SETTINGS):
            settings[name[len(SETTINGS) :]] = value
