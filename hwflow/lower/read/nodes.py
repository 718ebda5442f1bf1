"""The live nodes of an ONNX graph, in order of execution, with clean names and plain attributes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import onnx
from onnx import AttributeProto

from hwflow.errors import UnsupportedModelError
from hwflow.lower.read.file import Model
from hwflow.lower.read.tensors import MALFORMED, Constant, constant

STANDARD = frozenset({"", "ai.onnx"})
# Where Quant and its kin live: qonnx, files of older FINN versions, older Brevitas exports.
QUANTISER_DOMAINS = frozenset(
    {"qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas"}
)
# ONNX Runtime's quantisation tool writes QuantizeLinear and DequantizeLinear in its own domain.
RUNTIME_DOMAIN = "com.microsoft"
OLDEST_OPSET = 7

MAX_NAME = 80


@dataclass(frozen=True, eq=False)
class Node:
    """One ONNX node; ``inputs`` keep "" for those left out; tensors are ``Constant`` attributes."""

    name: str
    op: str
    domain: str
    opset: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(repr=False)
    proto: Any = field(repr=False)

    def refuse(self, message: str) -> NoReturn:
        """Raise ``UnsupportedModelError`` that names this node and its operator."""
        raise UnsupportedModelError(f"{self.op}: {message}", node=self.name)

    def integer(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        return int(self._typed(name, default, int))

    def number(self, name: str, default: float) -> float:
        """Return a float attribute."""
        return float(self._typed(name, default, float | int))

    def text(self, name: str, default: str) -> str:
        """Return a string attribute."""
        return str(self._typed(name, default, str))

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Return an attribute that lists integers, or None where the node has none."""
        values = self._typed(name, None, tuple)
        return None if values is None else tuple(int(value) for value in values)

    def _typed(self, name: str, default: Any, kind: Any) -> Any:
        value = self.attributes.get(name, default)
        if value is not default and not isinstance(value, kind):
            self.refuse(f"attribute {name} has the wrong type ({type(value).__name__})")
        return value


@dataclass(frozen=True)
class Input:
    """The graph's input: ``dims`` as in the file, None for what is not a fixed number."""

    name: str
    element: int
    dims: tuple[int | None, ...]
    layout: str | None


@dataclass(frozen=True, eq=False)
class Source:
    """What of an ONNX file the outputs depend on; ``nodes`` in order of execution."""

    name: str
    input: Input
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, Constant]
    datatypes: Mapping[str, str]


