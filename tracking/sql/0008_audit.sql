-- What taximeters wrote down, beside the trips that fixes tell of; and what the audit finds, as leads.

-- One row a record, by what its terminal calls it: terminals send a record again until it is answered.
CREATE TABLE meter_record (
    terminal_id integer          NOT NULL REFERENCES terminal,
    operation   bigint           NOT NULL,
    began       timestamptz      NOT NULL,
    ended       timestamptz      NOT NULL,
    message_id  bigint           NOT NULL,      -- the message that told it first
    distance    double precision NOT NULL,      -- m
    waiting     double precision NOT NULL,      -- s
    amount      numeric          NOT NULL,      -- yuan
    seen        boolean          NOT NULL DEFAULT false,  -- trips it overlaps were audited, or are due again
    PRIMARY KEY (terminal_id, operation, began)
);
CREATE INDEX meter_record_by_time ON meter_record (terminal_id, began);
CREATE INDEX meter_record_unseen ON meter_record (terminal_id) WHERE NOT seen;

CREATE FUNCTION keep_meter_records() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN  -- it was read again
        DELETE FROM meter_record WHERE message_id = NEW.id;
    END IF;
    INSERT INTO meter_record (terminal_id, operation, began, ended, message_id, distance, waiting, amount)
    SELECT NEW.terminal_id, (report->>'operation')::bigint, (report->'meter'->>'on')::timestamptz,
           (report->'meter'->>'off')::timestamptz, NEW.id, (report->'meter'->>'distance')::double precision,
           (report->'meter'->>'waiting')::double precision, (report->'meter'->>'amount')::numeric
    FROM jsonb_array_elements(NEW.reports) AS report
    WHERE report->>'kind' = 'trip' AND jsonb_typeof(report->'meter') = 'object'
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER message_tells_of_meters AFTER INSERT OR UPDATE OF reports ON message
    FOR EACH ROW WHEN (NEW.reports @> '[{"kind": "trip"}]') EXECUTE FUNCTION keep_meter_records();
INSERT INTO meter_record (terminal_id, operation, began, ended, message_id, distance, waiting, amount)
SELECT terminal_id, (report->>'operation')::bigint, (report->'meter'->>'on')::timestamptz,
       (report->'meter'->>'off')::timestamptz, id, (report->'meter'->>'distance')::double precision,
       (report->'meter'->>'waiting')::double precision, (report->'meter'->>'amount')::numeric
FROM message, jsonb_array_elements(reports) AS report
WHERE reports @> '[{"kind": "trip"}]' AND report->>'kind' = 'trip' AND jsonb_typeof(report->'meter') = 'object'
ORDER BY id
ON CONFLICT DO NOTHING;

ALTER TABLE trip
    ADD COLUMN metered double precision,    -- m by the taximeter; NULL where no record of it came
    ADD COLUMN fare    numeric,             -- yuan by the taximeter
    ADD COLUMN meter   bigint,              -- the message with that record
    ADD COLUMN audited text;                -- edition of the thresholds, 'none' before the first; NULL: not yet
CREATE INDEX trip_unaudited ON trip (start)
    WHERE kind IN ('hail', 'booked') AND audited IS NULL AND roads IS NOT NULL;

-- A lead (线索), never a verdict. It outlives its trip: `withdrawn` when later fixes or records no longer tell of it.
CREATE TABLE finding (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vehicle_id  integer          NOT NULL REFERENCES vehicle,
    trip_start  timestamptz      NOT NULL,
    trip_finish timestamptz      NOT NULL,
    rule        text             NOT NULL,   -- tracking.audit.finding.Rule
    level       text             NOT NULL,   -- lead, notify
    measured    double precision NOT NULL,   -- against `allowed`, both in the unit of the rule
    allowed     double precision NOT NULL,
    confidence  double precision NOT NULL,   -- 0 to 1
    thresholds  jsonb            NOT NULL,   -- as they were
    edition     text             NOT NULL,   -- since when they are
    roads       text             NOT NULL,   -- SHA-256 of the extract that it rests on
    fixes       jsonb            NOT NULL,   -- [[terminal, time, identity as a string]]
    frames      jsonb            NOT NULL,   -- [{"message", "sha256"}]: what was told in so many bytes
    found       timestamptz      NOT NULL DEFAULT now(),
    state       text             NOT NULL DEFAULT 'lead'
);
CREATE UNIQUE INDEX finding_once ON finding (vehicle_id, trip_start, rule) WHERE state <> 'withdrawn';
CREATE INDEX finding_by_time ON finding (trip_start);
