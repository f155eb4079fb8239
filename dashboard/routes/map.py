"""The base map: one PMTiles archive, read by ranges."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from dashboard import schemas
from dashboard.parts import Process
from dashboard.problem import Problem
from dashboard.routes.answers import answers

router = APIRouter(tags=["map"])
ATTRIBUTION = "© OpenStreetMap contributors"


@router.get("/api/v1/map", summary="What the map shows first, and where its tiles are", responses=answers(401, 503))
async def base_map(parts: Process) -> schemas.BaseMap:
    """The address of the archive changes with its content, so it may be kept for ever."""
    options = parts.options
    url = None
    if options.base_map.is_file():
        stat = options.base_map.stat()
        url = f"/map/base.pmtiles?v={stat.st_mtime_ns:x}-{stat.st_size:x}"
    return schemas.BaseMap(url=url, attribution=ATTRIBUTION, center=options.center, zoom=options.zoom)


@router.get(
    "/map/base.pmtiles", summary="The tiles", response_class=FileResponse,
    responses=answers(401, 404, 422, 503) | {206: {"description": "The part that was asked for by `Range`"}},
)  # fmt: skip
async def tiles(parts: Process, v: Annotated[str, Query(description="Version, from /api/v1/map")] = "") -> FileResponse:
    path = parts.options.base_map
    if not path.is_file():
        raise Problem(404, "no_base_map", f"no base map at {path}: make one with `python -m dashboard basemap`")
    keep = "private, max-age=31536000, immutable" if v else "private, no-cache"
    return FileResponse(path, media_type="application/vnd.pmtiles", headers={"Cache-Control": keep})
