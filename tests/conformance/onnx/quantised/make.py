# Makes the models beside it by onnxruntime's own quantiser (onnx 1.22, onnxruntime 1.32): python3 make.py
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

folder = Path(__file__).parent
random = np.random.default_rng(1)
stored = []


def weight(name, *shape):
    fan = int(np.prod(shape[1:])) or 1
    data = (random.standard_normal(shape) / np.sqrt(fan)).astype(np.float32)
    stored.append(numpy_helper.from_array(data, name))
    return name


def constant(name, data, dtype):
    stored.append(numpy_helper.from_array(np.array(data, dtype), name))
    return name


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, [output], name=output, **attributes)


pads = [1, 1, 1, 1]
half = dict(kernel_shape=[2, 2], strides=[2, 2])
nodes = [
    node("Conv", ["x", weight("w1", 8, 3, 3, 3), weight("b1", 8)], "c1", pads=pads),
    node("Relu", ["c1"], "r1"),
    node("Conv", ["r1", weight("w2", 8, 1, 3, 3), weight("b2", 8)], "c2", pads=pads, group=8),
    node("Clip", ["c2", constant("zero", 0, np.float32), constant("six", 6, np.float32)], "r2"),
    node("Conv", ["r2", weight("w3", 8, 8, 1, 1), weight("b3", 8)], "c3"),
    node("Add", ["c3", "r1"], "sum"),
    node("MaxPool", ["sum"], "pooled", kernel_shape=[3, 3], strides=[2, 2], pads=pads),
    node("LeakyRelu", ["pooled"], "leaky", alpha=0.1),
    node("AveragePool", ["leaky"], "averaged", **half),
    node("ConvTranspose", ["averaged", weight("w4", 8, 8, 2, 2), weight("b4", 8)], "up", strides=[2, 2]),
    node("Resize", ["leaky", "", constant("twice", [1, 1, 2, 2], np.float32)], "near", mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    node("Resize", ["up", "", "twice"], "smooth", mode="linear", coordinate_transformation_mode="half_pixel"),
    node("Concat", ["near", "smooth"], "joined", axis=1),
    node("Conv", ["joined", weight("w5", 8, 16, 1, 1), weight("b5", 8)], "c5"),
    node("Sigmoid", ["c5"], "gate"),
    node("Mul", ["c5", "gate"], "gated"),
    node("GlobalAveragePool", ["gated"], "mean"),
    node("Flatten", ["mean"], "flat"),
    node("Gemm", ["flat", weight("w6", 10, 8), weight("b6", 10)], "y", transB=1),
]
graph = helper.make_graph(
    nodes,
    "net",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10]), helper.make_tensor_value_info("gated", TensorProto.FLOAT, [1, 8, 8, 8])],
    stored,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.checker.check_model(model)


class Samples(CalibrationDataReader):
    def __init__(self):
        self.left = [{"x": np.random.default_rng(seed).standard_normal((1, 3, 8, 8)).astype(np.float32)} for seed in range(9)]

    def get_next(self):
        return self.left.pop() if self.left else None


u8, i8 = QuantType.QUInt8, QuantType.QInt8
with tempfile.TemporaryDirectory() as temporary:
    plain = Path(temporary) / "plain.onnx"
    onnx.save(model, plain)
    for name, form, activations, weights, by_channel in [
        ("qdq-u8", QuantFormat.QDQ, u8, i8, True),
        ("qdq-i8", QuantFormat.QDQ, i8, i8, False),
        ("qdq-weights-u8", QuantFormat.QDQ, u8, u8, False),
        ("operators-u8", QuantFormat.QOperator, u8, u8, False),
        ("operators-i8", QuantFormat.QOperator, i8, i8, True),
    ]:
        quantize_static(
            plain, folder / f"{name}.onnx", Samples(), quant_format=form, activation_type=activations, weight_type=weights, per_channel=by_channel
        )
    quantize_dynamic(plain, folder / "dynamic.onnx", weight_type=u8, op_types_to_quantize=["Conv", "Gemm", "MatMul"])
