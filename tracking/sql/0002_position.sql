-- Positions as the gateway understood them. NaN and -1 mean "not reported", so that rows have one
-- width and whole batches are built by numpy; the view `fix` shows them as NULL.

CREATE TABLE position (
    terminal_id    integer          NOT NULL,
    time           timestamptz      NOT NULL,   -- of the fix, by the terminal's clock
    identity       bigint           NOT NULL,   -- hash of the basic body: a re-sent fix has the same
    received       timestamptz      NOT NULL,
    lat            double precision NOT NULL,   -- degrees, WGS-84
    lon            double precision NOT NULL,
    speed          real             NOT NULL,   -- m/s
    course         real             NOT NULL,   -- degrees, north 0, clockwise
    altitude       real             NOT NULL,   -- m
    recorder_speed real             NOT NULL,   -- m/s
    fuel           real             NOT NULL,   -- litres
    odometer       double precision NOT NULL,   -- m
    alarms         bigint           NOT NULL,   -- gateway.report.Alarm
    status         integer          NOT NULL,   -- gateway.report.Status
    flags          smallint         NOT NULL,   -- gateway.report.Flag
    satellites     smallint         NOT NULL,
    signal         smallint         NOT NULL,
    attributes     jsonb,
    PRIMARY KEY (terminal_id, time, identity)
) {{by time}};

{{time series position}}

CREATE VIEW fix AS
SELECT terminal.key AS terminal, fitting.vehicle_id, position.time, position.received, position.lat, position.lon,
       nullif(position.speed, 'NaN') AS speed, nullif(position.course, 'NaN') AS course,
       nullif(position.altitude, 'NaN') AS altitude, nullif(position.recorder_speed, 'NaN') AS recorder_speed,
       nullif(position.fuel, 'NaN') AS fuel, nullif(position.odometer, 'NaN') AS odometer,
       position.alarms, position.status, position.flags,
       nullif(position.satellites, -1) AS satellites, nullif(position.signal, -1) AS signal, position.attributes
FROM position
JOIN terminal ON terminal.id = position.terminal_id
LEFT JOIN fitting ON fitting.terminal_id = position.terminal_id
    AND fitting.since <= position.time AND position.time < fitting.until;

-- Newest good live fix of each terminal. Late uploads and flagged fixes never move it; `heard` is
-- when the gateway last received any fix.
CREATE TABLE last_state (
    terminal_id integer PRIMARY KEY REFERENCES terminal,
    heard       timestamptz NOT NULL,
    time        timestamptz,
    lat         double precision,
    lon         double precision,
    speed       real,
    course      real,
    altitude    real,
    odometer    double precision,
    alarms      bigint,
    status      integer,
    satellites  smallint,
    signal      smallint
);

-- How far the writer has read each spool, in the same transaction as the rows.
CREATE TABLE spool_offset (
    spool    text PRIMARY KEY,
    seq      bigint NOT NULL,
    received timestamptz NOT NULL      -- when the gateway received the newest of them
);

-- What no table would take, with its cause; nothing acknowledged is thrown away.
CREATE TABLE quarantine (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    spool    text NOT NULL,
    seq      bigint NOT NULL,
    terminal text,
    cause    text NOT NULL,
    content  bytea NOT NULL
);

-- Messages other than positions, whole, with what they say. A frame sent again soon is kept once.
CREATE TABLE message (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    terminal_id integer NOT NULL REFERENCES terminal,
    digest      bytea NOT NULL,        -- SHA-256 of the frame
    received    timestamptz NOT NULL,
    name        text NOT NULL,         -- as in the message tables, "unknown" for others
    frame       bytea NOT NULL,
    reports     jsonb NOT NULL         -- list of gateway.report's reports, in SI units
);
CREATE INDEX message_again ON message (terminal_id, digest, received);
CREATE INDEX message_by_name ON message (name, received);

-- What was said to terminals, and how far it came.
CREATE TABLE command (
    id          text PRIMARY KEY,
    terminal_id integer NOT NULL REFERENCES terminal,
    command     jsonb NOT NULL,        -- as gateway.command tells it
    actor       text NOT NULL,
    created     timestamptz NOT NULL,
    expires     timestamptz NOT NULL,
    state       text NOT NULL,         -- queued, sent, acknowledged, failed, expired
    changed     timestamptz NOT NULL
);
CREATE INDEX command_of_terminal ON command (terminal_id, created);
CREATE TABLE command_step (
    command_id text NOT NULL REFERENCES command,
    at         timestamptz NOT NULL,
    state      text NOT NULL,
    result     text NOT NULL,
    detail     jsonb NOT NULL,         -- the terminal's own answer, where it has one
    PRIMARY KEY (command_id, at, state)
);
