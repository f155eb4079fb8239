-- What a taxi can take along and do, as the office says; who is not in it has four seats and nothing more.
CREATE TABLE equipment (
    plate text PRIMARY KEY,
    seats smallint NOT NULL CHECK (seats BETWEEN 1 AND 60),
    has   integer NOT NULL                       -- dispatch.match.snapshot.Ability
);
