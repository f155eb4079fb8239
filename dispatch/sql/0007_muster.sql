-- Musters (应急运力): taxis that are called to a place, who comes, who is there, and everything that was done about it.

ALTER TABLE saying DROP CONSTRAINT saying_kind_check, DROP CONSTRAINT saying_words_check;
ALTER TABLE saying ADD CONSTRAINT saying_kind_check
    CHECK (kind IN ('offer', 'assign', 'award', 'refuse', 'cancel', 'hint', 'call', 'roll', 'tell')),
    ADD CONSTRAINT saying_words_check CHECK ((words IS NULL) = (kind NOT IN ('hint', 'call', 'roll', 'tell')));

CREATE TABLE muster (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key     text NOT NULL UNIQUE,                -- of the request: sent twice, it is one muster
    digest  bytea NOT NULL,                      -- SHA-256 of what was asked for
    stage   text NOT NULL CHECK (stage IN ('open', 'released', 'cancelled')),
    created timestamptz NOT NULL,
    changed timestamptz NOT NULL,
    place   jsonb NOT NULL,                      -- name, lat, lon in degrees WGS-84, note
    cars    smallint NOT NULL CHECK (cars > 0),
    reason  text NOT NULL,
    who     text NOT NULL
);
CREATE INDEX muster_open ON muster (id) WHERE stage = 'open';

CREATE TABLE muster_member (
    muster_id bigint NOT NULL REFERENCES muster,
    taxi      text NOT NULL,
    part      text NOT NULL CHECK (part IN ('asked', 'coming', 'there', 'refused', 'lapsed', 'left', 'released')),
    asked     timestamptz NOT NULL,
    changed   timestamptz NOT NULL,
    rolled    timestamptz,                       -- asked at the last roll-call
    present   boolean,                           -- what the driver answered to it; NULL: nothing yet
    PRIMARY KEY (muster_id, taxi)
);
CREATE UNIQUE INDEX muster_member_once ON muster_member (taxi) WHERE part IN ('asked', 'coming', 'there');

CREATE TABLE muster_step (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    muster_id bigint NOT NULL REFERENCES muster,
    at        timestamptz NOT NULL,
    event     text NOT NULL,
    taxi      text,
    who       text NOT NULL,
    reason    text NOT NULL
);
CREATE INDEX muster_step_of_muster ON muster_step (muster_id, id);
CREATE TRIGGER muster_step_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON muster_step
    FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only();

-- A taxi has a booking or a muster, never both, whoever writes: both sides take the taxi's lock before they look.
CREATE FUNCTION taxi_serves_one() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(730548121, hashtext(NEW.taxi));
    IF TG_TABLE_NAME = 'assignment' THEN
        IF EXISTS (SELECT FROM muster_member WHERE taxi = NEW.taxi AND part IN ('coming', 'there')) THEN
            RAISE EXCEPTION 'taxi % is in a muster', NEW.taxi USING ERRCODE = 'unique_violation';
        END IF;
    ELSIF EXISTS (SELECT FROM assignment WHERE taxi = NEW.taxi AND until = 'infinity') THEN
        RAISE EXCEPTION 'taxi % has a booking', NEW.taxi USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER assignment_or_muster BEFORE INSERT ON assignment
    FOR EACH ROW WHEN (NEW.until = 'infinity') EXECUTE FUNCTION taxi_serves_one();
CREATE TRIGGER muster_or_assignment BEFORE INSERT OR UPDATE OF part ON muster_member
    FOR EACH ROW WHEN (NEW.part IN ('coming', 'there')) EXECUTE FUNCTION taxi_serves_one();
