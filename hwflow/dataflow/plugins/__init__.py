"""Our FINN operators. Importing this package registers them with FINN."""

from hwflow.dataflow.plugins.add import HwfAdd_rtl
from hwflow.dataflow.plugins.dup import HwfDup_rtl
from hwflow.dataflow.plugins.fifo import HwfFIFO_rtl
from hwflow.dataflow.plugins.mvau import HwfMVAU_rtl
from hwflow.dataflow.plugins.pad import HwfPad_rtl
from hwflow.dataflow.plugins.pool import HwfPool_rtl
from hwflow.dataflow.plugins.requant import HwfRequant_rtl
from hwflow.dataflow.plugins.vvau import HwfVVAU_rtl
from hwflow.dataflow.plugins.xnor_mvau import HwfXnorMVAU_rtl

__all__ = [
    "HwfAdd_rtl",
    "HwfDup_rtl",
    "HwfFIFO_rtl",
    "HwfMVAU_rtl",
    "HwfPad_rtl",
    "HwfPool_rtl",
    "HwfRequant_rtl",
    "HwfVVAU_rtl",
    "HwfXnorMVAU_rtl",
]
