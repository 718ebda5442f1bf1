"""The network of a stage: its family, bit widths and quantisers, as a recipe says them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import Field, model_validator

from hwflow.config.base import GrownModel, StrictModel

BitWidth = Annotated[int, Field(ge=1, le=8)]
Width = Annotated[float, Field(gt=0, le=16)]
Features = Annotated[int, Field(gt=0)]

BinaryWeight = Literal["sign", "xnor"]
WideWeight = Literal["int", "dorefa", "learned_step"]
WeightQuantiser = BinaryWeight | WideWeight
WideAct = Literal["uint", "hwgq", "dorefa", "pact", "learned_step"]
BinaryAct = Literal["sign", "approx_sign"]
ActQuantiser = BinaryAct | WideAct
Scale = Literal["power_of_two", "float"]

_BINARY = ("sign", "xnor", "approx_sign")
T = TypeVar("T")


class VggTiny(StrictModel):
    """Unpadded 3×3 convolutions and 2×2 max-pools, then fully connected layers.

    ``features``: output channels of a convolution, or ``pool``. ``hidden``: features of the fully
    connected layers before the classifier. ``width`` multiplies both, rounded to a multiple of 8.
    """

    name: Literal["vgg_tiny"]
    features: Annotated[tuple[Features | Literal["pool"], ...], Field()]
    hidden: tuple[Features, ...] = ()
    width: Width = 1.0

    @property
    def weight_layers(self) -> int:
        """Layers with weights: convolutions, hidden layers, classifier."""
        return sum(f != "pool" for f in self.features) + len(self.hidden) + 1


class VggSmall(StrictModel):
    """Convolutions padded by 1 that keep the frame's size, 2×2 max-pools, then as ``VggTiny``."""

    name: Literal["vgg_small"]
    features: tuple[Features | Literal["pool"], ...] = (
        *(32, 32, "pool"),
        *(64, 64, "pool"),
        *(128, 128, "pool"),
    )
    hidden: tuple[Features, ...] = ()
    width: Width = 1.0

    @property
    def weight_layers(self) -> int:
        """Layers with weights: convolutions, hidden layers, classifier."""
        return sum(f != "pool" for f in self.features) + len(self.hidden) + 1


class FullyConnected(StrictModel):
    """Three hidden layers of 64 (tfc), 256 (sfc) or 1,024 (lfc) features, as in BNN-PYNQ."""

    name: Literal["tfc", "sfc", "lfc"]
    width: Width = 1.0

    @property
    def weight_layers(self) -> int:
        """Hidden layers and classifier."""
        return 4


class Cnv(StrictModel):
    """BNN-PYNQ's CNV: 64, 64, pool, 128, 128, pool, 256, 256, then 512, 512 fully connected.

    Its convolutions are not padded: 32×32 frames arrive as 1×1.
    """

    name: Literal["cnv"]
    width: Width = 1.0

    @property
    def weight_layers(self) -> int:
        """Six convolutions, two hidden layers, classifier."""
        return 9


class CifarResNet(StrictModel):
    """He et al. 2015, section 4.2: 16, 32 and 64 channels, one (8) or three (20) blocks each."""

    name: Literal["resnet8", "resnet20"]
    width: Width = 1.0

    @property
    def blocks(self) -> tuple[int, ...]:
        """Residual blocks of each stage."""
        return (1, 1, 1) if self.name == "resnet8" else (3, 3, 3)

    @property
    def weight_layers(self) -> int:
        """Stem, two convolutions a block, a 1×1 one where the size changes, classifier."""
        return 2 + 2 * sum(self.blocks) + len(self.blocks) - 1


class ResNet18(StrictModel):
    """He et al. 2015, table 1: 64, 128, 256 and 512 channels, two blocks each.

    ``stem``: ``imagenet`` is the published 7×7 convolution of stride 2 and 3×3 max-pool of stride
    2; ``small`` a 3×3 convolution of stride 1, for frames of 32 to 64 pixels.
    """

    name: Literal["resnet18"]
    stem: Literal["imagenet", "small"] = "imagenet"
    width: Width = 1.0

    @property
    def blocks(self) -> tuple[int, ...]:
        """Residual blocks of each stage."""
        return (2, 2, 2, 2)

    @property
    def weight_layers(self) -> int:
        """Stem, two convolutions a block, a 1×1 one where the size changes, classifier."""
        return 2 + 2 * sum(self.blocks) + len(self.blocks) - 1


class MobileNetV1(StrictModel):
    """Howard et al. 2017, table 1: a stem and 13 depthwise-separable blocks.

    ``stem``: ``imagenet`` has the published strides; ``small`` has stride 1 in the stem and in the
    first block of stride 2, for frames of 32 to 64 pixels.
    """

    name: Literal["mobilenet_v1"]
    stem: Literal["imagenet", "small"] = "imagenet"
    width: Width = 1.0

    @property
    def weight_layers(self) -> int:
        """Stem, two convolutions a block, classifier."""
        return 28


Net = Annotated[
    VggTiny | VggSmall | FullyConnected | Cnv | CifarResNet | ResNet18 | MobileNetV1,
    Field(discriminator="name"),
]


