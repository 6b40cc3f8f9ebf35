"""Bundled problems with known answers: the books' own, and the classical test collections."""

from . import book_a, book_b, book_c, book_d, book_e, more_garbow_hillstrom
from .catalog import Answer, Entry, catalog, entry, load, register

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
    "load",
    "more_garbow_hillstrom",
    "register",
]
