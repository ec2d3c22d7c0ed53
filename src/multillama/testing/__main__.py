"""`python -m multillama.testing`: an LLM server that needs no model, for tests and offline work."""

import argparse
import asyncio

from multillama.testing.server import TEXT, ScriptedServer


async def serve(models: list[str], *, text: str, port: int) -> None:
    """Serves until it is interrupted."""
    async with ScriptedServer(models, text=text, port=port) as server:
        print(f"scripted server on {server.url} with {', '.join(models)}", flush=True)  # noqa: T201 a command
        await asyncio.Event().wait()


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m multillama.testing")
    parser.add_argument("--port", type=int, default=0, help="default: any free one, printed")
    parser.add_argument("--model", action="append", help="may repeat; default: m1")
    parser.add_argument("--text", default=TEXT, help="what it answers")
    options = parser.parse_args()
    try:
        asyncio.run(serve(options.model or ["m1"], text=options.text, port=options.port))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
