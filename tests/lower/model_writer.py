"""Writes small ONNX models node by node, as foreign exporters would."""

import numpy as np
from onnx import StringStringEntryProto, TensorAnnotation, TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"


class Writer:
    """Collects nodes; every method that adds one returns the name of its first output."""

    def __init__(self, shape=(1, 3, 6, 8), *, opset=13, element=TensorProto.FLOAT, seed=0):
        self.nodes, self.constants = [], []
        self.opset, self.annotations = opset, []
        self.inputs = [helper.make_tensor_value_info("x", element, shape)]
        self.random = np.random.default_rng(seed)
        self.count = 0

    def name(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def const(self, value, dtype=np.float32, name=None):
        name = name or self.name("c")
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def add(self, op, *inputs, outputs=1, domain="", name=None, **attributes):
        """Append a node; arrays among its inputs become initialisers."""
        names = [i if isinstance(i, str) else self.const(i, np.asarray(i).dtype) for i in inputs]
        made = [self.name(op.lower()) for _ in range(outputs)]
        self.nodes.append(
            helper.make_node(
                op, names, made, name or self.name(f"{op}_"), domain=domain, **attributes
            )
        )
        return made[0] if outputs == 1 else made

    def quant(self, x, scale=1.0, bits=4, zero=0.0, *, op="Quant", domain=QONNX, **attributes):
        attributes = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", **attributes}
        parameters = (np.float32(scale), np.float32(zero), np.float32(bits))
        return self.add(op, x, *parameters, domain=domain, **attributes)

    def bipolar(self, x, scale=1.0, domain=QONNX):
        return self.add("BipolarQuant", x, np.float32(scale), domain=domain)

    def integers(self, *shape, low=-7, high=7, scale=0.25):
        """Return random integers times ``scale`` as float32."""
        values = self.random.integers(low, high + 1, shape) * np.float32(scale)
        return values.astype(np.float32)

    def weights(self, *shape, scale=0.25):
        """Return the name of 4-bit weights behind a Quant; their products are exact in float32."""
        return self.quant(self.const(self.integers(*shape, scale=scale)), scale, narrow=1)

    def conv(self, x, channels, outputs, kernel=(3, 3), group=1, bias=None, **attributes):
        weights = self.weights(outputs, channels // group, *kernel)
        extra = [] if bias is None else [self.const(bias)]
        return self.add("Conv", x, weights, *extra, group=group, **attributes)

    def annotate(self, tensor, **keys):
        self.annotations.append((tensor, keys))

    def model(self, *outputs, inputs=None):
        """Return the ``onnx.ModelProto`` that ends in ``outputs``."""
        infos = [
            helper.make_value_info(o, helper.make_tensor_type_proto(TensorProto.FLOAT, None))
            for o in outputs
        ]
        graph = helper.make_graph(
            self.nodes, "foreign", inputs or self.inputs, infos, self.constants
        )
        for tensor, keys in self.annotations:
            graph.quantization_annotation.append(
                TensorAnnotation(
                    tensor_name=tensor,
                    quant_parameter_tensor_names=[
                        StringStringEntryProto(key=key, value=value) for key, value in keys.items()
                    ],
                )
            )
        domains = {node.domain for node in self.nodes} - {""}
        opsets = [helper.make_opsetid("", self.opset)]
        opsets += [helper.make_opsetid(domain, 1) for domain in sorted(domains)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)
