import base64
import io

import numpy as np
import pytest
from PIL import Image

from hwflow.report.images import data_uri, png


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_holds_the_frame(channels):
    frame = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    decoded = np.asarray(Image.open(io.BytesIO(png(frame))))
    np.testing.assert_array_equal(decoded.reshape(frame.shape), frame)


def test_the_uri_is_the_png():
    frame = np.zeros((2, 2, 1), np.uint8)
    head, _, body = data_uri(frame).partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(body) == png(frame)


def test_two_channels_are_no_image():
    with pytest.raises(ValueError, match="1 or 3 channels, got 2"):
        png(np.zeros((2, 2, 2), np.uint8))
