"""Networks drawn at random, over all constructs at once."""

from __future__ import annotations

import numpy as np
from chain import Chain


class RandomChain(Chain):
    """Up to three layers and a fully connected one, dyadic scales, drawn from ``seed``."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        channels, height, width = (int(random.integers(*ends)) for ends in ((1, 4), (3, 7), (3, 7)))
        super().__init__(channels, height, width)
        self.random = random
        self.channels, self.height, self.width = channels, height, width
        if random.random() < 0.4:
            self._preprocess()
        for _ in range(random.integers(1, 4)):
            random.choice([self._conv, self._conv, self._max, self._mean, self._residual])()
        # Of a power of two of pixels, so that the average is exact in float32.
        if random.random() < 0.3 and self.height * self.width in (1, 2, 4, 8, 16):
            self.op("GlobalAveragePool")
            self.height = self.width = 1
        self.op("Flatten", axis=1)
        self.op("MatMul", self._weights(self.channels * self.height * self.width, 3)[0])
        self._tail()

    def _preprocess(self) -> None:
        if self.random.random() < 0.5:
            self.op("Sub", self.const(float(self.random.integers(0, 200))))
        self.op("Mul", self.const(float(2.0 ** -self.random.integers(0, 4))))
        if self.random.random() < 0.6:
            self._activate(10)

    def _weights(self, *shape: int) -> tuple[str, float]:
        bits = int(self.random.choice([1, 2, 3, 4, 8]))
        scale = float(2.0 ** -self.random.integers(0, 3))
        return self.weights(*shape, bits=bits, scale=scale), 2.0 ** max(bits - 2, 0)

    def _activate(self, spread: float) -> None:
        """Batch norm (some γ 0 or negative), a function, and a quantiser of 1 to 8 bits."""
        random, channels = self.random, self.channels
        gain = 2.0 ** -np.round(np.log2(spread))
        gamma = random.choice([-1.0, 1, 0.5, 2, 0], channels, p=[0.3, 0.3, 0.2, 0.15, 0.05])
        self.norm(gamma * gain * 2, random.integers(-8, 9, channels) / 4)
        kind = random.choice(["Identity", "Relu", "LeakyRelu", "Neg", "Clip"])
        if kind == "Clip":
            self.op("Clip", self.const(-1.0), self.const(2.0))
        else:
            self.op(kind, **({"alpha": 0.25} if kind == "LeakyRelu" else {}))
        if random.random() < 0.4:
            self.bipolar(float(random.choice([1, 0.5])))
            return
        bits = int(random.integers(1, 9))
        scale = 2.0 ** (1 - int(random.integers(0, bits + 1)))
        self.quant(
            scale,
            bits=bits,
            signed=int(random.integers(0, 2)),
            narrow=int(random.integers(0, 2)) if bits > 1 else 0,
            zero=float(random.choice([0, 0, 0, 1, -1, 2])) if bits > 2 else 0.0,
            rounding=str(random.choice(["ROUND", "ROUND", "FLOOR", "CEIL", "HALF_UP"])),
        )

    def _conv(self) -> None:
        random = self.random
        kernel = tuple(int(random.integers(1, min(3, n) + 1)) for n in (self.height, self.width))
        stride = int(random.integers(1, 3))
        pads = random.integers(0, 2, 4).tolist() if random.random() < 0.5 else [0] * 4
        depthwise = random.random() < 0.4
        outputs = self.channels if depthwise else int(random.integers(1, 5))
        weights, size = self._weights(outputs, 1 if depthwise else self.channels, *kernel)
        group = self.channels if depthwise else 1
        self.conv(weights, kernel, pads=pads, stride=(stride, stride), group=group)
        spread = size * np.sqrt(kernel[0] * kernel[1] * self.channels) * 3
        self.height = (self.height + pads[0] + pads[2] - kernel[0]) // stride + 1
        self.width = (self.width + pads[1] + pads[3] - kernel[1]) // stride + 1
        self.channels = outputs
        if random.random() < 0.9:
            self._activate(spread)

    def _max(self) -> None:
        if min(self.height, self.width) > 1:
            self.op("MaxPool", kernel_shape=[2, 2], strides=[1, 1])
            self.height, self.width = self.height - 1, self.width - 1

    def _mean(self) -> None:
        if min(self.height, self.width) > 1:
            self.op("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
            self.height, self.width = self.height // 2, self.width // 2
            self._activate(2)

    def _residual(self) -> None:
        start = self.at
        weights, size = self._weights(self.channels, self.channels, 1, 1)
        self.conv(weights, (1, 1))
        self._activate(size * np.sqrt(self.channels) * 3)
        self.node(str(self.random.choice(["Add", "Sub"])), self.at, start)
        if self.random.random() < 0.8:
            self._activate(3)

    def _tail(self) -> None:
        random = self.random
        tail = random.integers(0, 5)
        if tail == 1:
            self.op("Add", self.const(random.integers(-9, 9, (1, 3)) / 4))
        elif tail == 2:
            self.op("Mul", self.const(-0.5))
        elif tail == 3:
            signs = random.choice([-1.0, 1.0], (1, 3))
            self.op("Mul", self.const(signs * 2.0 ** random.integers(-2, 2, (1, 3))))
        elif tail == 4:
            self.quant(4.0, bits=4, signed=int(random.integers(0, 2)))
