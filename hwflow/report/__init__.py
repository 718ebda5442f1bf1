"""Typed results and their rendering."""
