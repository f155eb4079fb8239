"""Terminals as good real ones behave, over real sockets.

Every fix is kept until the platform acknowledged it. What is not acknowledged is sent again by the
standard's rule; after a lost connection the newest fix goes first, then the others as blind-area data,
oldest first. `jt808`, `jt905`: conversations without sockets; `link`: their connection; `mqtt`: both.
"""
