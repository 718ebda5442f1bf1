"""Folding: how far each layer is unfolded, and which unit computes it, at least cost.

``options`` lists what each layer may be, ``space`` joins layers and streams, ``problem`` is all of
it in numbers, ``milp`` solves that, ``prober`` asks it for one speed after another, ``search``
finds the cheapest or the fastest, ``unmet`` says why there is none, ``plan`` speaks for a design,
``file`` for folding files.
"""

from hwflow.dataflow.folding.goal import Goal
from hwflow.dataflow.folding.plan import Plan, Request, read_plan, request_of, solve_plan

__all__ = ["Goal", "Plan", "Request", "read_plan", "request_of", "solve_plan"]
