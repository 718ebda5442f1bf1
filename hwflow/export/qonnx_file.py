"""Writes a frozen network as one QONNX file, and reads one for execution."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch
from brevitas.export import export_qonnx
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.cleanup import cleanup_model

from hwflow.nets import StageNet

INPUT, OUTPUT = "global_in", "global_out"
OPSET = 18


def write_qonnx(network: StageNet, frame_shape: tuple[int, int, int], path: Path) -> None:
    """Write ``network`` as QONNX: NCHW float input ``global_in`` of batch 1, annotated UINT8.

    The file is self-contained and its bytes depend on the network alone: descriptions, which hold
    source paths of this machine, are removed.
    """
    height, width, channels = frame_shape
    with warnings.catch_warnings():
        # torch announces the end of its TorchScript exporter. The other one writes weights to a
        # second file, source paths into the model, and Gemm and Reshape where FINN wants MatMul.
        warnings.simplefilter("ignore")
        export_qonnx(
            network,
            torch.zeros(1, channels, height, width),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
        )
    model = cleanup_model(ModelWrapper(str(path)))
    model.set_tensor_datatype(INPUT, DataType["UINT8"])
    strip(model.model)
    onnx.checker.check_model(model.model)
    path.write_bytes(model.model.SerializeToString(deterministic=True))


def strip(model: onnx.ModelProto) -> None:
    """Take descriptions out of ``model``: they hold source paths of the exporting machine."""
    model.doc_string = ""
    model.graph.doc_string = ""
    model.graph.name = "hwflow"
    del model.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
