-- Due process: what people make of findings, step by step, and what confirmed cases do to service credit.

CREATE TABLE driver (
    certificate text PRIMARY KEY,          -- number of the certificate of qualification, as meters tell it
    name        text NOT NULL DEFAULT '',
    issued      date NOT NULL              -- first issue: years of assessment begin on this day
);

CREATE TABLE audit_case (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    finding_id bigint      NOT NULL REFERENCES finding,
    state      text        NOT NULL,       -- tracking.cases.process.State
    driver     text        NOT NULL,       -- certificate of who is asked; '' where nobody is known, or he was erased
    opened     timestamptz NOT NULL,
    changed    timestamptz NOT NULL,
    opener     text        NOT NULL,       -- accounts
    proposer   text        NOT NULL DEFAULT '',
    confirm    boolean,                    -- what is proposed
    points     smallint,                   -- that are proposed to be taken, where it is to be confirmed
    deadline   timestamptz                 -- of the notice
);
CREATE UNIQUE INDEX audit_case_once ON audit_case (finding_id) WHERE state <> 'dropped';
CREATE INDEX audit_case_open ON audit_case (id) WHERE state IN ('opened', 'notified', 'heard', 'proposed');
CREATE INDEX audit_case_of_driver ON audit_case (driver, id);

-- Append-only, but for the words about a driver who is erased. The journal, which is sealed, holds each step's digest.
CREATE TABLE audit_case_step (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id  bigint      NOT NULL REFERENCES audit_case,
    at       timestamptz NOT NULL,
    who      text        NOT NULL,
    event    text        NOT NULL,
    state    text        NOT NULL,         -- that it led to
    words    text,                         -- NULL once erased
    detail   jsonb,                        -- NULL once erased
    salt     bytea,                        -- NULL once erased: then nobody can try words out against the digest
    digest   bytea       NOT NULL          -- SHA-256
);
CREATE INDEX audit_case_step_of_case ON audit_case_step (case_id, id);

CREATE TABLE credit_entry (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    driver   text        NOT NULL,
    at       timestamptz NOT NULL,         -- of the breach, or the merit: its year of assessment counts
    points   smallint    NOT NULL CHECK (points <> 0),
    case_id  bigint REFERENCES audit_case, -- NULL for merits
    reason   text        NOT NULL,
    who      text        NOT NULL,
    made     timestamptz NOT NULL,
    reverses bigint UNIQUE REFERENCES credit_entry,
    CHECK (points > 0 OR case_id IS NOT NULL)
);
CREATE INDEX credit_entry_of_driver ON credit_entry (driver, at);
CREATE INDEX credit_entry_of_case ON credit_entry (case_id);
CREATE INDEX finding_of_vehicle ON finding (vehicle_id, trip_start);

CREATE FUNCTION cases_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('taxihub.erasing', true) = 'yes' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'steps of cases and entries of service credit are append-only';
END $$;
CREATE TRIGGER case_steps_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_case_step
    FOR EACH STATEMENT EXECUTE FUNCTION cases_are_append_only();
CREATE TRIGGER credit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION cases_are_append_only();
