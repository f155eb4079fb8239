"""Pure bytes and numpy: layout tables, framing, checksums, BCD, columns."""
