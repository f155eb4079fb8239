"""The built front end: `index.html` and files named by their content, each beside its compressed forms."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from starlette.responses import HTMLResponse, Response

from dashboard.parts import Process
from dashboard.problem import Problem

router = APIRouter(include_in_schema=False)
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
TYPES = {
    ".css": "text/css", ".js": "text/javascript", ".mjs": "text/javascript", ".svg": "image/svg+xml",
    ".png": "image/png", ".html": "text/html", ".txt": "text/plain",
}  # fmt: skip
UNBUILT = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>taxihub</title>
<h1>控制台尚未构建</h1>
<p>在 dashboard/web 目录中运行 npm ci 和 npm run build，然后刷新本页。接口仍可使用。</p>
<div lang="en"><h1>The console is not built yet</h1>
<p>Run npm ci and npm run build in dashboard/web, then reload. The API works all the same.</p></div></html>
"""


@router.get("/")
async def index(request: Request, parts: Process) -> Response:
    if not (parts.options.static / "index.html").is_file():
        return HTMLResponse(UNBUILT, 503)
    return _file(request, parts.options.static, "index.html", "no-cache")


@router.get("/assets/{name}")
async def asset(name: str, request: Request, parts: Process) -> Response:
    return _file(request, parts.options.static / "assets", name, "public, max-age=31536000, immutable")


def _file(request: Request, directory: Path, name: str, keep: str) -> Response:
    """One file of a directory without folders, in the best form that the client takes."""
    path = directory / name
    if path.suffix not in TYPES or path.parent != directory or not path.is_file():
        raise Problem(404, "no_file", f"there is no {request.url.path}")
    headers = {"Cache-Control": keep, "Vary": "Accept-Encoding"}
    taken = {part.split(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")}
    for encoding, suffix in ENCODINGS:
        packed = path.with_name(path.name + suffix)
        if encoding in taken and packed.is_file():
            return FileResponse(
                packed, media_type=TYPES[path.suffix], headers={**headers, "Content-Encoding": encoding}
            )
    return FileResponse(path, media_type=TYPES[path.suffix], headers=headers)
