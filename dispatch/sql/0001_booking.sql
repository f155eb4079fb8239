-- Bookings, what happened to them, which taxi has them, what was offered to whom and why.

CREATE TABLE booking (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key              text NOT NULL UNIQUE,       -- of the request: sent twice, it is one booking
    digest           bytea NOT NULL,             -- SHA-256 of what was asked for
    state            text NOT NULL CHECK (state IN
        ('drafted', 'waiting', 'offered', 'accepted', 'en_route', 'arrived', 'on_board', 'completed',
         'cancelled_by_passenger', 'cancelled_by_driver', 'cancelled_by_centre', 'no_show', 'no_car', 'expired')),
    changed          timestamptz NOT NULL,
    created          timestamptz NOT NULL,
    due              timestamptz NOT NULL,       -- when the search for a taxi begins
    wanted           timestamptz,                -- NULL: now
    lead             interval NOT NULL,
    channel          text NOT NULL,
    pick_up          jsonb NOT NULL,             -- name, lat, lon in degrees WGS-84, note; so are the next two
    destination      jsonb,
    stops            jsonb NOT NULL,
    passengers       smallint NOT NULL CHECK (passengers > 0),
    luggage          smallint NOT NULL CHECK (luggage >= 0),
    needs            integer NOT NULL,           -- dispatch.match.snapshot.Ability
    priority         smallint NOT NULL CHECK (priority >= 0),
    rider            text NOT NULL,
    account          text NOT NULL,
    preferred_driver text NOT NULL,
    refused_drivers  text[] NOT NULL,
    zone             text NOT NULL,
    series           text NOT NULL,
    note             text NOT NULL,
    phone_index      bytea,                      -- keyed hash of the caller's number, to find it
    phone_sealed     bytea                       -- the number itself, encrypted; NULL: withheld
);
CREATE INDEX booking_open ON booking (due) WHERE state IN
    ('drafted', 'waiting', 'offered', 'accepted', 'en_route', 'arrived', 'on_board');
CREATE INDEX booking_of_phone ON booking (phone_index, created DESC) WHERE phone_index IS NOT NULL;

-- Which taxi has which booking, and had. Never two taxis for one booking, never two bookings for one taxi.
CREATE TABLE assignment (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    booking_id bigint NOT NULL REFERENCES booking,
    taxi       text NOT NULL,                    -- key of its terminal
    since      timestamptz NOT NULL,
    until      timestamptz NOT NULL DEFAULT 'infinity',
    CHECK (since <= until)
);
CREATE UNIQUE INDEX assignment_one_taxi ON assignment (booking_id) WHERE until = 'infinity';
CREATE UNIQUE INDEX assignment_one_booking ON assignment (taxi) WHERE until = 'infinity';
CREATE INDEX assignment_of_booking ON assignment (booking_id);

-- A booking's state and its taxi agree whenever a transaction ends, whoever wrote it.
CREATE FUNCTION booking_agrees_with_taxi() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    which bigint := CASE TG_TABLE_NAME WHEN 'booking' THEN (to_jsonb(NEW) ->> 'id')::bigint
                                       ELSE (to_jsonb(NEW) ->> 'booking_id')::bigint END;
    bound boolean := EXISTS (SELECT FROM assignment WHERE booking_id = which AND until = 'infinity');
    found text := (SELECT state FROM booking WHERE id = which);
BEGIN
    IF bound <> (found IN ('accepted', 'en_route', 'arrived', 'on_board')) THEN
        RAISE EXCEPTION 'booking % is % and has % taxi', which, found, CASE WHEN bound THEN 'a' ELSE 'no' END
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER booking_agrees AFTER INSERT OR UPDATE OF state ON booking
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION booking_agrees_with_taxi();
CREATE CONSTRAINT TRIGGER assignment_agrees AFTER INSERT OR UPDATE ON assignment
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION booking_agrees_with_taxi();

-- Who was asked. A taxi has one order at a time on its screen, but may hear several broadcasts.
CREATE TABLE offer (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    booking_id bigint NOT NULL REFERENCES booking,
    taxi       text NOT NULL,
    mode       text NOT NULL CHECK (mode IN ('assign', 'cascade', 'broadcast', 'queue')),
    made       timestamptz NOT NULL,
    expires    timestamptz NOT NULL,
    state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'refused', 'lapsed', 'withdrawn')),
    answered   timestamptz,
    CHECK ((state = 'open') = (answered IS NULL))
);
CREATE UNIQUE INDEX offer_once ON offer (booking_id, taxi) WHERE state = 'open';
CREATE UNIQUE INDEX offer_one_order ON offer (taxi) WHERE state = 'open' AND mode <> 'broadcast';
CREATE INDEX offer_of_booking ON offer (booking_id);
CREATE INDEX offer_expiry ON offer (expires) WHERE state = 'open';

-- Who did what, when and why.
CREATE TABLE transition (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    booking_id bigint NOT NULL REFERENCES booking,
    at         timestamptz NOT NULL,
    event      text NOT NULL,
    before     text,                             -- NULL: it was created
    after      text NOT NULL,
    actor      text NOT NULL,                    -- passenger, call_taker, dispatcher, driver, system
    who        text NOT NULL,                    -- account, terminal, or "system:<process>"
    reason     text NOT NULL,
    taxi       text
);
CREATE INDEX transition_of_booking ON transition (booking_id, id);
CREATE TRIGGER transition_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transition
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();

-- Why this taxi, as dispatch.match.why tells it, and what was known, to make the decision again.
CREATE TABLE snapshot (
    digest  text PRIMARY KEY,                    -- SHA-256 of the canonical JSON
    at      timestamptz NOT NULL,
    content bytea NOT NULL                       -- the canonical JSON, zlib
);
CREATE TABLE decision (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    booking_id bigint NOT NULL REFERENCES booking,
    snapshot   text NOT NULL REFERENCES snapshot,
    at         timestamptz NOT NULL,
    content    jsonb NOT NULL
);
CREATE INDEX decision_of_booking ON decision (booking_id, id);
