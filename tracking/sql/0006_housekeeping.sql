-- What the daily work on the history last did, and when it is due again. One row.

CREATE TABLE housekeeping (
    single    boolean PRIMARY KEY DEFAULT true CHECK (single),
    next      timestamptz,             -- NULL: nothing does it by itself
    started   timestamptz,             -- of the last run
    ended     timestamptz,             -- NULL while it goes on, and where its process ended first
    succeeded timestamptz,             -- end of the last run without an error
    result    jsonb,                   -- what that run did
    error     text                     -- why the last run ended; NULL where it was good
);
INSERT INTO housekeeping DEFAULT VALUES;
