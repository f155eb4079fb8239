-- Evidence: what was stored is sealed, period by period, in a chain of signed checkpoints.

-- Days (UTC) of which fixes came since the last seal: as touched_day, which the roll-up empties.
CREATE TABLE seal_due (
    day    date    NOT NULL,
    writer integer NOT NULL,
    times  bigint  NOT NULL DEFAULT 1,
    PRIMARY KEY (day, writer)
);
INSERT INTO seal_due (day, writer)
SELECT DISTINCT (time AT TIME ZONE 'UTC')::date, 0 FROM position UNION SELECT day, 0 FROM archive;

CREATE FUNCTION note_seal_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seal_due (day, writer) VALUES (NEW.day, NEW.writer)
        ON CONFLICT (day, writer) DO UPDATE SET times = seal_due.times + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER touched_day_makes_seal_due AFTER INSERT OR UPDATE ON touched_day
    FOR EACH ROW EXECUTE FUNCTION note_seal_due();

-- Rows of other tables that taxihub itself wrote since the last seal. What changes without a line here was altered.
CREATE TABLE evidence_due (
    id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,                -- tracking.evidence.records, or 'position'
    key  text NOT NULL                 -- of the row; of positions: terminal id / hour in seconds since 1970
);
INSERT INTO evidence_due (kind, key)
SELECT 'message', id::text FROM message UNION ALL SELECT 'finding', id::text FROM finding
UNION ALL SELECT 'journal', id::text FROM journal
UNION ALL SELECT 'trip', vehicle_id || '/' || (extract(epoch FROM start) * 1000000)::bigint
    FROM trip WHERE audited IS NOT NULL;

-- Fixes that a correction took out of `position`, as they were.
CREATE TABLE position_replaced (LIKE position);
ALTER TABLE position_replaced
    ADD COLUMN replaced   timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN correction text        NOT NULL;      -- entry of the spool that replaced it
CREATE INDEX position_replaced_by_time ON position_replaced (time);

-- The chain: header is what is signed, see tracking.evidence.checkpoint.
CREATE TABLE evidence_seal (
    number    bigint PRIMARY KEY,
    at        timestamptz NOT NULL,
    header    bytea       NOT NULL,
    signature bytea       NOT NULL
);
-- The trees of a seal: fixes by terminal and hour, records of other tables by kind.
CREATE TABLE evidence_part (
    seal   bigint      NOT NULL REFERENCES evidence_seal DEFERRABLE INITIALLY DEFERRED,
    kind   text        NOT NULL,
    name   text        NOT NULL,       -- of the terminal; empty for other kinds
    hour   timestamptz NOT NULL,       -- of the fixes; of the seal for other kinds
    size   integer     NOT NULL,       -- rows
    digest bigint      NOT NULL,       -- exclusive or of the fixes' identities
    keys   bytea       NOT NULL,
    leaves bytea       NOT NULL,       -- 32 bytes each
    root   bytea       NOT NULL,
    PRIMARY KEY (kind, hour, name, seal)
);
CREATE INDEX evidence_part_of_seal ON evidence_part (seal);

-- Journal entries as they are sealed: encrypted with the key of whom they tell of.
CREATE TABLE evidence_subject (
    id        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name      text UNIQUE,             -- NULL once erased
    key       bytea,                   -- wrapped by the key file's; NULL once erased
    erased    timestamptz
);
CREATE TABLE evidence_entry (
    kind    text    NOT NULL,
    key     text    NOT NULL,
    subject integer NOT NULL REFERENCES evidence_subject,
    content bytea   NOT NULL,          -- nonce and AES-256-GCM
    PRIMARY KEY (kind, key)
);

-- The journal stays append-only, but for the words about a person who is erased.
CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('taxihub.erasing', true) = 'yes' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the journal is append-only';
END $$;
