"""The revised simplex method on sparse data."""

from .engine import solve
from .phases import Step

__all__ = ["Step", "solve"]
