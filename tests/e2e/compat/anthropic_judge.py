"""The `anthropic` SDK."""

from typing import Any

import anthropic
from anthropic import Anthropic

from tests.e2e.compat.asking import ARGUMENTS, CALL_ID, Ask, Said
from tests.e2e.conftest import TIMEOUT_S

ENDS = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool"}
LONG = 4096
"""The API wants a bound of every answer."""


class AnthropicJudge:
    bad_request = anthropic.BadRequestError
    not_found = anthropic.NotFoundError
    any_error = anthropic.APIStatusError

    def __init__(self, url: str) -> None:
        self.sdk = Anthropic(base_url=url, api_key="any", max_retries=0, timeout=TIMEOUT_S)

    def close(self) -> None:
        self.sdk.close()

    def status_of(self, error: Any) -> int:
        return int(error.status_code)

    def say(self, ask: Ask) -> Said:
        return self._said(self.sdk.messages.create(**self._asked(ask)))

    def stream(self, ask: Ask) -> Said:
        with self.sdk.messages.stream(**self._asked(ask)) as stream:
            pieces = list(stream.text_stream)
            message = stream.get_final_message()
        said = self._said(message)
        assert said.text == "".join(pieces)
        return said._replace(pieces=len(pieces))

    def leave(self, ask: Ask) -> str:
        with self.sdk.messages.stream(**self._asked(ask)) as stream:
            return next(text for text in stream.text_stream if text)

    def models(self) -> list[str]:
        return [model.id for model in self.sdk.models.list()]

    def context_tokens(self, model: str) -> int:
        return int(self.sdk.models.retrieve(model).max_input_tokens or 0)

    def count(self, ask: Ask) -> int:
        asked = self._asked(ask)
        return self.sdk.messages.count_tokens(
            model=asked["model"], messages=asked["messages"]
        ).input_tokens

    def _said(self, message: Any) -> Said:
        calls = [block for block in message.content if block.type == "tool_use"]
        usage = message.usage
        read = usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens
        return Said(
            "".join(block.text for block in message.content if block.type == "text"),
            ENDS[message.stop_reason],
            (sum(tokens or 0 for tokens in read), usage.output_tokens),
            tuple((call.name, call.input) for call in calls),
        )

    def _asked(self, ask: Ask) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": ask.model,
            "messages": self._messages(ask),
            "max_tokens": ask.max_tokens or LONG,
            # Newer releases of the SDK call it deprecated, so they do not name it.
            "extra_body": {"temperature": 0},
        }
        if ask.system:
            asked["system"] = ask.system
        if ask.tool:
            tool = ask.tool | {"input_schema": ask.tool["parameters"]}
            del tool["parameters"]
            asked["tools"] = [tool]
            asked["tool_choice"] = {"type": "auto" if ask.told else "any"}
        if ask.schema:
            asked["output_config"] = {"format": {"type": "json_schema", "schema": ask.schema}}
        return asked

    def _messages(self, ask: Ask) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = [
            {"role": role, "content": text}
            for role, text in zip(("user", "assistant") * 9, ask.before, strict=False)
        ]
        content: Any = ask.text
        if ask.image:
            source = {"type": "base64", "media_type": "image/png", "data": ask.image}
            content = [{"type": "text", "text": ask.text}, {"type": "image", "source": source}]
        messages.append({"role": "user", "content": content})
        if ask.tool and ask.told:
            call = {"type": "tool_use", "id": CALL_ID, "name": ask.tool["name"]}
            result = {"type": "tool_result", "tool_use_id": CALL_ID, "content": ask.told}
            messages += [
                {"role": "assistant", "content": [call | {"input": ARGUMENTS}]},
                {"role": "user", "content": [result]},
            ]
        return messages
