"""Executes ONNX models and graphs of the normal form node by node, in floats.

Standard operators run in onnxruntime, each alone; quantisers run as qonnx executes them. So models
need neither shape inference nor one spelling of qonnx's domain, and both sides of a comparison
compute each operator by the same code.
"""

import numpy as np
import onnxruntime
from onnx import helper, numpy_helper
from qonnx.custom_op.general.bipolar_quant import binary_quant
from qonnx.custom_op.general.intquant import int_quant
from qonnx.custom_op.general.trunc import trunc_v1, trunc_v2

OPSET = 13


def execute_model(model, values):
    """Return the outputs of an ``onnx.ModelProto`` for inputs ``values``, by name."""
    values = dict(values)
    for tensor in model.graph.initializer:
        values[tensor.name] = numpy_helper.to_array(tensor)
    opset = max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    waiting = list(model.graph.node)
    while waiting:
        node = next(n for n in waiting if all(not i or i in values for i in n.input))
        waiting.remove(node)
        _execute(node, values, opset)
    return {output.name: values[output.name] for output in model.graph.output}


def execute_graph(graph, frame):
    """Return the output of a graph of the normal form for a frame in the graph's own layout."""
    assert frame.shape == graph.shapes[graph.input]
    values = {**graph.constants, graph.input: frame}
    for op in graph.ops:
        for node in _nodes(op, values):
            _execute(node, values, OPSET)
        assert values[op.output].shape == graph.shapes[op.output], op
    return values[graph.output]


def as_graph_input(graph, frame):
    """Return a frame in the file's layout as the graph's input."""
    if graph.channels_last:
        frame = np.moveaxis(frame, -1, 1)
    return np.ascontiguousarray(frame).reshape(graph.shapes[graph.input]).astype(np.float32)


def _nodes(op, values):
    """Yield the ONNX nodes that an operator of the normal form is in operator set 13."""
    attributes, inputs = dict(op.attributes), list(op.inputs)
    outputs = [op.output]
    domain = "qonnx.custom_op.general" if op.kind in ("Quant", "BipolarQuant", "Trunc") else ""
    if op.kind == "Clip":
        for name in ("min", "max"):
            values[f"{op.name}.{name}"] = np.array(attributes.pop(name), np.float32)
            inputs.append(f"{op.name}.{name}")
    elif op.kind == "Pad":
        values[f"{op.name}.pads"] = np.array(attributes.pop("pads"))
        values[f"{op.name}.value"] = np.array(attributes.pop("value"), np.float32)
        inputs += [f"{op.name}.pads", f"{op.name}.value"]
    elif op.kind == "TopK":
        values[f"{op.name}.k"] = np.array([attributes.pop("k")])
        inputs.append(f"{op.name}.k")
        at = ("values", "indices").index(attributes.pop("output"))
        outputs = [f"{op.name}.values", f"{op.name}.indices"]
        outputs[at] = op.output
    yield helper.make_node(op.kind, inputs, outputs, op.name, domain=domain, **attributes)


def _execute(node, values, opset):
    inputs = [values[name] if name else None for name in node.input]
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type in ("Quant", "IntQuant"):
        signed, narrow = attributes["signed"], attributes["narrow"]
        mode = attributes.get("rounding_mode", b"ROUND").decode()
        results = [int_quant(*inputs, signed, narrow, mode)]
    elif node.op_type == "BipolarQuant":
        results = [binary_quant(*inputs)]
    elif node.op_type == "Trunc":
        mode = attributes.get("rounding_mode", b"FLOOR").decode()
        if len(inputs) == 5:
            results = [trunc_v1(*inputs, mode)]
        else:
            x, scale, zero, bits, output_scale, output_bits = inputs
            narrow, signed = attributes.get("narrow", 0), attributes.get("signed", 1)
            results = [
                trunc_v2(x, scale, zero, bits, narrow, signed, output_scale, output_bits, mode)
            ]
    else:
        results = _run_standard(node, inputs, opset)
        values.update(zip((n for n in node.output if n), results, strict=True))
        return
    values[node.output[0]] = np.asarray(results[0], dtype=np.float32)


def _run_standard(node, inputs, opset):
    infos = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
        )
        for name, value in dict(zip(node.input, inputs, strict=True)).items()
        if name
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
    model = helper.make_model(
        helper.make_graph([node], "one", infos, outputs),
        opset_imports=[
            helper.make_opsetid("", opset),
            helper.make_opsetid("com.microsoft", 1),
        ],
        ir_version=8,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feeds = {n: v for n, v in zip(node.input, inputs, strict=True) if n}
    return session.run(None, feeds)
