"""Bundled problems with known answers: the books' own, and the classical test collections."""

from . import book_a, book_b, book_c, book_d, book_e, linear, lp_data, more_garbow_hillstrom
from .catalog import Answer, Entry, catalog, entry, load, register
from .lp_data import netlib

__all__ = [
    "Answer",
    "Entry",
    "book_a",
    "book_b",
    "book_c",
    "book_d",
    "book_e",
    "catalog",
    "entry",
    "linear",
    "load",
    "lp_data",
    "more_garbow_hillstrom",
    "netlib",
    "register",
]
