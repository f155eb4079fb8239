-- Bookings that come again: what is asked for and by which rule, and what was done about it by whom.

CREATE TABLE series (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key          text NOT NULL UNIQUE,           -- of the request: sent twice, it is one series
    digest       bytea NOT NULL,                 -- SHA-256 of what was asked for
    rule         text NOT NULL,                  -- RFC 5545, as dispatch.recurrence takes it
    first        timestamptz NOT NULL,           -- its hour on the city's clock is that of all
    created      timestamptz NOT NULL,
    asked        jsonb NOT NULL,                 -- of each booking, as `booking` has it
    made_until   timestamptz NOT NULL,           -- bookings that are wanted before that have been made out
    ended        timestamptz,                    -- NULL: it goes on
    phone_index  bytea,
    phone_sealed bytea
);
CREATE INDEX series_running ON series (made_until) WHERE ended IS NULL;

CREATE TABLE series_step (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series_id bigint NOT NULL REFERENCES series,
    at        timestamptz NOT NULL,
    event     text NOT NULL CHECK (event IN ('create', 'skip', 'fail', 'end')),
    day       date,                              -- on the city's clock, of a skip or of what could not be made out
    actor     text NOT NULL,
    who       text NOT NULL,
    reason    text NOT NULL,
    CHECK ((day IS NULL) = (event IN ('create', 'end')))
);
CREATE UNIQUE INDEX series_step_once ON series_step (series_id, day) WHERE day IS NOT NULL;
CREATE INDEX series_step_of_series ON series_step (series_id, id);
CREATE TRIGGER series_step_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON series_step
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();
CREATE INDEX booking_of_series ON booking (series, wanted) WHERE series <> '';
