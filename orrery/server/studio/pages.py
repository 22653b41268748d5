"""The files of the pages, with headers that let them take nothing from elsewhere and send nothing there."""

import base64
import hashlib
import re
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parents[1] / "static"


def allowed_script(index: str) -> str:
    """The one script that stands in the page itself, the names of the modules, as a hash that allows no other."""
    (text,) = re.findall(r'<script type="importmap">(.*?)</script>', index, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def headers() -> dict[str, str]:
    """Those that every file is sent with."""
    index = (STATIC / "index.html").read_text(encoding="utf-8")
    policy = {
        "default-src": "'self'",
        "img-src": "'self' data: blob:",
        "style-src": "'self' 'unsafe-inline'",
        "script-src": f"'self' {allowed_script(index)}",
        "frame-ancestors": "'none'",  # nobody shows them inside a page of their own
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",  # asked for anew each time, and sent only where it has changed
    }


class Pages(StaticFiles):
    """A folder of files, each sent with these headers."""

    def __init__(self, directory: Path, headers: dict[str, str]) -> None:
        super().__init__(directory=directory)
        self.headers = headers

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, or that it has not changed."""
        response = await super().get_response(path, scope)
        response.headers.update(self.headers)
        return response


def add_pages(app: FastAPI) -> None:
    """Serve them: the shell at /, all else below /static."""
    sent = headers()

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return FileResponse(STATIC / "index.html", headers=sent)

    app.mount("/static", Pages(STATIC, sent))