class LayerBits(StrictModel):
    """Bits of every layer, the first and the last of which may have their own."""

    inner: BitWidth
    first: BitWidth | None = None
    last: BitWidth | None = None

    def per_layer(self, count: int) -> tuple[int, ...]:
        """Return the bits of each of ``count`` layers."""
        bits = [self.inner] * count
        if count and self.first is not None:
            bits[0] = self.first
        if count and self.last is not None:
            bits[-1] = self.last
        return tuple(bits)


class NetworkRecipe(GrownModel):
    """A network with the bits and quantisers of its layers.

    ``weight_bit_width``: one number, one per weight layer, or {inner, first, last}.
    ``act_bit_width``: the same for the activations (one fewer than weight layers; the input is
    always uint8). 1 means {-1, +1}.

    ``weight_quantiser``, ``act_quantiser``: one name, or one per layer. One-bit layers have
    quantisers of their own (weights ``sign``, ``xnor``; activations ``sign``, ``approx_sign``): a
    single name holds for the layers that it fits, the others get ``sign``, and ``int`` or ``uint``
    where there are more bits. ``scale``: whether scales are rounded to powers of two.
    """

    later: ClassVar[frozenset[str]] = frozenset({"weight_quantiser", "act_quantiser", "scale"})

    net: Net
    weight_bit_width: BitWidth | tuple[BitWidth, ...] | LayerBits
    act_bit_width: BitWidth | tuple[BitWidth, ...] | LayerBits
    weight_quantiser: WeightQuantiser | tuple[WeightQuantiser, ...] | None = None
    act_quantiser: ActQuantiser | tuple[ActQuantiser, ...] | None = None
    scale: Scale = "power_of_two"

    @property
    def weight_bits(self) -> tuple[int, ...]:
        """Weight bits of each weight layer."""
        return per_layer(self.weight_bit_width, self.net.weight_layers)

    @property
    def act_bits(self) -> tuple[int, ...]:
        """Output bits of each weight layer but the classifier."""
        return per_layer(self.act_bit_width, self.net.weight_layers - 1)

    @property
    def weight_quantisers(self) -> tuple[WeightQuantiser, ...]:
        """Quantiser of each weight layer."""
        return _named(self.weight_quantiser, self.weight_bits, "sign", "int")

    @property
    def act_quantisers(self) -> tuple[ActQuantiser, ...]:
        """Quantiser of the output of each weight layer but the classifier."""
        return _named(self.act_quantiser, self.act_bits, "sign", "uint")

    def at_bits(
        self,
        weight_bit_width: int | tuple[int, ...] | LayerBits,
        act_bit_width: int | tuple[int, ...] | LayerBits,
    ) -> Self:
        """Return this network at other bits; where a layer's quantiser does not fit, the usual."""
        layers = self.net.weight_layers
        weights, acts = per_layer(weight_bit_width, layers), per_layer(act_bit_width, layers - 1)
        return self.model_copy(
            update={
                "weight_bit_width": weight_bit_width,
                "act_bit_width": act_bit_width,
                "weight_quantiser": _fitting(self.weight_quantiser, weights, "sign", "int"),
                "act_quantiser": _fitting(self.act_quantiser, acts, "sign", "uint"),
            }
        )

    @model_validator(mode="after")
    def _quantisers_fit(self) -> Self:
        for field, names, bits in (
            ("weight_quantiser", self.weight_quantiser, self.weight_bits),
            ("act_quantiser", self.act_quantiser, self.act_bits),
        ):
            if names is None:
                continue
            if isinstance(names, str):
                if bits and not any(_fits(names, width) for width in bits):
                    raise ValueError(f"{field} {names!r} fits no layer: {_reason(names)}")
                continue
            if len(names) != len(bits):
                raise ValueError(
                    f"{field} has {len(names)} entries, expected one name or a list of {len(bits)}"
                )
            for layer, (name, width) in enumerate(zip(names, bits, strict=True)):
                if not _fits(name, width):
                    raise ValueError(
                        f"{field}[{layer}] is {name!r} at {width} bits: {_reason(name)}"
                    )
        return self


def per_layer(bits: int | Sequence[int] | LayerBits, count: int) -> tuple[int, ...]:
    """Return the bits of each of ``count`` layers; a sequence is taken as it is."""
    if isinstance(bits, LayerBits):
        return bits.per_layer(count)
    return (bits,) * count if isinstance(bits, int) else tuple(bits)


def _named(
    names: T | tuple[T, ...] | None, bits: tuple[int, ...], one: T, more: T
) -> tuple[T, ...]:
    if isinstance(names, tuple):
        return names
    return tuple(
        names if names is not None and _fits(names, width) else one if width == 1 else more
        for width in bits
    )


def _fitting(
    names: T | tuple[T, ...] | None, bits: tuple[int, ...], one: T, more: T
) -> T | tuple[T, ...] | None:
    if not isinstance(names, tuple):
        return names
    return tuple(
        name if _fits(name, width) else one if width == 1 else more
        for name, width in zip(names, bits, strict=True)
    )


def _fits(name: object, bits: int) -> bool:
    return (name in _BINARY) == (bits == 1)


def _reason(name: str) -> str:
    return "it is for 1 bit" if name in _BINARY else "it is for 2 bits and more"
