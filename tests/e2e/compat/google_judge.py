"""The `google-genai` SDK."""

import base64
import contextlib
import warnings
from typing import Any

from tests.e2e.compat.asking import ARGUMENTS, CALL_ID, Ask, Said
from tests.e2e.conftest import TIMEOUT_S

with warnings.catch_warnings():
    # its sources hold invalid escapes, which Python warns of when it compiles them for the first time
    warnings.simplefilter("ignore")
    from google import genai
    from google.genai import errors, types

ENDS = {"STOP": "stop", "MAX_TOKENS": "length"}


class GoogleJudge:
    bad_request = not_found = errors.ClientError
    any_error = errors.APIError

    def __init__(self, url: str) -> None:
        options = types.HttpOptions(base_url=url, timeout=TIMEOUT_S * 1000)
        self.sdk = genai.Client(api_key="any", http_options=options)

    def close(self) -> None:
        self.sdk.close()

    def status_of(self, error: Any) -> int:
        return int(error.code)

    def say(self, ask: Ask) -> Said:
        return self._said([self.sdk.models.generate_content(**self._asked(ask))])

    def stream(self, ask: Ask) -> Said:
        return self._said(list(self.sdk.models.generate_content_stream(**self._asked(ask))))

    def leave(self, ask: Ask) -> str:
        stream = self.sdk.models.generate_content_stream(**self._asked(ask))
        with contextlib.closing(stream):
            return next(chunk.text for chunk in stream if chunk.text)

    def models(self) -> list[str]:
        return [str(model.name).removeprefix("models/") for model in self.sdk.models.list()]

    def context_tokens(self, model: str) -> int:
        return int(self.sdk.models.get(model=model).input_token_limit or 0)

    def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        rows = self.sdk.models.embed_content(model=model, contents=texts).embeddings
        return [row.values for row in rows]

    def count(self, ask: Ask) -> int:
        asked = self._asked(ask)
        return int(
            self.sdk.models.count_tokens(
                model=asked["model"], contents=asked["contents"]
            ).total_tokens
        )

    def _said(self, chunks: list[Any]) -> Said:
        last = chunks[-1]
        parts = [part for chunk in chunks for part in self._parts(chunk)]
        pieces = [part.text for part in parts if part.text]
        calls = [part.function_call for part in parts if part.function_call]
        return Said(
            "".join(pieces),
            "tool" if calls else ENDS[last.candidates[0].finish_reason.name],
            (last.usage_metadata.prompt_token_count, last.usage_metadata.candidates_token_count),
            tuple((call.name, call.args) for call in calls),
            len(pieces),
        )

    def _parts(self, chunk: Any) -> list[Any]:
        content = chunk.candidates[0].content if chunk.candidates else None
        return (content and content.parts) or []

    def _asked(self, ask: Ask) -> dict[str, Any]:
        config: dict[str, Any] = {"temperature": 0, "system_instruction": ask.system}
        config["max_output_tokens"] = ask.max_tokens
        if ask.tool:
            declared = {"name": ask.tool["name"], "description": ask.tool["description"]}
            declared["parameters_json_schema"] = ask.tool["parameters"]
            config["tools"] = [{"function_declarations": [declared]}]
            mode = {"mode": "AUTO" if ask.told else "ANY"}
            config["tool_config"] = {"function_calling_config": mode}
            config["automatic_function_calling"] = {"disable": True}
        if ask.schema:
            config["response_mime_type"] = "application/json"
            config["response_json_schema"] = ask.schema
        return {
            "model": ask.model,
            "contents": self._contents(ask),
            "config": types.GenerateContentConfig(**config),
        }

    def _contents(self, ask: Ask) -> list[types.Content]:
        contents = [
            types.Content(role=role, parts=[types.Part(text=text)])
            for role, text in zip(("user", "model") * 9, ask.before, strict=False)
        ]
        parts = [types.Part(text=ask.text)]
        if ask.image:
            data = base64.b64decode(ask.image)
            parts.append(types.Part.from_bytes(data=data, mime_type="image/png"))
        contents.append(types.Content(role="user", parts=parts))
        if ask.tool and ask.told:
            name = ask.tool["name"]
            call = types.FunctionCall(id=CALL_ID, name=name, args=ARGUMENTS)
            told = types.FunctionResponse(id=CALL_ID, name=name, response={"output": ask.told})
            contents += [
                types.Content(role="model", parts=[types.Part(function_call=call)]),
                types.Content(role="user", parts=[types.Part(function_response=told)]),
            ]
        return contents
