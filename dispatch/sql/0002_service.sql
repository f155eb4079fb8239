-- What is to be said to terminals about orders: decided and written in one transaction, said afterwards, once.
CREATE TABLE saying (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL,                    -- number of the booking, or of an order that nobody knows
    taxi     text NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('offer', 'assign', 'award', 'refuse', 'cancel')),
    made     timestamptz NOT NULL,
    until    timestamptz NOT NULL,               -- afterwards it means nothing any more
    said     timestamptz,                        -- when the gateway took it; its fate: command "saying-<id>"
    failure  text NOT NULL DEFAULT ''            -- why it was never said
);
CREATE INDEX saying_due ON saying (id) WHERE said IS NULL AND failure = '';
CREATE INDEX saying_of_order ON saying (order_id, taxi);

-- Messages of drivers that were followed, each in the transaction that it led to.
CREATE TABLE heard (
    message_id bigint PRIMARY KEY,
    at         timestamptz NOT NULL
);

-- Taxis that get no offers for a while.
CREATE TABLE lock_out (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    taxi   text NOT NULL,
    since  timestamptz NOT NULL,
    until  timestamptz NOT NULL,
    reason text NOT NULL,
    who    text NOT NULL,
    CHECK (since < until)
);
CREATE INDEX lock_out_running ON lock_out (until);

CREATE FUNCTION booking_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('taxihub_booking', '');
    RETURN NULL;
END $$;
CREATE TRIGGER booking_moved AFTER INSERT OR UPDATE OF state ON booking
    FOR EACH STATEMENT EXECUTE FUNCTION booking_moved();
