"""Where our own SystemVerilog lies."""

from pathlib import Path

import hwflow.rtl

OWN_RTL = Path(hwflow.rtl.__file__).parent
