"""The shapes of FINN's window generator: which of them its RTL takes."""

from __future__ import annotations

from typing import Any

from hwflow.errors import UnsupportedModelError

_ATTRIBUTES = ("IFMDim", "ConvKernelDim", "Dilation", "OFMDim", "Stride")


def window_shapes(operator: Any) -> list[tuple[int, int]]:
    """Return the legal (SIMD, parallel_window) of a window generator.

    Whole windows of some channels at a time are for depthwise units only.

    Raises:
        UnsupportedModelError: there is none.
    """
    channels = int(operator.get_nodeattr("IFMChannels"))
    parts = [simd for simd in range(1, channels + 1) if channels % simd == 0]
    shapes = []
    if _takes(operator, channels, whole=0):
        shapes += [(simd, 0) for simd in parts if _takes(operator, simd, whole=0)]
    if _takes(operator, channels, whole=1):
        depthwise = operator.get_nodeattr("depthwise")
        shapes += [(simd, 1) for simd in (parts if depthwise else [channels])]
    if not shapes:
        told = {name: operator.get_nodeattr(name) for name in ("ConvKernelDim", "IFMDim", "Stride")}
        raise UnsupportedModelError(
            f"FINN's window generator cannot make these windows: kernel {told['ConvKernelDim']}, "
            f"map {told['IFMDim']}, stride {told['Stride']}, most of which no window reads; use "
            "a smaller stride or a smaller map",
            node=operator.onnx_node.name,
        )
    return shapes


def _takes(operator: Any, simd: int, *, whole: int) -> bool:
    """Whether FINN's window generator takes this shape, by pixels or by ``whole`` windows.

    It asserts that strides stay within its buffer, takes logarithms of loop counts, and counts the
    pixels behind the last window as size modulo windows, so that those must be the longer part.
    """
    for size, kernel, dilation, count, stride in zip(
        *(operator.get_nodeattr(name) for name in _ATTRIBUTES), strict=True
    ):
        covered = (kernel - 1) * dilation + 1 + (count - 1) * stride
        if size >= 2 * covered:
            return False
    operator.set_nodeattr("SIMD", simd)
    operator.set_nodeattr("parallel_window", whole)
    try:
        if operator.select_impl_style() == "parallel":
            operator.prepare_codegen_parallel()
        else:
            operator.prepare_codegen_default()
    except (AssertionError, ValueError):
        return False
    return True
