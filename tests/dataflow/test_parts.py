"""What does not fit a part is said, resource by resource."""

from hwflow.config.accelerator import Estimate
from hwflow.dataflow.parts import warn_of_excess

HALF = Estimate(lut=26_600, lutram=0, ff=10, dsp=110, bram36=70.5)


def test_what_fits_is_not_mentioned(caplog):
    warn_of_excess("xc7z020clg400-1", [HALF])
    assert not caplog.records


def test_each_resource_in_excess_is_told(caplog):
    warn_of_excess("xc7z020clg400-1", [HALF, HALF])
    (record,) = caplog.records
    assert "141 BRAM36 by estimate, of 140 in xc7z020" in record.getMessage()
