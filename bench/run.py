"""Takes all figures of README.md in one go: `make bench`, or `python -m bench.run --only plain`.

Linux with two cores or more, wrk, nginx, taskset. The machine should have nothing else to do.
"""

import argparse
import os
import sys

from bench import tables
from bench.figure import Figure, save
from bench.load import Bad
from bench.measures import MEASURES
from bench.processes import LOAD_CORE, NotReady, may_open_many_files
from bench.stage import program, stage

PROGRAMS = ("wrk", "nginx", "taskset")
USUAL = [name for name in MEASURES if name != "long"]


def parse(arguments: list[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each side (default 5)")
    parser.add_argument(
        "--only", nargs="+", choices=MEASURES, metavar="NAME", help=", ".join(MEASURES)
    )
    parser.add_argument("--long", action="store_true", help="a million requests as well")
    parser.add_argument("--no-save", action="store_true", help="print the figures only")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Takes the figures; returns the exit code. A missed bar is a finding, not an error."""
    options = parse(arguments)
    if (os.cpu_count() or 1) <= LOAD_CORE:
        print("The bench needs two cores.", file=sys.stderr)
        return 1
    names = options.only or [*USUAL, *(["long"] if options.long else [])]
    may_open_many_files()
    os.sched_setaffinity(0, {LOAD_CORE})  # the streams' clients are this program
    figures: list[Figure] = []
    try:
        for name in PROGRAMS:
            program(name)
        with stage() as standing:
            for name in names:
                for figure in MEASURES[name](standing, options.rounds):
                    print(figure, flush=True)
                    figures.append(figure)
    except (NotReady, Bad) as error:
        print(error, file=sys.stderr)
        return 1
    if not options.no_save:
        tables.write(save(figures, command=" ".join(["python -m bench.run", *arguments])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
