"""Folding: how far each layer is unfolded, and which unit computes it, at least cost.

``options`` lists what each layer may be, ``space`` joins layers and streams, ``problem`` is all of
it in numbers, ``milp`` solves that, ``search`` finds the fastest within a budget, ``plan`` speaks
for a design, ``file`` for folding files.
"""

from hwflow.dataflow.folding.plan import Plan, Request, read_plan, request_of, solve_plan
from hwflow.dataflow.folding.search import Goal

__all__ = ["Goal", "Plan", "Request", "read_plan", "request_of", "solve_plan"]
