-- The fleet: who drives what, and which terminal stood in which vehicle when.

CREATE TABLE company (
    id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);

CREATE TABLE vehicle (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plate         text NOT NULL UNIQUE,
    vehicle_class text NOT NULL,
    company_id    integer REFERENCES company,
    created       timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE terminal (
    id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key     text NOT NULL UNIQUE,               -- "protocol/number", as gateway.report names it
    active  boolean NOT NULL DEFAULT true,      -- on the gateway's roll
    created timestamptz NOT NULL DEFAULT now()
);

-- A terminal is in one vehicle at a time. Positions belong to terminals; a vehicle's route is put
-- together through its fittings, so moving a terminal to another car leaves history where it was.
CREATE TABLE fitting (
    terminal_id integer NOT NULL REFERENCES terminal,
    vehicle_id  integer NOT NULL REFERENCES vehicle,
    since       timestamptz NOT NULL DEFAULT '-infinity',
    until       timestamptz NOT NULL DEFAULT 'infinity',
    PRIMARY KEY (terminal_id, since),
    CHECK (since < until)
);
CREATE UNIQUE INDEX fitting_now ON fitting (terminal_id) WHERE until = 'infinity';
CREATE INDEX fitting_of_vehicle ON fitting (vehicle_id);
