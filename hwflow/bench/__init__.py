"""Benches: figures with a goal each, measured by one command, committed with provenance."""
