"""The three APIs of the `openai` SDK."""

import json
from typing import Any

import openai
from openai import OpenAI

from tests.e2e.compat.asking import ARGUMENTS, CALL_ID, Ask, Said
from tests.e2e.conftest import TIMEOUT_S

ENDS = {"stop": "stop", "length": "length", "tool_calls": "tool"}


class _OpenAI:
    bad_request = openai.BadRequestError
    not_found = openai.NotFoundError
    any_error = openai.APIStatusError

    def __init__(self, url: str) -> None:
        self.sdk = OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=TIMEOUT_S)

    def close(self) -> None:
        self.sdk.close()

    def status_of(self, error: Any) -> int:
        return int(error.status_code)


class ChatJudge(_OpenAI):
    def say(self, ask: Ask) -> Said:
        completion = self.sdk.chat.completions.create(**self._asked(ask))
        (choice,) = completion.choices
        message = choice.message
        calls = [call.function for call in message.tool_calls or ()]
        return Said(
            message.content or "",
            ENDS[choice.finish_reason],
            (completion.usage.prompt_tokens, completion.usage.completion_tokens),
            tuple((call.name, json.loads(call.arguments)) for call in calls),
        )

    def stream(self, ask: Ask) -> Said:
        with self.sdk.chat.completions.stream(
            **self._asked(ask), stream_options={"include_usage": True}
        ) as stream:
            pieces = [event.delta for event in stream if event.type == "content.delta"]
            completion = stream.get_final_completion()
        (choice,) = completion.choices
        calls = [call.function for call in choice.message.tool_calls or ()]
        return Said(
            "".join(pieces),
            ENDS[choice.finish_reason],
            (completion.usage.prompt_tokens, completion.usage.completion_tokens),
            tuple((call.name, json.loads(call.arguments)) for call in calls),
            len(pieces),
        )

    def leave(self, ask: Ask) -> str:
        with self.sdk.chat.completions.create(**self._asked(ask), stream=True) as stream:
            return next(
                text for chunk in stream for row in chunk.choices if (text := row.delta.content)
            )

    def models(self) -> list[str]:
        return [model.id for model in self.sdk.models.list()]

    def context_tokens(self, model: str) -> int:
        return int(self.sdk.models.retrieve(model).to_dict()["context_length"])

    def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        return [row.embedding for row in self.sdk.embeddings.create(model=model, input=texts).data]

    def _asked(self, ask: Ask) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": ask.model,
            "messages": self._messages(ask),
            "temperature": 0,
        }
        if ask.max_tokens:
            asked["max_tokens"] = ask.max_tokens
        if ask.tool:
            asked["tools"] = [{"type": "function", "function": ask.tool}]
            asked["tool_choice"] = "auto" if ask.told else "required"
        if ask.schema:
            named = {"name": "answer", "schema": ask.schema, "strict": True}
            asked["response_format"] = {"type": "json_schema", "json_schema": named}
        return asked

    def _messages(self, ask: Ask) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        if ask.system:
            messages.append({"role": "system", "content": ask.system})
        for role, text in zip(("user", "assistant") * 9, ask.before, strict=False):
            messages.append({"role": role, "content": text})
        content: Any = ask.text
        if ask.image:
            url = {"url": f"data:image/png;base64,{ask.image}"}
            content = [{"type": "text", "text": ask.text}, {"type": "image_url", "image_url": url}]
        messages.append({"role": "user", "content": content})
        if ask.tool and ask.told:
            function = {"name": ask.tool["name"], "arguments": json.dumps(ARGUMENTS)}
            call = {"id": CALL_ID, "type": "function", "function": function}
            messages += [
                {"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": CALL_ID, "content": ask.told},
            ]
        return messages


