"""Figures as people read them. The page shows these texts; the JSON beside it keeps the numbers."""

from typing import Final

UNKNOWN: Final = "\N{EN DASH}"
"""Shown where a figure is not known."""

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86400


def duration_text(duration_ms: float | None) -> str:
    """Returns `0.4 ms`, `182 ms`, `1.42 s`, `2 min 5 s`."""
    if duration_ms is None:
        return UNKNOWN
    if duration_ms < 9.95:
        return f"{duration_ms:.1f} ms"
    if duration_ms < 999.5:
        return f"{duration_ms:.0f} ms"
    if duration_ms < 59_995:
        return f"{duration_ms / 1000:.2f} s"
    minutes, seconds = divmod(round(duration_ms / 1000), _MINUTE_S)
    return f"{minutes} min {seconds} s"


def count_text(count: int | None) -> str:
    """Returns `1,204`, and from ten million on `12.3 M`."""
    if count is None:
        return UNKNOWN
    if count < 10_000_000:
        return f"{count:,}"
    return f"{count / 1_000_000:,.1f} M"


def age_text(age_s: float) -> str:
    """Returns how long ago something was, in its largest whole unit."""
    if age_s < 5:
        return "just now"
    if age_s < _MINUTE_S:
        # In steps of ten, so that a page which shows it need not be drawn anew each second.
        return f"{max(5, int(age_s) // 10 * 10)} s ago"
    if age_s < _HOUR_S:
        return f"{int(age_s // _MINUTE_S)} min ago"
    if age_s < _DAY_S:
        return f"{int(age_s // _HOUR_S)} h ago"
    return f"{int(age_s // _DAY_S)} d ago"


def plural(count: int, word: str) -> str:
    """Returns `1 model`, `2 models`."""
    return f"{count_text(count)} {word}{'' if count == 1 else 's'}"
