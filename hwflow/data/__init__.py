"""Datasets as uint8 frames."""
