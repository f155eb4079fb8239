-- History that outlasts the fixes: a line per day and vehicle, and days that were moved to files.

-- Days (UTC) whose fixes changed since they were rolled up. A writer touches rows of its own only, so that
-- none waits for another.
CREATE TABLE touched_day (
    day    date    NOT NULL,
    writer integer NOT NULL,           -- process id of its connection
    times  bigint  NOT NULL DEFAULT 1,
    PRIMARY KEY (day, writer)
);
INSERT INTO touched_day (day, writer) SELECT DISTINCT (time AT TIME ZONE 'UTC')::date, 0 FROM position;

CREATE TABLE vehicle_day (
    vehicle_id  integer NOT NULL REFERENCES vehicle,
    zone        text    NOT NULL,      -- by which the day begins and ends
    day         date    NOT NULL,
    first       timestamptz,           -- of the plausible fixes, as all that follows but the counts by flag
    last        timestamptz,
    fixes       integer NOT NULL,
    odometer_m  double precision NOT NULL,
    track_m     double precision NOT NULL,  -- along the fixes, without gaps
    no_fix      integer NOT NULL,      -- counts by gateway.report.Flag, of all fixes
    clock       integer NOT NULL,
    place       integer NOT NULL,
    encrypted   integer NOT NULL,
    motion      integer NOT NULL,
    backfill    integer NOT NULL,
    PRIMARY KEY (vehicle_id, zone, day)
);
CREATE INDEX vehicle_day_by_day ON vehicle_day (zone, day);

-- A day (UTC) of `position` may be in several files: fixes that came after it was archived get one more.
CREATE TABLE archive (
    file    text PRIMARY KEY,
    day     date        NOT NULL,
    fixes   bigint      NOT NULL,
    bytes   bigint      NOT NULL,
    sha256  bytea       NOT NULL,
    made    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX archive_by_day ON archive (day);
