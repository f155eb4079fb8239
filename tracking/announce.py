"""How what taxihub writes itself is announced to the seal: a row that changes without such a line was altered."""

from typing import LiteralString

JOURNAL: LiteralString = """
WITH new AS (INSERT INTO journal (actor, action, object, detail) VALUES (%s, %s, %s, %s) RETURNING id, at),
due AS (INSERT INTO evidence_due (kind, key) SELECT 'journal', id::text FROM new)
SELECT at FROM new
"""
"""Append to the journal; returns when."""
TRIPS: LiteralString = """
INSERT INTO evidence_due (kind, key)
SELECT 'trip', vehicle_id || '/' || (extract(epoch FROM start) * 1000000)::bigint FROM changed
"""
"""Behind WITH changed AS (... RETURNING vehicle_id, start): trips whose audit was stored or undone."""
FINDINGS: LiteralString = "INSERT INTO evidence_due (kind, key) SELECT 'finding', id::text FROM changed"
"""Behind WITH changed AS (... RETURNING id)."""
