"""The data sets of a recipe: one model each, a tagged union on ``name``.

A model says what of a data set is used and how it is divided, never where its files lie: the same
recipe means the same frames on every machine.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from hwflow.config.base import StrictModel

Seed = Annotated[int, Field(ge=0, lt=2**31)]
Count = Annotated[int, Field(ge=10)]
Pad = Annotated[int, Field(ge=0, le=16)]
FrameShape = tuple[int, int, int]
"""(height, width, channels) of a frame."""


class DigitsDataset(StrictModel):
    """scikit-learn's 1,797 handwritten digits, 8×8, embedded in the package.

    ``upscale``: factor per side, bilinear in integers. ``validation`` and ``test`` are numbers of
    frames; the rest is for training. ``split_seed`` alone decides who goes where.
    """

    class_count: ClassVar[int | None] = 10
    name: Literal["digits"]
    upscale: Annotated[int, Field(ge=1, le=4)] = 2
    split_seed: Seed = 0
    validation: Count = 300
    test: Count = 360

    @property
    def frame_shape(self) -> FrameShape:
        """8×8 grey, enlarged."""
        return 8 * self.upscale, 8 * self.upscale, 1

    @model_validator(mode="after")
    def _leaves_training_frames(self) -> Self:
        if self.validation + self.test > 1700:
            raise ValueError(
                f"validation + test = {self.validation + self.test}: at most 1700 of the 1797 "
                "frames, so that some are left for training"
            )
        return self


class HeldOut(StrictModel):
    """A data set that its publisher divides into training and test set.

    ``validation``: number of frames cut from the training set, stratified by class;
    ``split_seed`` alone decides which. The test set is the publisher's.
    """

    published: ClassVar[int | None]
    """Frames of the publisher's training set; none where that is up to the user's folder."""
    class_count: ClassVar[int | None] = 10
    """Classes; none where that is up to the user's folder."""

    split_seed: Seed = 0
    validation: Count = 5000

    @property
    def frame_shape(self) -> FrameShape:
        """Shape of the frames that come of it; 32×32 RGB where nothing else is said."""
        return 32, 32, 3

    @model_validator(mode="after")
    def _leaves_training_frames(self) -> Self:
        if self.published is not None and self.validation > self.published // 2:
            raise ValueError(
                f"validation = {self.validation}: at most half of the {self.published} frames "
                "of the training set, so that enough are left for training"
            )
        return self


class MnistDataset(HeldOut):
    """MNIST, 28×28 grey. ``pad``: pixels of black added on each side, 2 for 32×32."""

    published: ClassVar[int | None] = 60_000
    name: Literal["mnist"]
    pad: Pad = 0

    @property
    def frame_shape(self) -> FrameShape:
        """28×28 grey and the padding."""
        return 28 + 2 * self.pad, 28 + 2 * self.pad, 1


class FashionMnistDataset(HeldOut):
    """Fashion-MNIST, 28×28 grey. ``pad``: pixels of black added on each side, 2 for 32×32."""

    published: ClassVar[int | None] = 60_000
    name: Literal["fashion_mnist"]
    pad: Pad = 0

    @property
    def frame_shape(self) -> FrameShape:
        """28×28 grey and the padding."""
        return 28 + 2 * self.pad, 28 + 2 * self.pad, 1


class Cifar10Dataset(HeldOut):
    """CIFAR-10, 32×32 RGB."""

    published: ClassVar[int | None] = 50_000
    name: Literal["cifar10"]


class Cifar100Dataset(HeldOut):
    """CIFAR-100 with its 100 fine labels, 32×32 RGB."""

    published: ClassVar[int | None] = 50_000
    class_count: ClassVar[int | None] = 100
    name: Literal["cifar100"]


class SvhnDataset(HeldOut):
    """Street View House Numbers, cropped digits (format 2), 32×32 RGB, without the extra set."""

    published: ClassVar[int | None] = 73_257
    name: Literal["svhn"]


class TinyImageNetDataset(HeldOut):
    """Tiny ImageNet, 200 classes, 64×64 RGB; the test set is the publisher's ``val``."""

    published: ClassVar[int | None] = 100_000
    class_count: ClassVar[int | None] = 200
    name: Literal["tiny_imagenet"]

    @property
    def frame_shape(self) -> FrameShape:
        """64×64 RGB."""
        return 64, 64, 3


class ImageNetDataset(HeldOut):
    """A folder of pictures: ``train/<class>/*`` and ``val/<class>/*``; ``val`` is the test set.

    ``folder``: its name below the data root. Pictures are resized to ``resize`` pixels on the
    shorter side (by default 8/7 of ``size``, the usual 256 for 224), then the central ``size`` ×
    ``size`` pixels are taken.
    """

    published: ClassVar[int | None] = None
    class_count: ClassVar[int | None] = None
    name: Literal["imagenet"]
    folder: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "imagenet"
    size: Annotated[int, Field(ge=8, le=512)] = 224
    resize: Annotated[int, Field(ge=8, le=1024)] | None = None

    @property
    def frame_shape(self) -> FrameShape:
        """``size`` × ``size`` RGB."""
        return self.size, self.size, 3

    @property
    def shorter_side(self) -> int:
        """Pixels of the shorter side after resizing."""
        return self.size * 8 // 7 if self.resize is None else self.resize

    @model_validator(mode="after")
    def _crop_fits(self) -> Self:
        if self.shorter_side < self.size:
            raise ValueError(
                f"resize = {self.resize}: at least size = {self.size}, or the crop does not fit"
            )
        return self


AnyDataset = (
    DigitsDataset
    | MnistDataset
    | FashionMnistDataset
    | Cifar10Dataset
    | Cifar100Dataset
    | SvhnDataset
    | TinyImageNetDataset
    | ImageNetDataset
)
Dataset = Annotated[AnyDataset, Field(discriminator="name")]


class DatasetChoice(StrictModel):
    """A data set on its own, as it stands in a recipe."""

    dataset: Dataset


def is_published(dataset: AnyDataset) -> bool:
    """Return whether ``dataset`` alone says which frames it is; a folder of pictures does not."""
    return isinstance(dataset, DigitsDataset) or dataset.published is not None


def dataset_names() -> tuple[str, ...]:
    """Return every ``name`` that a recipe may give."""
    models = get_args(AnyDataset)
    return tuple(get_args(model.model_fields["name"].annotation)[0] for model in models)
