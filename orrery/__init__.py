"""Orrery: the whole life of a language model, desk-sized."""

__version__ = "0.1.0"
