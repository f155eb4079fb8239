-- Hints to vacant taxis, and the switch for them; what is said in words of its own.

ALTER TABLE saying ADD COLUMN words text;        -- NULL: they follow from the booking
ALTER TABLE saying DROP CONSTRAINT saying_kind_check;
ALTER TABLE saying ADD CONSTRAINT saying_kind_check
    CHECK (kind IN ('offer', 'assign', 'award', 'refuse', 'cancel', 'hint', 'call', 'tell')),
    ADD CONSTRAINT saying_words_check CHECK ((words IS NULL) = (kind NOT IN ('hint', 'call', 'tell')));

CREATE TABLE hint (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL,
    taxi     text NOT NULL,
    cell     bigint NOT NULL,                    -- H3, of dispatch.forecast.RESOLUTION
    lat      double precision NOT NULL,          -- where passengers of former days were, degrees, WGS-84
    lon      double precision NOT NULL,
    metres   double precision NOT NULL,          -- from where the taxi was, straight
    pick_ups double precision NOT NULL           -- expected there in a quarter of an hour
);
CREATE INDEX hint_by_time ON hint (at);
CREATE INDEX hint_of_taxi ON hint (taxi, at DESC);

-- The newest row counts; without one hints are off.
CREATE TABLE hint_switch (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     timestamptz NOT NULL,
    "on"   boolean NOT NULL,
    who    text NOT NULL,
    reason text NOT NULL
);
CREATE TRIGGER hint_switch_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON hint_switch
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();
