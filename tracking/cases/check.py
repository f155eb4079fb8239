"""Whether the steps of cases are what the sealed journal says they were."""

from __future__ import annotations

from typing import Any

import psycopg

from tracking.cases.store import digest_of

Connection = psycopg.Connection[Any]
BATCH = 2_000
STEPS = """
WITH told AS (SELECT detail ->> 'step' AS step, object, detail ->> 'sha256' AS sha256
              FROM journal WHERE action LIKE 'case.%')
SELECT coalesce(step.id::text, told.step), coalesce(step.case_id::text, told.object), step.id IS NULL,
       coalesce(encode(step.digest, 'hex') = told.sha256 AND step.case_id::text = told.object, false),
       step.at, step.who, step.event, step.state, step.words, step.detail, step.salt, step.digest
FROM audit_case_step AS step FULL JOIN told ON told.step = step.id::text
"""


def altered(db: Connection) -> list[str]:
    """Steps that are not as the journal has them, each in words. Of erased ones the digest alone is left to compare."""
    wrong = []
    with db.transaction(), db.cursor("case_steps") as cursor:
        cursor.itersize = BATCH
        for number, case, missing, told, *step in cursor.execute(STEPS):
            if missing:
                wrong.append(f"step {number} of case {case} is missing")
            elif not told:
                wrong.append(f"step {number} of case {case} is not in the journal like that")
            elif not _holds(int(case), *step):
                wrong.append(f"step {number} of case {case} was altered")
    return sorted(wrong)


def _holds(
    case: int, at: Any, who: str, event: str, state: str, words: str | None, detail: Any, salt: Any, digest: Any
) -> bool:
    if words is None and detail is None and salt is None:
        return True
    if words is None or detail is None or salt is None:
        return False
    return digest_of(case, event, who, at, state, words, detail, bytes(salt)) == bytes(digest)
