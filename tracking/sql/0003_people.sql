-- Who may log in, and who did what.

CREATE TABLE account (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL UNIQUE,
    role          text NOT NULL CHECK (role IN
        ('administrator', 'dispatcher', 'call_taker', 'safety_officer', 'auditor', 'kiosk')),
    password_hash text NOT NULL,
    active        boolean NOT NULL DEFAULT true,
    created       timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE login (
    token_hash bytea PRIMARY KEY,      -- SHA-256 of the cookie; the cookie itself is nowhere
    account_id integer NOT NULL REFERENCES account,
    created    timestamptz NOT NULL DEFAULT now(),
    expires    timestamptz NOT NULL,
    address    text NOT NULL
);
CREATE INDEX login_of_account ON login (account_id);

CREATE TABLE journal (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL DEFAULT now(),
    actor  text NOT NULL,              -- account name, or "system:<process>"
    action text NOT NULL,
    object text NOT NULL DEFAULT '',
    detail jsonb NOT NULL DEFAULT '{}'
);

CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only';
END $$;
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();
