"""What looks like a key: for texts that repeat what a stranger wrote, as a client may put its key in any place."""

import re
from typing import Final

HIDDEN: Final = "***"
_KEY_LIKE: Final = re.compile(
    r"(?<![\w-])(?:sk-[\w-]{6,}"
    r"|(?:rk-|xai-|pplx-|nvapi-|csk-|gsk_|hf_|r8_|fw_|tgp_v1_|AIza)[\w-]{16,}"
    r"|(?<=Bearer )\S{8,})",
    re.ASCII,
)
"""What begins as the keys of known providers do, and as those that `multillama init` makes."""


def hide_keys(text: str) -> str:
    """Returns the text with `***` in place of all that looks like a key."""
    return _KEY_LIKE.sub(HIDDEN, text)
