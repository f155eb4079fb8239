"""Terminals as good real ones behave, over real sockets.

Every fix is kept until the platform acknowledged it. What is not acknowledged is sent again by the
standard's rule; after a lost connection the newest fix goes first, then the others as blind-area data,
oldest first. `jt808`, `jt905`: conversations without sockets; `link`: their connection; `mqtt`: both.

What hangs on them: `cabin` and `camera` on all; `orders` with its `task`, `shifts` and `chunks` (pictures) on an
ISU; `parts` (pictures) and `safety` on a terminal of JT/T 808. `car` is how they and the taxi tell each other.
"""
