-- Trips and stops, derived from fixes; late fixes renew what they touch.

-- Days (UTC) of which fixes came since trips were derived: as touched_day, which the roll-up empties.
CREATE TABLE trip_due (
    day    date    NOT NULL,
    writer integer NOT NULL,
    times  bigint  NOT NULL DEFAULT 1,
    PRIMARY KEY (day, writer)
);
INSERT INTO trip_due (day, writer) SELECT DISTINCT (time AT TIME ZONE 'UTC')::date, 0 FROM position;

CREATE FUNCTION note_trip_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO trip_due (day, writer) VALUES (NEW.day, NEW.writer)
        ON CONFLICT (day, writer) DO UPDATE SET times = trip_due.times + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER touched_day_makes_trips_due AFTER INSERT OR UPDATE ON touched_day
    FOR EACH ROW EXECUTE FUNCTION note_trip_due();

-- The fixes from which trips were derived, by terminal and hour: their number and the exclusive or of their identities.
CREATE TABLE trip_source (
    terminal_id integer     NOT NULL REFERENCES terminal,
    hour        timestamptz NOT NULL,
    fixes       bigint      NOT NULL,
    digest      bigint      NOT NULL,
    PRIMARY KEY (terminal_id, hour)
);

-- What a vehicle did, without holes: each row begins where the one before it ends.
CREATE TABLE trip (
    vehicle_id    integer          NOT NULL REFERENCES vehicle,
    start         timestamptz      NOT NULL,
    finish        timestamptz      NOT NULL,
    kind          text             NOT NULL
        CHECK (kind IN ('hail', 'booked', 'approach', 'cruising', 'parked', 'off_duty')),
    start_lat     double precision,          -- degrees, WGS-84; NULL where no place was believed
    start_lon     double precision,
    finish_lat    double precision,
    finish_lon    double precision,
    length        double precision NOT NULL, -- m along the believed fixes
    fixes         integer          NOT NULL, -- believed ones, both ends included
    longest_gap   double precision NOT NULL, -- s between two fixes
    open_start    boolean          NOT NULL, -- it may have begun before the vehicle's first fix
    open_finish   boolean          NOT NULL, -- it may go on beyond the last
    roads         text,                      -- SHA-256 of the extract by which it was matched; NULL: not yet
    matched       double precision,          -- m on roads
    confidence    double precision,          -- 0 to 1
    gaps          jsonb,                     -- where nothing, or nothing certain, is known of the way
    free_flow     double precision,          -- s that the matched way would take on empty roads
    ways          jsonb,                     -- OpenStreetMap ways with their metres, seconds and limits, in order
    speeding      jsonb,                     -- where it was faster than the road allows
    PRIMARY KEY (vehicle_id, start),
    CHECK (start < finish)
);
CREATE INDEX trip_occupied ON trip (start) WHERE kind IN ('hail', 'booked');
CREATE INDEX trip_unmatched ON trip (start) WHERE kind IN ('hail', 'booked') AND roads IS NULL;

-- What the fleet drove, learned from matched trips: by road, and over all roads, for each hour of the week (Monday 0).
CREATE TABLE road_speed (
    way     bigint           NOT NULL,
    hour    smallint         NOT NULL,
    trips   integer          NOT NULL,
    speed   double precision NOT NULL,   -- m/s, all metres by all seconds
    PRIMARY KEY (way, hour)
);
CREATE TABLE road_pace (
    hour    smallint PRIMARY KEY,
    trips   integer          NOT NULL,
    pace    double precision NOT NULL    -- seconds driven in a second of free flow
);

-- Roads that cannot be driven for a time: the one nearest to the place.
CREATE TABLE road_closure (
    id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lat    double precision NOT NULL,
    lon    double precision NOT NULL,
    reason text             NOT NULL,
    actor  text             NOT NULL,
    since  timestamptz      NOT NULL,
    until  timestamptz      NOT NULL DEFAULT 'infinity',
    CHECK (since < until)
);
