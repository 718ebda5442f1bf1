"""The ``hwflow`` command: parse, call, render."""

from hwflow.cli.app import main

__all__ = ["main"]
