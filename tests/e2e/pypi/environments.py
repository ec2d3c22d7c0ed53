"""Applications in virtual environments of their own, installed from locked versions when a test first needs them.

They stay outside the repository, and away from the packages that MultiLlama is developed with. A folder's name holds
the lock file's hash, so that a changed lock is installed anew.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
KEPT_AT = ROOT / ".stamps" / "apps"
UV = str(Path(sys.executable).with_name("uv"))


def programs_of(app: str) -> Path:
    """Returns the folder of an application's programs, its `python` among them."""
    lock = ROOT / "requirements" / "apps" / f"{app}.txt"
    home = KEPT_AT / f"{app}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    done = home / "installed"
    if not done.exists():
        _run(UV, "venv", "--quiet", "--clear", "--python", sys.executable, str(home))
        python = str(home / "bin" / "python")
        _run(UV, "pip", "sync", "--quiet", "--require-hashes", "--python", python, str(lock))
        done.touch()
    return home / "bin"


def _run(*command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert ran.returncode == 0, f"{' '.join(command)}\n{ran.stderr}"
