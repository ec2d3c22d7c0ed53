"""The two APIs of the `ollama` SDK."""

import contextlib
from typing import Any

import ollama

from tests.e2e.compat.asking import ARGUMENTS, Ask, Said
from tests.e2e.conftest import TIMEOUT_S


class _Ollama:
    bad_request = not_found = any_error = ollama.ResponseError

    def __init__(self, url: str) -> None:
        self.sdk = ollama.Client(host=url, timeout=TIMEOUT_S)

    def close(self) -> None:
        self.sdk._client.close()

    def status_of(self, error: Any) -> int:
        return int(error.status_code)

    def _asked(self, ask: Ask) -> dict[str, Any]:
        options: dict[str, Any] = {"temperature": 0}
        if ask.max_tokens:
            options["num_predict"] = ask.max_tokens
        return {"model": ask.model, "options": options, "format": ask.schema}


class OllamaChatJudge(_Ollama):
    def say(self, ask: Ask) -> Said:
        return self._said([self.sdk.chat(**self._chat(ask))])

    def stream(self, ask: Ask) -> Said:
        return self._said(list(self.sdk.chat(**self._chat(ask), stream=True)))

    def leave(self, ask: Ask) -> str:
        stream = self.sdk.chat(**self._chat(ask), stream=True)
        with contextlib.closing(stream):
            return next(text for chunk in stream if (text := chunk.message.content))

    def models(self) -> list[str]:
        return [str(model.model) for model in self.sdk.list().models]

    def context_tokens(self, model: str) -> int:
        told = self.sdk.show(model).modelinfo
        return int(told[f"{told['general.architecture']}.context_length"])

    def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        return [list(row) for row in self.sdk.embed(model=model, input=texts).embeddings]

    def _said(self, chunks: list[Any]) -> Said:
        last = chunks[-1]
        assert last.done
        pieces = [text for chunk in chunks if (text := chunk.message.content)]
        calls = [call.function for chunk in chunks for call in chunk.message.tool_calls or ()]
        return Said(
            "".join(pieces),
            "tool" if calls else last.done_reason,
            (last.prompt_eval_count, last.eval_count),
            tuple((call.name, call.arguments) for call in calls),
            len(pieces),
        )

    def _chat(self, ask: Ask) -> dict[str, Any]:
        messages: list[dict[str, Any]] = []
        if ask.system:
            messages.append({"role": "system", "content": ask.system})
        for role, text in zip(("user", "assistant") * 9, ask.before, strict=False):
            messages.append({"role": role, "content": text})
        images = {"images": [ask.image]} if ask.image else {}
        messages.append({"role": "user", "content": ask.text, **images})
        asked = self._asked(ask)
        if ask.tool:
            # Ollama cannot force a call, so the model is only asked for it.
            asked["tools"] = [{"type": "function", "function": ask.tool}]
            name = ask.tool["name"]
            if ask.told:
                call = {"function": {"name": name, "arguments": ARGUMENTS}}
                messages += [
                    {"role": "assistant", "content": "", "tool_calls": [call]},
                    {"role": "tool", "tool_name": name, "content": ask.told},
                ]
        return {**asked, "messages": messages}


class OllamaGenerateJudge(_Ollama):
    def say(self, ask: Ask) -> Said:
        return self._said([self.sdk.generate(**self._generate(ask))])

    def stream(self, ask: Ask) -> Said:
        return self._said(list(self.sdk.generate(**self._generate(ask), stream=True)))

    def leave(self, ask: Ask) -> str:
        stream = self.sdk.generate(**self._generate(ask), stream=True)
        with contextlib.closing(stream):
            return next(text for chunk in stream if (text := chunk.response))

    def _said(self, chunks: list[Any]) -> Said:
        last = chunks[-1]
        assert last.done
        pieces = [text for chunk in chunks if (text := chunk.response)]
        tokens = last.prompt_eval_count, last.eval_count
        return Said("".join(pieces), last.done_reason, tokens, pieces=len(pieces))

    def _generate(self, ask: Ask) -> dict[str, Any]:
        images = {"images": [ask.image]} if ask.image else {}
        return {**self._asked(ask), "prompt": ask.text, "system": ask.system, **images}
