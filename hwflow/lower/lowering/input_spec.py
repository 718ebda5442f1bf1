"""What the file's float input reads for a byte of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal

import numpy as np

from hwflow.errors import ConfigError, UnsupportedModelError
from hwflow.lower.graph import Graph, Op
from hwflow.lower.lowering.quantisers import code_range
from hwflow.lower.network import Shape

_ACROSS = frozenset({"Identity", "Flatten", "Transpose"})


@dataclass(frozen=True)
class InputSpec:
    """The input x = float32(byte · scale + shift); each one number or one per channel.

    ``auto`` and None: see ``resolve_input``.
    """

    dtype: Literal["auto", "uint8", "int8"] = "auto"
    scale: tuple[float, ...] | None = None
    shift: tuple[float, ...] | None = None


@dataclass(frozen=True)
class ResolvedInput:
    """An ``InputSpec`` without open questions; ``reason`` says where the answers come from."""

    dtype: Literal["uint8", "int8"]
    scale: tuple[float, ...]
    shift: tuple[float, ...]
    reason: str

    @property
    def bounds(self) -> tuple[int, int]:
        """Least and greatest byte."""
        return (-128, 127) if self.dtype == "int8" else (0, 255)


def input_shape(graph: Graph) -> Shape:
    """Return (H, W, C) of the graph's input; vectors are (1, 1, C)."""
    shape = graph.shapes[graph.input]
    if len(shape) == 2:
        return 1, 1, shape[1]
    if len(shape) != 4:
        raise UnsupportedModelError(
            f"the input {graph.input!r} has shape {shape}, expected (1, C, H, W) or (1, K)"
        )
    return shape[2], shape[3], shape[1]


def resolve_input(graph: Graph, spec: InputSpec) -> ResolvedInput:
    """Return ``spec`` with what it leaves open taken from the file.

    A scale that is given holds. Else, where the input goes straight into a quantiser of at most 8
    bits and is not annotated as integers, bytes are the quantiser's codes (int8 if these are
    signed). Else the file reads the bytes themselves.

    Raises:
        ConfigError: scale or shift are of the wrong number, or not finite, or a scale not positive.
        UnsupportedModelError: the input is annotated as integers wider than a byte.
    """
    channels = input_shape(graph)[2]
    for what, values in (("scale", spec.scale), ("shift", spec.shift)):
        if values is not None and len(values) not in (1, channels):
            raise ConfigError(
                f"input {what}: {len(values)} numbers, expected 1 or {channels} (one per channel)"
            )
        if values is not None and not all(isfinite(value) for value in values):
            raise ConfigError(f"input {what}: {values} is not finite")
    if spec.scale is not None and min(spec.scale) <= 0:
        raise ConfigError(f"input scale: {spec.scale}, expected numbers above 0")
    signed = _annotated_signed(graph)
    first = _first_quantiser(graph) if spec.scale is None and signed is None else None
    shift = spec.shift if spec.shift is not None else (0.0,)
    if spec.scale is not None:
        resolved = ResolvedInput(_dtype(spec, signed), spec.scale, shift, "as given")
    elif first is None or spec.shift is not None:
        reason = "the file reads bytes" if signed is None else "the file's annotation"
        resolved = ResolvedInput(_dtype(spec, signed), (1.0,), shift, reason)
    else:
        resolved = _codes(graph, first, spec, channels)
    return resolved


def _dtype(spec: InputSpec, signed: bool | None) -> Literal["uint8", "int8"]:
    if spec.dtype != "auto":
        return spec.dtype
    return "int8" if signed else "uint8"


def _annotated_signed(graph: Graph) -> bool | None:
    """Return whether the annotated integers of the input are signed; None without annotation."""
    name = graph.input_datatype
    if name is None or name.startswith(("FLOAT", "SCALEDINT", "FIXED")):
        return None
    if name in ("BIPOLAR", "TERNARY"):
        return True
    if name == "BINARY":
        return False
    unsigned = name.startswith("UINT")
    bits = name.removeprefix("UINT" if unsigned else "INT")
    if not bits.isdigit() or int(bits) > 8:
        raise UnsupportedModelError(
            f"the input {graph.input!r} is annotated {name}; frames are bytes: annotate it UINT8 "
            "or INT8, or scale it in front of the network"
        )
    return not unsigned


def _first_quantiser(graph: Graph) -> Op | None:
    """Return the quantiser of at most 8 bits that alone reads the input, or None."""
    name = graph.input
    while True:
        readers = [op for op in graph.ops if name in op.inputs]
        if len(readers) != 1:
            return None
        op = readers[0]
        if op.kind == "BipolarQuant":
            return op
        if op.kind == "Quant":
            constant = all(name in graph.constants for name in op.inputs[1:])
            return op if constant and graph.constants[op.inputs[3]].max() <= 8 else None
        if op.kind not in _ACROSS:
            return None
        name = op.output


def _codes(graph: Graph, op: Op, spec: InputSpec, channels: int) -> ResolvedInput:
    """Return the input whose bytes are the codes of ``op``."""
    if op.kind == "BipolarQuant":
        return ResolvedInput(_dtype(spec, True), (1.0,), (0.0,), f"signs for {op.name!r}")
    scale, zero_point, bits = (graph.constants[name] for name in op.inputs[1:])
    signed, narrow = bool(op.attributes["signed"]), bool(op.attributes["narrow"])
    low, _ = code_range(float(bits.max()), signed=signed, narrow=narrow)
    if not {scale.size, zero_point.size} <= {1, channels}:
        return ResolvedInput(_dtype(spec, None), (1.0,), (0.0,), "the file reads bytes")
    scales, zeros = np.broadcast_arrays(np.ravel(scale), np.ravel(zero_point))
    return ResolvedInput(
        _dtype(spec, low < 0),
        tuple(float(value) for value in scales),
        tuple(-float(value) * float(zero) for value, zero in zip(scales, zeros, strict=True)),
        f"codes of {op.name!r}",
    )
