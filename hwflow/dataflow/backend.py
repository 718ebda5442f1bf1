"""From an integer network to hardware layers: FINN's RTL units and ours, one or two per layer.

The nodes are made directly, in the domain of FINN's RTL operators, so that no pass has to find them
and none can end in HLS. Tensors keep the names that they have in the network; between the nodes of
one layer they get a suffix. A tensor with several readers goes through a duplicator; a reshape
costs nothing, since a stream has no shape.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import singledispatchmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwflow.dataflow.activation import (
    FLOAT_EXACT,
    requantiser,
    threshold_unit,
)
from hwflow.dataflow.flatten import flatten_input
from hwflow.dataflow.packing import score_bits
from hwflow.dataflow.requant import Requant
from hwflow.errors import UnsupportedModelError
from hwflow.lower.network import (
    Add,
    Affine,
    Conv,
    Depthwise,
    IntArray,
    Layer,
    MaxPool,
    Network,
    Pad,
    Pair,
    Reshape,
    Shape,
    SumPool,
    Tensor,
    Threshold,
)

Model = Any
Node = Any

RTL_DOMAIN = "finn.custom_op.fpgadataflow.rtl"
SCORE_SCALE = "hwflow_score_scale"


def to_hardware(network: Network) -> Model:
    """Return the hardware graph of ``network``: one lane each, unconnected by converters or FIFOs.

    Its metadata ``SCORE_SCALE`` is the network's. Weight layers that are no XNOR units are on
    LUTs; ``hwflow.dataflow.units`` moves some to DSPs once they are folded.

    Raises:
        UnsupportedModelError: naming a layer whose integers no unit holds exactly.
    """
    return _Builder(flatten_input(network)).build()


@dataclass
class _Builder:
    network: Network
    nodes: list[Node] = field(default_factory=list)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    constants: dict[str, tuple[NDArray[Any], str]] = field(default_factory=dict)
    # For each tensor of the network, the streams that its readers have yet to take.
    streams: dict[str, list[str]] = field(default_factory=dict)
    fused: set[str] = field(default_factory=set)

    def build(self) -> Model:
        from onnx import TensorProto, helper
        from qonnx.core.datatype import DataType
        from qonnx.core.modelwrapper import ModelWrapper

        network = self.network
        self._provide(network.input, network.input.datatype, layer="input")
        for layer in network.layers:
            if layer.name not in self.fused:
                self._add(layer)
        (output,) = self.streams[network.scores]
        source = network.input.name
        infos = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, self.shapes[name])
            for name in (source, output)
        ]
        graph = helper.make_graph(self.nodes, network.name, infos[:1], infos[1:])
        model = ModelWrapper(helper.make_model(graph))
        for name, shape in self.shapes.items():
            if name not in {source, output}:
                model.set_tensor_shape(name, list(shape))
        for name, (values, datatype) in self.constants.items():
            model.set_initializer(name, values)
            model.set_tensor_datatype(name, DataType[datatype])
        for name, datatype in self.types.items():
            model.set_tensor_datatype(name, DataType[datatype])
        model.set_metadata_prop(SCORE_SCALE, repr(network.score_scale))
        return model

    # --- Streams ----------------------------------------------------------------------------------
    def _provide(
        self, tensor: Tensor, datatype: str, stream: str | None = None, *, layer: str
    ) -> None:
        """Make ``stream`` (by default of the tensor's own name) ready for the tensor's readers."""
        stream = stream or tensor.name
        self._stream(stream, tensor.shape, datatype)
        readers = [
            layer
            for layer in self.network.readers(tensor.name)
            for name in layer.inputs
            if name == tensor.name
        ]
        if len(readers) <= 1:
            self.streams[tensor.name] = [stream]
            return
        copies = [f"{tensor.name}__copy{index}" for index in range(len(readers))]
        for copy in copies:
            self._stream(copy, tensor.shape, datatype)
        height, width, channels = tensor.shape
        self._node(
            "HwfDup_rtl",
            f"{layer}_dup",
            [stream],
            copies,
            numInputVectors=[1, height, width],
            Channels=channels,
            NumOutputs=len(copies),
            PE=1,
            inputDataType=datatype,
            outputDataType=datatype,
        )
        self.streams[tensor.name] = copies

    def _take(self, tensor: str) -> str:
        """Return the stream that the next reader of ``tensor`` reads."""
        return self.streams[tensor].pop(0)

    def _stream(self, name: str, shape: Shape, datatype: str) -> str:
        self.shapes[name] = (1, *shape)
        self.types[name] = datatype
        return name

    def _constant(self, name: str, values: IntArray, datatype: str) -> str:
        # FINN computes in float32 and takes initialisers as such.
        assert np.abs(values).max(initial=0) <= FLOAT_EXACT, name
        self.constants[name] = (values.astype(np.float32), datatype)
        return name

    def _node(
        self, op: str, name: str, inputs: list[str], outputs: list[str], **attributes: Any
    ) -> None:
        from onnx import helper

        self.nodes.append(
            helper.make_node(
                op,
                inputs,
                outputs,
                name=f"{name}_{op}",
                domain=RTL_DOMAIN,
                backend="fpgadataflow",
                **attributes,
            )
        )

    def _tensor(self, name: str) -> Tensor:
        return self.network.tensors[name]

    def _only_reader(self, tensor: str) -> Layer | None:
        readers = list(self.network.readers(tensor))
        return readers[0] if len(readers) == 1 and tensor != self.network.scores else None

    # --- Layers -----------------------------------------------------------------------------------
    @singledispatchmethod
    def _add(self, layer: Layer) -> None:
        raise UnsupportedModelError(f"{layer.kind} has no hardware unit", node=layer.source)

    @_add.register
    def _(self, layer: Pad) -> None:
        stream = self._take(layer.inputs[0])
        height, width, channels = self._tensor(layer.inputs[0]).shape
        out = layer.output
        value = (layer.value + 1) // 2 if out.bipolar else layer.value
        if not _allows(self.types[stream], value):
            stream = self._widened(layer, stream)
        self._node(
            "HwfPad_rtl",
            layer.name,
            [stream],
            [out.name],
            Height=height,
            Width=width,
            Channels=channels,
            Pads=list(layer.pads),
            Value=value,
            PE=1,
            inputDataType=self.types[stream],
            outputDataType=self.types[stream],
        )
        self._provide(out, self.types[stream], layer=layer.name)

    def _widened(self, layer: Pad, stream: str) -> str:
        """Return ``stream`` in the type of the layer's output, which holds the padding too."""
        source = self._tensor(layer.inputs[0])
        height, width, channels = source.shape
        datatype = layer.output.datatype
        wide = self._stream(f"{layer.output.name}__wide", source.shape, datatype)
        self._node(
            "HwfRequant_rtl",
            f"{layer.name}_wide",
            [stream],
            [wide],
            NumChannels=channels,
            numInputVectors=[1, height, width],
            PE=1,
            inputDataType=self.types[stream],
            outputDataType=datatype,
            Low=source.low,
            High=source.high,
            Multiplier=[1] * channels,
            Bias=[0] * channels,
            Shift=0,
        )
        return wide

    @_add.register
    def _(self, layer: Conv) -> None:
        outputs, rows, columns, _ = layer.weights.shape
        source = self._tensor(layer.inputs[0])
        stream = self._take(source.name)
        out = layer.output
        height, width, _ = out.shape
        if not _reads_straight(layer, (rows, columns), source.shape, out.shape):
            stream = self._window(
                layer, stream, (rows, columns), layer.stride, layer.dilation, depthwise=False
            )
        matrix = layer.weights.reshape(outputs, -1).T  # rows in the order of the window: y, x, c
        weights = f"{layer.name}__weights"
        low, high = int(matrix.min()), int(matrix.max())
        binary = bool(np.all(np.abs(matrix) == 1))
        shape = {
            "MW": len(matrix),
            "MH": outputs,
            "SIMD": 1,
            "PE": 1,
            "numInputVectors": [1, height, width],
            "inputDataType": self.types[stream],
        }
        if source.bipolar and binary:
            self._constant(weights, matrix, "BIPOLAR")
            self._xnor(layer, stream, weights, shape)
            return
        datatype = "BIPOLAR" if binary else _signed(low, high, at_least=2)
        accumulators = _accumulators(out)
        self._node(
            "HwfMVAU_rtl",
            layer.name,
            [stream, self._constant(weights, matrix, datatype)],
            [out.name],
            **shape,
            inputBipolar=int(source.bipolar),
            weightDataType=datatype,
            outputDataType=accumulators,
        )
        self._provide(out, accumulators, layer=layer.name)

    def _xnor(self, layer: Conv, stream: str, weights: str, shape: dict[str, Any]) -> None:
        """An XNOR unit, with its threshold where the only reader is a binary activation."""
        inputs, out = [stream, weights], layer.output
        datatype = f"INT{score_bits(shape['MW'])}"
        reader = self._only_reader(out.name)
        if isinstance(reader, Threshold) and reader.output.bipolar:
            self.fused.add(reader.name)
            inputs.append(
                self._constant(
                    f"{layer.name}__thresholds",
                    reader.thresholds,
                    _signed(int(reader.thresholds.min()), int(reader.thresholds.max())),
                )
            )
            out, datatype = reader.output, "BINARY"
        self._node(
            "HwfXnorMVAU_rtl", layer.name, inputs, [out.name], **shape, outputDataType=datatype
        )
        self._provide(out, datatype, layer=layer.name)

    @_add.register
    def _(self, layer: Depthwise) -> None:
        channels, rows, columns = layer.weights.shape
        source = self._tensor(layer.inputs[0])
        stream = self._take(source.name)
        out = layer.output
        height, width, _ = out.shape
        if (rows, columns) != (1, 1) or (height, width) != source.shape[:2]:
            stream = self._window(
                layer, stream, (rows, columns), layer.stride, layer.dilation, depthwise=True
            )
        weights = layer.weights.reshape(channels, -1)
        binary = bool(np.all(np.abs(weights) == 1))
        datatype = (
            "BIPOLAR" if binary else _signed(int(weights.min()), int(weights.max()), at_least=2)
        )
        accumulators = _accumulators(out)
        self._node(
            "HwfVVAU_rtl",
            layer.name,
            [stream, self._constant(f"{layer.name}__weights", weights, datatype)],
            [out.name],
            Channels=channels,
            KernelSize=rows * columns,
            SIMD=1,
            PE=1,
            numInputVectors=[1, height, width],
            inputDataType=self.types[stream],
            inputBipolar=int(source.bipolar),
            weightDataType=datatype,
            outputDataType=accumulators,
        )
        self._provide(out, accumulators, layer=layer.name)

    @_add.register
    def _(self, layer: Threshold) -> None:
        stream = self._take(layer.inputs[0])
        source, out = self._tensor(layer.inputs[0]), layer.output
        height, width, channels = out.shape
        requant = requantiser(layer, source)
        if requant is not None:
            self._requant(layer, stream, requant)
            return
        unit = threshold_unit(layer, source, self.types[stream])
        self._node(
            "Thresholding_rtl",
            layer.name,
            [
                stream,
                self._constant(f"{layer.name}__thresholds", unit.thresholds, unit.datatype),
            ],
            [out.name],
            NumChannels=channels,
            PE=1,
            numSteps=unit.thresholds.shape[1],
            numInputVectors=[1, height, width],
            inputDataType=self.types[stream],
            weightDataType=unit.datatype,
            outputDataType=out.datatype,
            ActVal=unit.bias,
        )
        self._provide(out, out.datatype, layer=layer.name)

    @_add.register
    def _(self, layer: Affine) -> None:
        stream = self._take(layer.inputs[0])
        out = layer.output
        requant = Requant(layer.multiplier, layer.offset, 0, out.low, out.high)
        self._requant(layer, stream, requant)

    def _requant(self, layer: Layer, stream: str, requant: Requant) -> None:
        out = layer.output
        height, width, channels = out.shape
        self._node(
            "HwfRequant_rtl",
            layer.name,
            [stream],
            [out.name],
            NumChannels=channels,
            numInputVectors=[1, height, width],
            PE=1,
            inputDataType=self.types[stream],
            outputDataType=out.datatype,
            Low=requant.low,
            High=requant.high,
            Multiplier=requant.multiplier.tolist(),
            Bias=requant.bias.tolist(),
            Shift=requant.shift,
        )
        self._provide(out, out.datatype, layer=layer.name)

    @_add.register
    def _(self, layer: MaxPool) -> None:
        self._pool(layer, layer.kernel, layer.stride, "max")

    @_add.register
    def _(self, layer: SumPool) -> None:
        self._pool(layer, layer.kernel, layer.stride, "sum")

    def _pool(self, layer: Layer, kernel: Pair, stride: Pair, operation: str) -> None:
        source, out = self._tensor(layer.inputs[0]), layer.output
        stream = self._take(source.name)
        height, width, channels = source.shape
        # Where there is one window only, no stride is ever taken.
        stride = _effective(stride, out.shape, kernel)
        rows, columns = kernel
        if stride != kernel:
            stream = self._window(layer, stream, kernel, stride, (1, 1), depthwise=False)
            height, width = out.shape[0] * out.shape[1], rows * columns
            rows, columns = 1, rows * columns
        datatype = self.types[stream]
        if operation == "sum":
            datatype = _sum_type(datatype, rows * columns)
        self._node(
            "HwfPool_rtl",
            layer.name,
            [stream],
            [out.name],
            Height=height,
            Width=width,
            Channels=channels,
            KernelH=rows,
            KernelW=columns,
            Operation=operation,
            PE=1,
            inputDataType=self.types[stream],
            outputDataType=datatype,
        )
        self._provide(out, datatype, layer=layer.name)

    @_add.register
    def _(self, layer: Add) -> None:
        streams = [self._take(name) for name in layer.inputs]
        out = layer.output
        height, width, channels = out.shape
        self._node(
            "HwfAdd_rtl",
            layer.name,
            streams,
            [out.name],
            numInputVectors=[1, height, width],
            Channels=channels,
            Factors=list(layer.factors),
            PE=1,
            inputDataType=self.types[streams[0]],
            input1DataType=self.types[streams[1]],
            outputDataType=out.datatype,
        )
        self._provide(out, out.datatype, layer=layer.name)

    @_add.register
    def _(self, layer: Reshape) -> None:
        stream = self._take(layer.inputs[0])
        datatype, shape = self.types[stream], self.shapes[stream]
        self._provide(layer.output, datatype, stream, layer=layer.name)
        self.shapes[stream] = shape  # its producer's; a reader takes the same order as a vector

    def _window(
        self,
        layer: Layer,
        stream: str,
        kernel: Pair,
        stride: Pair,
        dilation: Pair,
        *,
        depthwise: bool,
    ) -> str:
        """Add a window generator in front of ``layer`` and return its output stream."""
        source, out = self._tensor(layer.inputs[0]), layer.output
        height, width, channels = source.shape
        datatype = self.types[stream]
        shape = (out.shape[0], out.shape[1], kernel[0] * kernel[1] * channels)
        windows = self._stream(f"{out.name}__windows", shape, datatype)
        # FINN wants strides within the map; a lone window must have no room for a second one.
        beyond = (
            height - (kernel[0] - 1) * dilation[0],
            width - (kernel[1] - 1) * dilation[1],
        )
        self._node(
            "ConvolutionInputGenerator_rtl",
            layer.name,
            [stream],
            [windows],
            ConvKernelDim=list(kernel),
            IFMChannels=channels,
            IFMDim=[height, width],
            OFMDim=list(out.shape[:2]),
            SIMD=1,
            Stride=list(_effective(stride, out.shape, beyond)),
            Dilation=[d if k > 1 else 1 for d, k in zip(dilation, kernel, strict=True)],
            inputDataType=datatype,
            outputDataType=datatype,
            depthwise=int(depthwise),
        )
        return windows


def _effective(stride: Pair, out: Shape, single: Pair) -> Pair:
    """Return ``stride``, and ``single`` along axes with one output, which takes no step."""
    return (stride[0] if out[0] > 1 else single[0], stride[1] if out[1] > 1 else single[1])


def _reads_straight(layer: Conv, kernel: Pair, source: Shape, out: Shape) -> bool:
    """Whether the window's order is the stream's own: one pixel, or the whole map, at a time."""
    if kernel == source[:2]:
        return True
    return kernel == (1, 1) and out[:2] == source[:2]


def _allows(datatype: str, value: int) -> bool:
    from qonnx.core.datatype import DataType

    return bool(DataType[datatype].allowed(value))


def _sum_type(datatype: str, terms: int) -> str:
    """Return the qonnx name of a type that holds any sum of ``terms`` integers of ``datatype``."""
    from qonnx.core.datatype import DataType

    low, high = (int(terms * end) for end in (DataType[datatype].min(), DataType[datatype].max()))
    return _signed(low, high) if low < 0 else f"UINT{high.bit_length()}"


def _accumulators(out: Tensor) -> str:
    """Return the type of a weight layer's sums: 2 bits or more, as a sum of ±1 is shifted by one.

    Less would do where weights are all zero or never give more than −1 … 0.
    """
    return _signed(out.low, out.high, at_least=2)


def _signed(low: int, high: int, *, at_least: int = 1) -> str:
    """Return the qonnx name of two's complement integers that hold ``low`` … ``high``."""
    bits = max((-low - 1).bit_length() if low < 0 else 0, max(high, 0).bit_length()) + 1
    return f"INT{max(bits, at_least)}"
