"""Which problems a route may answer with, for the API's description."""

from __future__ import annotations

from typing import Any

from dashboard import schemas
from dashboard.problem import MEDIA_TYPE

WORDS = {
    400: "Understood, but makes no sense",
    401: "No log-in, or it has ended",
    403: "Not with this role, or from a page of another site",
    404: "There is no such thing",
    409: "It cannot be, or not now; `code` and `detail` say why",
    422: "A parameter or the body is malformed; `errors` says which",
    429: "Too many wrong passwords; `Retry-After` says how long to wait",
    503: "The database is away; `Retry-After` says when to try again."
    " Of routes also: a file of old days is missing or damaged; `file` and `day` say which",
}


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {s: {"description": WORDS[s], "content": {MEDIA_TYPE: {"schema": schema}}} for s in statuses}


PROBLEM_SCHEMA = schemas.Problem.model_json_schema()
