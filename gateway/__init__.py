"""Gateway: terminals speak here. Sessions, decoding, the durable spool and the live feed."""
