-- Days (UTC) of vehicles whose conduct is to be judged, again whenever trips of them change.
CREATE TABLE conduct_due (
    vehicle_id integer NOT NULL REFERENCES vehicle,
    day        date    NOT NULL,
    PRIMARY KEY (vehicle_id, day)
);
CREATE INDEX conduct_due_by_day ON conduct_due (day);

CREATE FUNCTION note_conduct_due() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed trip := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    INSERT INTO conduct_due (vehicle_id, day)
    SELECT changed.vehicle_id, day::date FROM generate_series(
        date_trunc('day', changed.start AT TIME ZONE 'UTC'), changed.finish AT TIME ZONE 'UTC', interval '1 day') AS day
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER trip_makes_conduct_due AFTER INSERT OR DELETE ON trip FOR EACH ROW EXECUTE FUNCTION note_conduct_due();
INSERT INTO conduct_due (vehicle_id, day)
    SELECT DISTINCT vehicle_id, (start AT TIME ZONE 'UTC')::date FROM trip;
