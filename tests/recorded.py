"""Finds recorded traffic of real providers, which lies beside the repository and is no part of it."""

import os
import pathlib

import pytest

VARIABLE = "MULTILLAMA_FIXTURES"
ROOT = pathlib.Path(__file__).parents[1]


def recorded(pattern: str) -> list[pathlib.Path]:
    """Returns the recordings that fit a pattern; skips the test where there are none on this machine.

    Where the variable says that they are there, and they are not, the test fails.
    """
    said = os.environ.get(VARIABLE)
    folder = pathlib.Path(said) if said else ROOT.parent / "shared" / "fixtures"
    if not said and not folder.is_dir():
        pytest.skip(f"no recorded traffic: {VARIABLE} names no folder")
    found = sorted(folder.glob(pattern))
    assert found, f"{VARIABLE}: nothing in {folder} fits {pattern}"
    return found
