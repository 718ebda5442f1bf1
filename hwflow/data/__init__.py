"""Data sets as uint8 frames in fixed splits."""

from hwflow.config.data_root import USUAL, DataRoot
from hwflow.config.dataset import (
    AnyDataset,
    Cifar10Dataset,
    Cifar100Dataset,
    DigitsDataset,
    FashionMnistDataset,
    ImageNetDataset,
    MnistDataset,
    SvhnDataset,
    TinyImageNetDataset,
)
from hwflow.data.cifar import CIFAR10, CIFAR100, load_cifar
from hwflow.data.digits import load_digits
from hwflow.data.idx import FASHION_MNIST, MNIST, load_idx
from hwflow.data.imagenet import load_imagenet
from hwflow.data.splits import Source, Splits, Subset, translated
from hwflow.data.svhn import SVHN, load_svhn
from hwflow.data.tiny_imagenet import TINY_IMAGENET, load_tiny_imagenet
from hwflow.log import Progress, silent

__all__ = ["DataRoot", "Source", "Splits", "Subset", "load", "translated"]


def load(config: AnyDataset, root: DataRoot = USUAL, *, progress: Progress = silent) -> Splits:
    """Return the data set that ``config`` names, from its files below ``root``.

    The same ``config`` gives the same bytes, whatever the layout of the files; only of a folder of
    pictures (ImageNet) nobody knows what it has to hold.

    Raises:
        ConfigError: a file is missing, damaged, or not what its publisher put out.
    """
    match config:
        case DigitsDataset():
            return load_digits(config)
        case MnistDataset():
            return load_idx(MNIST, config, root, progress)
        case FashionMnistDataset():
            return load_idx(FASHION_MNIST, config, root, progress)
        case Cifar10Dataset():
            return load_cifar(CIFAR10, config, root, progress)
        case Cifar100Dataset():
            return load_cifar(CIFAR100, config, root, progress)
        case SvhnDataset():
            return load_svhn(SVHN, config, root, progress)
        case TinyImageNetDataset():
            return load_tiny_imagenet(TINY_IMAGENET, config, root, progress)
        case ImageNetDataset():
            return load_imagenet(config, root, progress)