class CompletionsJudge(_OpenAI):
    def say(self, ask: Ask) -> Said:
        completion = self.sdk.completions.create(**self._asked(ask))
        (choice,) = completion.choices
        return Said(
            choice.text,
            ENDS[choice.finish_reason],
            (completion.usage.prompt_tokens, completion.usage.completion_tokens),
        )

    def stream(self, ask: Ask) -> Said:
        with self.sdk.completions.create(
            **self._asked(ask), stream=True, stream_options={"include_usage": True}
        ) as stream:
            chunks = list(stream)
        *said, last = chunks
        pieces = [text for chunk in said if (text := chunk.choices[0].text)]
        return Said(
            "".join(pieces),
            ENDS[said[-1].choices[0].finish_reason],
            (last.usage.prompt_tokens, last.usage.completion_tokens),
            pieces=len(pieces),
        )

    def leave(self, ask: Ask) -> str:
        with self.sdk.completions.create(**self._asked(ask), stream=True) as stream:
            return next(text for chunk in stream for row in chunk.choices if (text := row.text))

    def _asked(self, ask: Ask) -> dict[str, Any]:
        asked: dict[str, Any] = {"model": ask.model, "prompt": ask.text, "temperature": 0}
        return asked | ({"max_tokens": ask.max_tokens} if ask.max_tokens else {})


class ResponsesJudge(_OpenAI):
    def say(self, ask: Ask) -> Said:
        return self._said(self.sdk.responses.create(**self._asked(ask)))

    def stream(self, ask: Ask) -> Said:
        # Not its helper `stream`, which stumbles over events of llama.cpp that lack `content_index`.
        with self.sdk.responses.create(**self._asked(ask), stream=True) as stream:
            events = list(stream)
        pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert events[-1].type in ("response.completed", "response.incomplete")
        said = self._said(events[-1].response)
        assert said.text == "".join(pieces)
        return said._replace(pieces=len(pieces))

    def leave(self, ask: Ask) -> str:
        with self.sdk.responses.create(**self._asked(ask), stream=True) as stream:
            return next(
                event.delta for event in stream if event.type == "response.output_text.delta"
            )

    def count(self, ask: Ask) -> int:
        asked = self._asked(ask)
        return self.sdk.responses.input_tokens.count(
            model=asked["model"], input=asked["input"]
        ).input_tokens

    def _said(self, response: Any) -> Said:
        calls = [item for item in response.output if item.type == "function_call"]
        end = {"completed": "stop", "incomplete": "length"}[response.status]
        return Said(
            response.output_text,
            "tool" if calls else end,
            (response.usage.input_tokens, response.usage.output_tokens),
            tuple((call.name, json.loads(call.arguments)) for call in calls),
        )

    def _asked(self, ask: Ask) -> dict[str, Any]:
        asked: dict[str, Any] = {"model": ask.model, "input": self._input(ask), "temperature": 0}
        if ask.system:
            asked["instructions"] = ask.system
        if ask.max_tokens:
            asked["max_output_tokens"] = ask.max_tokens
        if ask.tool:
            asked["tools"] = [{"type": "function", "strict": True, **ask.tool}]
            asked["tool_choice"] = "auto" if ask.told else "required"
        if ask.schema:
            form = {"type": "json_schema", "name": "answer", "schema": ask.schema, "strict": True}
            asked["text"] = {"format": form}
        return asked

    def _input(self, ask: Ask) -> Any:
        if not (ask.before or ask.image or ask.told):
            return ask.text
        items: list[dict[str, Any]] = []
        for role, text in zip(("user", "assistant") * 9, ask.before, strict=False):
            kind = "output_text" if role == "assistant" else "input_text"
            content = [{"type": kind, "text": text}]
            items.append({"type": "message", "role": role, "content": content})
        content = [{"type": "input_text", "text": ask.text}]
        if ask.image:
            url = f"data:image/png;base64,{ask.image}"
            content.append({"type": "input_image", "image_url": url, "detail": "auto"})
        items.append({"role": "user", "content": content})
        if ask.tool and ask.told:
            arguments = json.dumps(ARGUMENTS)
            call = {"type": "function_call", "call_id": CALL_ID, "name": ask.tool["name"]}
            result = {"type": "function_call_output", "call_id": CALL_ID, "output": ask.told}
            items += [call | {"arguments": arguments}, result]
        return items
