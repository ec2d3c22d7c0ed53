"""llama.cpp with real weights that answers one short sentence whatever it is asked, always the same one.

Applications set no limit and no temperature, and a small model may never find an end: a grammar of the server finds it.
Run like `multillama.cli.demo_endpoints`.
"""

from typing import Any

from multillama.cli import demo_endpoints

GRAMMAR = 'root ::= [A-Za-z ,]{8,80} "."'


def start(weights: str) -> list[Any]:
    """Starts the server."""
    import xllamacpp

    chosen = demo_endpoints.parameters(weights, demo_endpoints.CHAT_MODEL)
    chosen.sampling.temp = 0
    user = xllamacpp.common_grammar_type.COMMON_GRAMMAR_TYPE_USER
    chosen.sampling.grammar = xllamacpp.CommonGrammar(user, GRAMMAR)
    return [xllamacpp.Server(chosen)]


if __name__ == "__main__":
    demo_endpoints.main(start)
