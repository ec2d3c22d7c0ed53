"""Style, scripts and icon: read once, named by their content, kept by the browser for good."""

from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

FOLDER: Final = Path(__file__).parent / "static"
PREFIX: Final = "/multillama/static/"

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Asset(NamedTuple):
    """One file."""

    body: bytes
    media_type: str
    digest: str


class Assets:
    """All files of `static/`, in memory: serving one waits for no disk."""

    def __init__(self) -> None:
        self._files = {path.name: _read(path) for path in sorted(FOLDER.iterdir())}

    def url(self, name: str) -> str:
        """Returns the address of a file, which is another one whenever its content is."""
        return f"{PREFIX}{name}?v={self._files[name].digest}"

    def respond(self, request: Request, name: str) -> Response | None:
        """Returns a file, 304 where the browser has it, or None where there is no such file."""
        asset = self._files.get(name)
        if asset is None:
            return None
        is_exact = request.query_params.get("v") == asset.digest
        headers = {
            "etag": f'"{asset.digest}"',
            "cache-control": "public, max-age=31536000, immutable" if is_exact else "no-cache",
        }
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(asset.body, media_type=asset.media_type, headers=headers)


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(body, _TYPES[path.suffix], sha256(body).hexdigest()[:16])
