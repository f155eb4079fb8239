"""dispatch's own exception tree."""

from __future__ import annotations


class DispatchError(Exception):
    """Root of every error that dispatch raises on purpose."""


class InputError(DispatchError):
    """A file or a request says something that cannot be: the message tells what and where."""


class BookingError(DispatchError):
    """That cannot happen to a booking in its state, or not by this actor."""


class MusterError(DispatchError):
    """That cannot happen to a muster, or to a taxi in it."""


class UnknownBooking(BookingError):
    """There is no booking of this number."""


class OfferGone(BookingError):
    """The order was given to somebody else, is over, or was never offered to this taxi."""


class TaxiTaken(BookingError):
    """The taxi has a booking already, or is being asked about another one."""


class KeyUsed(BookingError):
    """The key of a request stands for another booking."""
