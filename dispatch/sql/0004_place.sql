-- Places that callers name: landmarks, estates, stations, gates.
CREATE TABLE place (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    text NOT NULL,
    name_en text NOT NULL,
    kind    text NOT NULL,
    town    text NOT NULL,
    address text NOT NULL,
    aliases text[] NOT NULL,
    lat     double precision NOT NULL,           -- degrees, WGS-84
    lon     double precision NOT NULL,
    UNIQUE (name, town)
);
CREATE INDEX booking_newest ON booking (id DESC);