class Names:
    """Makes unique printable names of at most ``MAX_NAME`` characters."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: Counter[str] = Counter()

    def fresh(self, wish: str) -> str:
        """Return ``wish`` cleaned, with a number behind it where the name is taken."""
        stem = clean(wish)[: MAX_NAME - 8]
        name = clean(wish)
        while name in self._taken:
            self._next[stem] += 1
            name = f"{stem}_{self._next[stem]}"
        self._taken.add(name)
        return name


def clean(name: str) -> str:
    """Return the readable part of ``name``: letters, digits and ``_./:-`` of ASCII."""
    return re.sub(r"[^A-Za-z0-9_./:-]+", "_", name)[:MAX_NAME] or "unnamed"


def take_apart(model: Model) -> Source:
    """Return the live part of ``model``.

    Raises:
        UnsupportedModelError: if the graph is no plain acyclic graph of tensors with one input.
    """
    graph = model.graph
    opsets = {entry.domain: int(entry.version) for entry in model.opset_import}
    for name in STANDARD:
        opsets.setdefault(name, max((opsets.get(other, 0) for other in STANDARD), default=0))
    protos = _live(graph)
    renamed = _Renamer()
    nodes = _sorted([_node(proto, opsets, renamed) for proto in protos])
    read = {tensor for node in nodes for tensor in node.inputs}
    outputs = tuple(renamed.tensor(_text(output.name)) for output in graph.output)
    read.update(outputs)
    annotations = _annotations(graph, renamed)
    datatypes = {
        name: keys["finn_datatype"] for name, keys in annotations.items() if "finn_datatype" in keys
    }
    constants = {}
    for tensor in graph.initializer:
        name = renamed.tensor(_text(tensor.name))
        if name in read:
            constants[name] = constant(tensor, name, datatypes.get(name))
    source_input = _input(graph, renamed, read - constants.keys(), annotations)
    _check_producers(nodes, {source_input.name, *constants})
    known = {source_input.name, *constants, *(name for node in nodes for name in node.outputs)}
    for node in nodes:
        for name in node.inputs:
            if name and name not in known:
                node.refuse(f"its input {name!r} is neither computed nor stored in the file")
    for name in outputs:
        if name not in known:
            raise UnsupportedModelError(f"the output {name!r} is computed by no node")
    return Source(
        clean(_text(graph.name)), source_input, outputs, tuple(nodes), constants, datatypes
    )


class _Renamer:
    """Gives each tensor and node of the file one clean name."""

    def __init__(self) -> None:
        self._names, self._tensors = Names(), dict[str, str]()
        self._nodes, self._count = Names(), Counter[str]()

    def tensor(self, name: str) -> str:
        if not name:
            return ""
        if name not in self._tensors:
            self._tensors[name] = self._names.fresh(name)
        return self._tensors[name]

    def node(self, name: str, op: str) -> str:
        self._count[op] += 1
        return self._nodes.fresh(name or f"{op}_{self._count[op]}")


def _text(value: str | bytes) -> str:
    """Return a string field; protobuf hands it out as bytes where it is no UTF-8."""
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


def _live(graph: Any) -> list[Any]:
    """Return the nodes that the outputs depend on, in the file's order."""
    if not graph.output:
        raise UnsupportedModelError("the graph has no output; name the scores as its output")
    protos = list(graph.node)
    producers: dict[str, list[int]] = {}
    for index, proto in enumerate(protos):
        for name in proto.output:
            producers.setdefault(_text(name), []).append(index)
    live, stack = set[int](), [_text(output.name) for output in graph.output]
    while stack:
        for index in producers.pop(stack.pop(), []):
            live.add(index)
            stack.extend(_text(name) for name in protos[index].input if name)
    return [protos[index] for index in sorted(live)]


def _node(proto: Any, opsets: Mapping[str, int], renamed: _Renamer) -> Node:
    op, domain = _text(proto.op_type), _text(proto.domain)
    name = renamed.node(_text(proto.name), op)
    node = Node(
        name=name,
        op=clean(op),
        domain=domain,
        opset=opsets.get(domain, 1),
        inputs=tuple(renamed.tensor(_text(tensor)) for tensor in proto.input),
        outputs=tuple(renamed.tensor(_text(tensor)) for tensor in proto.output),
        attributes=_attributes(proto, name, op),
        proto=proto,
    )
    if domain in STANDARD:
        _check_standard(node)
    return node


def _check_standard(node: Node) -> None:
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= node.opset <= newest:
        node.refuse(
            f"the file uses operator set {node.opset}; {OLDEST_OPSET} to {newest} are supported: "
            "export it with opset 13 or later"
        )
    try:
        schema = onnx.defs.get_schema(node.op, node.opset, "")
    except onnx.defs.SchemaError:
        node.refuse(f"is no operator of ONNX's operator set {node.opset}; remove or replace it")
    if schema.deprecated:
        node.refuse(f"is not part of operator set {node.opset} any more; export the model again")
    if not schema.min_input <= len(node.inputs) <= schema.max_input:
        node.refuse(
            f"has {len(node.inputs)} inputs; expected {schema.min_input} to {schema.max_input}"
        )
    if not node.outputs or len(node.outputs) > schema.max_output:
        node.refuse(f"has {len(node.outputs)} outputs; expected 1 to {schema.max_output}")
    for position in range(schema.min_input):
        if not node.inputs[position]:
            node.refuse(f"its input {position} is missing; export the model again")
    unknown = sorted(set(node.attributes) - set(schema.attributes))
    if unknown:
        node.refuse(f"has the unknown attribute {unknown[0]!r}; remove it or export again")


