"""Decisions. They take facts and return values: no socket, clock, dice, file or event loop in here."""
