"""What any proxy costs beside nginx: `python -m bench.cpu_per_request --port PORT -- COMMAND…`.

For peers: COMMAND starts a proxy on PORT that sends chats to http://127.0.0.1:9601/v1, or streams to
http://127.0.0.1:9603/v1 with --stream. It runs on a core of its own and is measured like the gateway.
"""

import argparse
import sys

from bench import stage as at
from bench.load import Load
from bench.measures import NGINX, SSE_WRITTEN, alternate
from bench.processes import PROXY_CORE, may_open_many_files, rss_bytes, running


def main(arguments: list[str]) -> None:
    """Prints the costs of both, best run and all runs."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(prog="python -m bench.cpu_per_request", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--stream", action="store_true", help="per event of 100 streams")
    parser.add_argument("--pad", type=int, default=0, help="bytes added to the request")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments[:cut])
    command = arguments[cut + 1 :] or parser.error("no command after --")
    load = Load(at.chat_url(options.port), pad_bytes=options.pad)
    yardstick = NGINX
    if options.stream:
        load = load._replace(connections=100, seconds=5, stream=True, written_url=SSE_WRITTEN)
        yardstick = at.chat_url(at.NGINX_SSE_PORT)
    may_open_many_files()
    with at.stage() as stage, running(command, port=options.port, core=PROXY_CORE) as pid:
        ours, theirs = alternate(
            (load, pid), (load._replace(url=yardstick), stage.nginx), options.rounds
        )
        for name, costs in ((command[0], ours), ("nginx", theirs)):
            runs = " ".join(f"{cost.cpu_us:.1f}" for cost in costs)
            print(f"{name}: {min(cost.cpu_us for cost in costs):.1f} CPU µs, runs {runs}")
        print(f"memory {rss_bytes(pid) / 1e6:.0f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
