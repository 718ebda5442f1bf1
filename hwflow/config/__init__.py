"""Typed schemas of every file that passes between steps."""
