-- What is in quarantine can be tried again: as the entry of the spool that it was, or a part of one.

ALTER TABLE quarantine
    ADD COLUMN kind     text NOT NULL DEFAULT 'unknown',   -- of the entry, see gateway.spool
    ADD COLUMN received timestamptz NOT NULL DEFAULT now();
UPDATE quarantine SET received = at, kind = CASE substring(content FROM 1 FOR 4) WHEN 'TXF1' THEN 'fix' ELSE kind END;
ALTER TABLE quarantine
    ALTER COLUMN kind DROP DEFAULT,
    ALTER COLUMN received DROP DEFAULT;

-- Rewritten with every transaction: room in each page keeps the new version of a row beside the old one.
ALTER TABLE last_state SET (fillfactor = 50);
