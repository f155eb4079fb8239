"""JT/T 905.2-2014: taxi service terminals (ISU), clause 10.3, the air protocol to the centre."""
