"""Benches: figures with a goal each, measured by one command and committed with their provenance."""
