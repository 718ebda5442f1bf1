"""Our FINN operators. Importing this package registers them with FINN."""

from hwflow.dataflow.plugins.pool_max import HwfMaxPool_rtl
from hwflow.dataflow.plugins.xnor_mvau import HwfXnorMVAU_rtl

__all__ = ["HwfMaxPool_rtl", "HwfXnorMVAU_rtl"]
