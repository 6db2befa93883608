"""Holds operator-cases.jsonl to PyTorch: calls each of its operators there, and says where the results differ.

Run with PyTorch: python3 results-of-pytorch.py operator-cases.jsonl [--write]

With --write the file then has PyTorch's results in the place of what numpy computed, and in each line the version that they are of.
Calls that this PyTorch refuses keep what numpy computed, and are named at the end with its reason.

PyTorch 2.15.0 from PyPI does: python3 -m venv there && there/bin/pip install torch==2.15.0 numpy
"""
import json
import math
import sys

import torch

torch.backends.quantized.engine = "fbgemm"

from operator_cases import NAMES, number

DTYPES = {short: getattr(torch, name) for name, short in NAMES.items()}
SHORT = {dtype: short for short, dtype in DTYPES.items()}
# What a comparison allows: the tests' own room, which functions' stated errors fit into.
ROOM = {"f32": 2e-5, "f64": 1e-10}
VERSION = torch.__version__.split("+")[0]
# Their elements mean nothing.
EMPTY = {"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided"}
QUANTIZED = {"u8": torch.quint8, "i8": torch.qint8}


def tensor(stored):
    data = [float(each) if isinstance(each, str) else each for each in stored["data"]]
    made = torch.tensor(data, dtype=DTYPES[stored["tensor"]]).reshape(stored["shape"])
    return torch.view_as_complex(made) if stored.get("complex") else made


def quantized(stored):
    data = tensor(stored["quantized"])
    dtype = stored["quantized"]["tensor"]
    return torch._make_per_tensor_quantized_tensor(data, stored["scale"], stored["zero"]) if dtype in QUANTIZED else data


def packed(stored, operator):
    """The layer that an object of the file says, as PyTorch packs it."""
    fields = {key: decoded(each) for key, each in stored.items()}
    name = operator.split("::")[1]
    weight, scales, bias = fields["weight"], fields["scales"], fields["bias"]
    if name.startswith("linear") and name.endswith("fp16"):
        return torch.ops.quantized.linear_prepack_fp16(weight, bias)
    zeros = fields["zeroPoints"].long()
    if scales.numel() > 1:
        bytes = torch._make_per_channel_quantized_tensor(weight, scales.double(), zeros, 0)
    else:
        bytes = torch._make_per_tensor_quantized_tensor(weight, scales.item(), int(zeros))
    if name.startswith("linear"):
        return torch.ops.quantized.linear_prepack(bytes, bias)
    # How many dimensions there are, then strides, padding, dilation, padding of outputs, groups, and whether it is transposed.
    n, *numbers = fields["numbers"]
    stride, padding, dilation, outside = (numbers[at * n : (at + 1) * n] for at in range(4))
    groups, transposed = numbers[4 * n :]
    rank = int(name.split("d")[0][-1])
    if rank == 1:
        # Of a line a plane of one row was kept.
        bytes = bytes.squeeze(-2)
        stride, padding, dilation, outside = (each[-1:] for each in (stride, padding, dilation, outside))
    if transposed:
        pack = getattr(torch.ops.quantized, f"conv_transpose{rank}d_prepack")
        return pack(bytes, bias, stride, padding, outside, dilation, groups)
    return getattr(torch.ops.quantized, f"conv{rank}d_prepack")(bytes, bias, stride, padding, dilation, groups)


def decoded(argument, operator=""):
    if isinstance(argument, list):
        return [decoded(each, operator) for each in argument]
    if not isinstance(argument, dict):
        return argument
    if "tensor" in argument:
        return tensor(argument)
    if "float" in argument:
        return float(argument["float"])
    if "dtype" in argument:
        return DTYPES[argument["dtype"]]
    if "device" in argument:
        return torch.device("cpu")
    if "quantized" in argument:
        return quantized(argument)
    return packed(argument["object"], operator)


def callables(operator):
    """What has an operator's name, its own overload first: aten's, the one that writes, and torch's."""
    name, _, overload = operator.partition(".")
    space, _, own = name.rpartition("::")
    for each in (own, f"{own}_"):
        try:
            packet = getattr(getattr(torch.ops, space or "aten"), each)
        except AttributeError:
            continue
        if (overload or "default") in packet.overloads():
            yield getattr(packet, overload or "default")
        yield packet
    for home in (torch, torch.Tensor):
        if not space and hasattr(home, own):
            yield getattr(home, own)


def called(line):
    """What PyTorch gives for a line's operator; the first refusal where nothing of its name takes these arguments."""
    operator = line["operator"]
    refusal = None
    for function in callables(operator):
        arguments = [decoded(each, operator) for each in line["arguments"]]
        keywords = {key: decoded(each, operator) for key, each in line["keywords"].items()}
        try:
            return function(*arguments, **keywords)
        except (RuntimeError, TypeError) as error:
            refusal = refusal or error
    raise refusal or RuntimeError("PyTorch has no such operator")


def tensors_of(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (bool, int, float)):
        return [torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None)]
    return [one for each in value for one in tensors_of(each)] if isinstance(value, (list, tuple)) else []


def stored(value):
    if value.is_quantized:
        value = value.int_repr()
    complex = value.is_complex()
    if complex:
        value = torch.view_as_real(value.resolve_conj())
    # Of 32 bits the shortest number that is read as the same.
    flat = value.detach().contiguous().reshape(-1).numpy()
    found = {"tensor": SHORT[value.dtype], "shape": list(value.shape), "data": [number(each) for each in flat]}
    return {**found, "complex": True} if complex else found


def differs(mine, theirs, signless):
    if mine["tensor"] != theirs["tensor"] or mine["shape"] != theirs["shape"]:
        return f"{mine['tensor']}{mine['shape']} here, {theirs['tensor']}{theirs['shape']} there"
    room = ROOM.get(mine["tensor"], 0)
    for at, (a, b) in enumerate(zip(mine["data"], theirs["data"])):
        a, b = float(a), float(b)
        if signless:
            a, b = abs(a), abs(b)
        same = a == b or (math.isnan(a) and math.isnan(b))
        if not same and not abs(a - b) <= room * (1 + abs(b)):
            return f"element {at} is {a} here, {b} there"
    return None


def main(path, write):
    lines = [json.loads(line) for line in open(path)]
    refused, different = [], 0
    for at, line in enumerate(lines, 1):
        try:
            results = [stored(each) for each in tensors_of(called(line))]
            if line["operator"].split(".")[0] in EMPTY:
                results = [{**each, "data": [0] * len(each["data"])} for each in results]
        except Exception as error:
            refused.append(f"{at} {line['operator']}: {str(error).strip().splitlines()[0] if str(error).strip() else error!r}"[:200])
            continue
        found = f"{len(line['results'])} results here, {len(results)} there" if len(results) != len(line["results"]) else None
        if not line["results"]:
            found = None
        for mine, theirs in zip(line["results"], results):
            found = found or differs(mine, theirs, line.get("signless", False))
        if found:
            different += 1
            print(f"{at} {line['operator']}: {found}")
        line["results"] = results
        line["by"] = VERSION
    print(f"{len(lines)} calls, {different} different, {len(refused)} refused by PyTorch {VERSION}:")
    print("\n".join(refused))
    if write:
        with open(path, "w") as file:
            file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


main(sys.argv[1], "--write" in sys.argv[2:])
