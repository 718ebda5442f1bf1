"""The command that is running, as its failure has to be told."""

from __future__ import annotations

import warnings

from hwflow import log
from hwflow.cli.output import Output


class Session:
    """What ``main`` needs to know after a command has failed; made anew for each call."""

    def __init__(self) -> None:
        self.output: Output | None = None
        self.verbosity = 0

    def reset(self) -> None:
        """Forget the call before."""
        self.output, self.verbosity = None, 0

    def close(self) -> None:
        """Give stdout back, if a command has taken it."""
        if self.output is not None:
            self.output.close()


session = Session()


def start(as_json: bool, verbosity: int) -> Output:
    """Return where a command's results go, once its line is parsed."""
    session.verbosity = verbosity
    session.output = Output(as_json=as_json, verbosity=verbosity)
    log.configure(verbosity)
    if not verbosity:
        warnings.filterwarnings("ignore")  # torch's and brevitas', about themselves
    return session.output
