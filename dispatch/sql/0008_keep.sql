-- Snapshots and telephone numbers are kept for a time only; a decision keeps the hash of the snapshot it was made from.
ALTER TABLE decision DROP CONSTRAINT decision_snapshot_fkey;
CREATE INDEX snapshot_by_time ON snapshot (at);
CREATE INDEX booking_with_phone ON booking (changed) WHERE phone_sealed IS NOT NULL;
-- Answers are looked for among what was said lately.
CREATE INDEX saying_asked ON saying (said) WHERE kind IN ('offer', 'call', 'roll');
