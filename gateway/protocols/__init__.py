"""One folder per protocol: `messages.py` (tables), `session.py` (state machine), `translate.py`."""