def _attributes(proto: Any, name: str, op: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for attribute in proto.attribute:
        key = _text(attribute.name)
        if attribute.type in {AttributeProto.GRAPH, AttributeProto.GRAPHS}:
            raise UnsupportedModelError(
                f"{op}: control flow (a subgraph in attribute {key!r}) is not supported; "
                "export the model traced, not scripted",
                node=name,
            )
        if attribute.type == AttributeProto.TENSOR:
            attributes[key] = constant(attribute.t, f"{name}.{key}", None)
            continue
        try:
            value = onnx.helper.get_attribute_value(attribute)
        except MALFORMED as error:
            raise UnsupportedModelError(
                f"{op}: attribute {key!r} is damaged ({error}); export the model again", node=name
            ) from error
        if isinstance(value, bytes):
            value = _text(value)
        elif not isinstance(value, int | float | str):
            value = tuple(value) if isinstance(value, Sequence) else value
        attributes[key] = value
    return attributes


def _sorted(nodes: list[Node]) -> list[Node]:
    """Return ``nodes`` in an order of execution, the file's where it is one (Kahn)."""
    made = {name for node in nodes for name in node.outputs if name}
    waiting: dict[str, list[int]] = {}
    missing = []
    for index, node in enumerate(nodes):
        needs = {name for name in node.inputs if name in made}
        missing.append(len(needs))
        for name in needs:
            waiting.setdefault(name, []).append(index)
    ready = [index for index, count in enumerate(missing) if not count][::-1]
    order: list[Node] = []
    while ready:
        node = nodes[ready.pop()]
        order.append(node)
        for name in node.outputs:
            for index in reversed(waiting.pop(name, [])):
                missing[index] -= 1
                if not missing[index]:
                    ready.append(index)
    if len(order) < len(nodes):
        stuck = next(node for node, count in zip(nodes, missing, strict=True) if count)
        stuck.refuse("the graph has a cycle here; only acyclic networks are supported")
    return order


def _check_producers(nodes: Sequence[Node], made: set[str]) -> None:
    for node in nodes:
        for name in node.outputs:
            if name and name in made:
                node.refuse(f"its output {name!r} is already made elsewhere in the file")
            made.add(name)


def _annotations(graph: Any, renamed: _Renamer) -> dict[str, dict[str, str]]:
    return {
        renamed.tensor(_text(entry.tensor_name)): {
            _text(pair.key): _text(pair.value) for pair in entry.quant_parameter_tensor_names
        }
        for entry in graph.quantization_annotation
    }


def _input(
    graph: Any, renamed: _Renamer, read: set[str], annotations: Mapping[str, Mapping[str, str]]
) -> Input:
    """Return the one input that something reads; initialisers listed as inputs are none."""
    infos = {renamed.tensor(_text(info.name)): info for info in graph.input}
    if len(infos) < len(graph.input):
        raise UnsupportedModelError("two inputs of the graph have the same name")
    live = [name for name in infos if name in read]
    if len(live) != 1:
        raise UnsupportedModelError(
            f"the network reads {len(live)} inputs ({', '.join(live) or 'none'}); expected one: "
            "the image or feature vector"
        )
    info = infos[live[0]]
    if info.type.WhichOneof("value") != "tensor_type":
        raise UnsupportedModelError(
            f"the input {live[0]!r} is no tensor (sequences, maps and optionals are unsupported)"
        )
    tensor = info.type.tensor_type
    if not tensor.HasField("shape"):
        raise UnsupportedModelError(
            f"the input {live[0]!r} has no shape; export the model with a fixed input shape"
        )
    return Input(
        name=live[0],
        element=tensor.elem_type,
        dims=tuple(_dims(tensor.shape)),
        layout=annotations.get(live[0], {}).get("tensor_layout"),
    )


def _dims(shape: Any) -> Iterator[int | None]:
    for dim in shape.dim:
        fixed = dim.HasField("dim_value") and dim.dim_value >= 0
        yield int(dim.dim_value) if fixed else None
