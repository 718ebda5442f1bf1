"""Cost models: numbers in, numbers out."""

from hwflow.cost.bops import LayerCost, NetworkCost, total

__all__ = ["LayerCost", "NetworkCost", "total"]
