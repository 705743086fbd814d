"""A LiteRT file's operations: which there are, which GPUs leave to the CPU, and how pictures enter and leave.

The conditions are those of LiteRT's GPU delegate (`gpu_compatibility.cc` of TensorFlow). They are repeated
here because `tf.lite.experimental.Analyzer` of TensorFlow 2.21 finds every file compatible, whatever it
holds.
"""

from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
_FLOAT = (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16)
# Accepted by the GPU delegate, under the conditions of `_fits`.
_ON_GPU = set(
    [
        "ABS",
        "ADD",
        "AVERAGE_POOL_2D",
        "CAST",
        "CONCATENATION",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "DEPTH_TO_SPACE",
        "DEQUANTIZE",
        "DIV",
        "FULLY_CONNECTED",
        "LEAKY_RELU",
        "MAXIMUM",
        "MEAN",
        "MINIMUM",
        "MIRROR_PAD",
        "MUL",
        "NEG",
        "PAD",
        "PRELU",
        "QUANTIZE",
        "RELU",
        "RESHAPE",
        "RESIZE_BILINEAR",
        "RESIZE_NEAREST_NEIGHBOR",
        "SLICE",
        "SPLIT",
        "SQRT",
        "SQUARE",
        "SQUARED_DIFFERENCE",
        "STRIDED_SLICE",
        "SUB",
        "SUM",
        "TANH",
        "TILE",
        "TRANSPOSE",
    ]
)


def operations(model: bytes) -> set:
    """Names of all operations in a LiteRT file, such as "CONV_2D"; TensorFlow's own begin with "Flex"."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    return {_name(model, operator) for graph in model.subgraphs for operator in graph.operators}


def left_to_cpu(model: bytes) -> set:
    """Names of the operations that LiteRT's GPU delegate does not accept."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    return {
        _name(model, operator)
        for graph in model.subgraphs
        for operator in graph.operators
        if not _fits(_name(model, operator), operator, graph.tensors)
    }


def picture_tensors(model: bytes) -> list:
    """Names of the tensors that operations on pictures output: 3 channels or 1, not from a convolution."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    found = set()
    for graph in model.subgraphs:
        for operator in graph.operators:
            tensor = graph.tensors[operator.outputs[0]]
            shape = _shape(tensor)
            if len(shape) == 4 and shape[-1] in (1, 3) and _name(model, operator) != "CONV_2D":
                found.add(tensor.name.decode())
    return sorted(found)


def with_quantized_borders(model: bytes) -> bytes:
    """Returns the same file, but uint8 pictures are read by DEQUANTIZE and written by QUANTIZE, as GPUs can.

    The converter writes CAST, and ROUND before it, which GPU delegates leave to the CPU. QUANTIZE with scale
    1 rounds to the nearest level itself.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    for graph in model.subgraphs:
        kept = []
        for operator in graph.operators:
            if _name(model, operator) == "CAST":
                _replace_cast(model, graph, operator, kept)
            kept.append(operator)
        graph.operators = kept
    _drop_unused_codes(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def without_inner_names(model: bytes) -> bytes:
    """Returns the same file without the names of what is between inputs and outputs.

    The converter names every weight and step after the Keras layers it came from. No program reads them,
    and they are a twentieth of the small model's int8 file.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    for graph in model.subgraphs:
        outer = {*graph.inputs, *graph.outputs}
        for number, tensor in enumerate(graph.tensors):
            if number not in outer:
                tensor.name = b""
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _replace_cast(model, graph, operator, before):
    """Turns a CAST from or to uint8 into (DE)QUANTIZE; takes the ROUND in front of it out of `before`."""
    source, target = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    if source.type == schema.TensorType.UINT8 and target.type == schema.TensorType.FLOAT32:
        picture, name = source, "DEQUANTIZE"
    elif source.type == schema.TensorType.FLOAT32 and target.type == schema.TensorType.UINT8:
        picture, name = target, "QUANTIZE"
        rounding = next((o for o in before if operator.inputs[0] in o.outputs), None)
        if rounding is not None and _name(model, rounding) == "ROUND":
            before.remove(rounding)
            operator.inputs = rounding.inputs
    else:
        return
    picture.quantization = schema.QuantizationParametersT(scale=[1.0], zeroPoint=[0])
    options = {"DEQUANTIZE": schema.DequantizeOptionsT, "QUANTIZE": schema.QuantizeOptionsT}[name]
    operator.opcodeIndex = _code_index(model, name)
    operator.builtinOptions = options()
    operator.builtinOptionsType = getattr(schema.BuiltinOptions, options.__name__.removesuffix("T"))


def _drop_unused_codes(model):
    """Drops codes that no operation uses any more from the file's list of what a program needs."""
    operators = [operator for graph in model.subgraphs for operator in graph.operators]
    used = sorted({operator.opcodeIndex for operator in operators})
    model.operatorCodes = [model.operatorCodes[index] for index in used]
    for operator in operators:
        operator.opcodeIndex = used.index(operator.opcodeIndex)


def _code_index(model, name):
    """Returns the index of an operation in the file's list, to which it is added if needed."""
    code = getattr(schema.BuiltinOperator, name)
    for index, known in enumerate(model.operatorCodes):
        if known.builtinCode == code:
            return index
    model.operatorCodes.append(schema.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code, version=1))
    return len(model.operatorCodes) - 1


def _name(model, operator):
    code = model.operatorCodes[operator.opcodeIndex]
    if code.customCode:
        return code.customCode.decode()
    return _NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]


def _fits(name, operator, tensors):
    """Whether the GPU delegate accepts an operation with these options and types."""
    if name not in _ON_GPU:
        return False
    inputs = [tensors[i] for i in operator.inputs if i >= 0]
    options = operator.builtinOptions
    if name == "CAST":
        return all(t.type in _FLOAT for t in (inputs[0], tensors[operator.outputs[0]]))
    if name == "DEQUANTIZE":
        return inputs[0].type != schema.TensorType.INT16
    if name == "MIRROR_PAD":
        return options.mode == schema.MirrorPadMode.REFLECT
    if name == "STRIDED_SLICE":
        masks = options.ellipsisMask or options.newAxisMask or options.shrinkAxisMask
        return not masks and len(_shape(inputs[0])) in (3, 4)
    if name == "SLICE":
        return len(_shape(inputs[0])) in (3, 4)
    if name == "MUL":
        return _one_covers_the_other(*(_shape(tensor) for tensor in inputs))
    return True


def _shape(tensor):
    # Files leave out the shape of a scalar.
    return [] if tensor.shape is None else list(tensor.shape)


def _one_covers_the_other(a, b):
    """Whether no shape is smaller in one dimension and larger in another."""
    return len(a) != len(b) or not (any(x < y for x, y in zip(a, b)) and any(x > y for x, y in zip(a, b)))
