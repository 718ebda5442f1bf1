"""Synthesis tools."""
