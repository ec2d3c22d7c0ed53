"""Writes the table of README.md anew from results.json: `python -m bench.tables`."""

from typing import Any

from bench.figure import kept_results
from bench.load import HERE

README = HERE / "README.md"
START, END = "<!-- figures: written by bench/tables.py -->", "<!-- end of figures -->"


def table(results: dict[str, Any]) -> str:
    """The figures as Markdown, in the order in which they were first taken."""
    machine = results["machine"]
    rows = [
        f"{machine['cores']} cores ({machine['processor']}), Linux {machine['kernel']},"
        f" Python {machine['python']}.",
        "",
        "| what | figure | at most | met | gateway | beside it | taken |",
        "|---|--:|--:|---|---|---|---|",
    ]
    for row in results["figures"].values():
        bar = "" if row["bar"] is None else f"{row['bar']:g}"
        verdict = "" if row["bar"] is None else ("yes" if row["is_met"] else "**no**")
        rows.append(
            f"| {row['title']} | {row['value']:.2f} {row['unit']} | {bar} | {verdict}"
            f" | {row['gateway']} | {row['beside']} | {row['at']} |"
        )
    return "\n".join(rows)


def write(results: dict[str, Any]) -> None:
    """Puts the table between its marks."""
    text = README.read_text()
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{START}\n\n{table(results)}\n\n{END}{after}")


if __name__ == "__main__":
    write(kept_results())
