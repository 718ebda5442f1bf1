"""The tiny accelerator of the dataflow tests."""

from dataflow.conftest import frames, tiny_accelerator, tiny_bundle

__all__ = ["frames", "tiny_accelerator", "tiny_bundle"]
