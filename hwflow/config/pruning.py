"""The ``pruning`` part of a stage: what is taken away while the stages train together.

After Cascaded Mixed-Precision Networks (Geng et al. 2020): the paper prunes jointly with
quantisation; what it removes and by what rule is not published, and so is our own here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from hwflow.config.base import StrictModel

Sparsity = Annotated[float, Field(ge=0, lt=1)]


class FilterPruning(StrictModel):
    """Whole filters are removed: network and accelerator get smaller.

    ``sparsity``: the share of each layer's filters that goes; one number, or one per weight layer
    but the classifier. One number leaves out channels that a residual sum holds together.
    ``criterion``: what tells which matter: |scale of the batch-norm|, mean |weight|, or chance.
    ``granule``: the number of filters that stay is a multiple of it: folding needs divisors.
    """

    kind: Literal["filters"]
    sparsity: Sparsity | tuple[Sparsity, ...]
    criterion: Literal["gamma", "l1", "random"] = "gamma"
    granule: Annotated[int, Field(ge=1, le=64)] = 4


class WeightPruning(StrictModel):
    """The smallest weights of a layer become 0; its shape, and so its BOPs, stay.

    ``sparsity``: one number for every multi-bit layer, or one per weight layer. A binary weight
    has no zero: a layer of 2 bits, which is ternary, has one.
    """

    kind: Literal["weights"]
    sparsity: Sparsity | tuple[Sparsity, ...]


Pruning = Annotated[FilterPruning | WeightPruning, Field(discriminator="kind")]


def check_pruning(pruning: FilterPruning | WeightPruning, weight_bits: Sequence[int]) -> None:
    """Make sure that ``pruning`` suits weight layers of ``weight_bits`` bits.

    Raises:
        ValueError: naming the field.
    """
    layers = len(weight_bits) - (1 if pruning.kind == "filters" else 0)
    given = pruning.sparsity
    if isinstance(given, tuple) and len(given) != layers:
        which = "all but the classifier" if pruning.kind == "filters" else "the classifier too"
        raise ValueError(
            f"pruning.sparsity has {len(given)} entries, expected one number or a list of {layers} "
            f"(one per weight layer, {which})"
        )
    if pruning.kind == "filters":
        return
    advice = "give it 2 bits, or remove whole filters (kind: filters)"
    if isinstance(given, tuple):
        for layer, (share, bits) in enumerate(zip(given, weight_bits, strict=True)):
            if share and bits == 1:
                raise ValueError(
                    f"pruning.sparsity[{layer}] = {share:g}: layer {layer} is binary, and ±1 has "
                    f"no zero; {advice}"
                )
    elif max(weight_bits) == 1:
        raise ValueError(f"pruning: every layer is binary, and ±1 has no zero; {advice}")
