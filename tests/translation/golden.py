"""The golden cases: what stands in `tests/cases/<dialect>/<case>/`, and what becomes of it in every other dialect.

`request.json`, `answer.json` and `stream.txt` are a dialect's own; `request.<target>.json` is what an endpoint of
another one gets, with what it could not be told, `answer.<client>.json` and
`stream.<client>.txt` what a client of another one gets.
`python -m tests.translation.golden` writes what is expected anew: read the difference before it is committed.
"""

import json
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

from tests.translation.counting import FILE
from tests.translation.crossing import answered, sent

RICH = ("anthropic.messages", "gemini", "ollama.chat", "openai.chat", "openai.responses")
ASKED = {
    "openai.responses": {"input": "hi"},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}
CHAT = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}


class Golden(NamedTuple):
    """One input, and the dialect that it is told in."""

    file: pathlib.Path
    dialect: str
    other: str

    @property
    def expected(self) -> pathlib.Path:
        return self.file.with_name(f"{self.file.stem}.{self.other}{self.file.suffix}")

    def made(self) -> str:
        body = self.file.read_bytes()
        if self.file.stem == "request":
            told = sent(body, self.dialect, self.other, stream=False)
            value = {"dropped": list(told.dropped), "body": json.loads(told.body)}
            return pretty(value)
        stream = self.file.stem == "stream"
        asked = json.dumps({"model": "m", **ASKED.get(self.other, CHAT)}).encode()
        way = (self.other, self.dialect)
        said, _ = answered(body, sent(asked, *way, stream=stream), way, stream=stream, cuts=[7])
        return said.decode() if stream else pretty(json.loads(said))


def pretty(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def cases() -> Iterator[Golden]:
    for dialect in RICH:
        for file in sorted((FILE.parent / dialect).glob("*/*")):
            if file.name in ("request.json", "answer.json", "stream.txt"):
                yield from (Golden(file, dialect, other) for other in RICH if other != dialect)


def main() -> None:
    for case in cases():
        case.expected.write_text(case.made())


if __name__ == "__main__":
    main()
