"""What the scripts of operators' cases share: a call with its results as a line of JSON, and arrays to call with.

A float is {"float": …}, a dtype {"dtype": …}, and complex numbers are pairs.
"""
import json
import math

import numpy as np

f32, f64, i64, i32, u8 = np.float32, np.float64, np.int64, np.int32, np.uint8
NAMES = {"float32": "f32", "float64": "f64", "int64": "i64", "int32": "i32", "uint8": "u8", "int8": "i8", "bool": "bool"}
rng = np.random.default_rng(7)


class Dtype:
    def __init__(self, name):
        self.name = name


class Device:
    pass


class Quantized:
    """Bytes that stand for numbers, and how."""

    def __init__(self, data, scale, zero):
        self.data, self.scale, self.zero = data, scale, zero

    def numbers(self):
        return (self.data.astype(f64) - self.zero) * self.scale


def number(value):
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    # Of 32 bits the shortest number that is read as the same.
    value = float(str(value)) if isinstance(value, np.float32) else float(value)
    return value if math.isfinite(value) else repr(value)


def encoded(value):
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if isinstance(value, np.ndarray) and np.iscomplexobj(value):
        pairs = np.stack([value.real, value.imag], -1).astype(f32 if value.dtype == np.complex64 else f64)
        return {**encoded(pairs), "complex": True}
    if isinstance(value, np.ndarray):
        return {"tensor": NAMES[value.dtype.name], "shape": list(value.shape), "data": [number(x) for x in value.ravel()]}
    if isinstance(value, Dtype):
        return {"dtype": value.name}
    if isinstance(value, Quantized):
        return {"quantized": encoded(value.data), "scale": number(value.scale), "zero": value.zero}
    if isinstance(value, Device):
        return {"device": "cpu"}
    if isinstance(value, dict):
        return {"object": {key: encoded(each) for key, each in value.items()}}
    if isinstance(value, (list, tuple)):
        return [encoded(each) for each in value]
    if isinstance(value, float):
        return {"float": number(value)}
    return value


def case(operator, *arguments, gives=(), signless=False, exact=False, **keywords):
    """A call, and what it gives, unless PyTorch alone says it; of signless results, such as eigenvectors, magnitudes are compared, of exact ones bits."""
    results = gives if isinstance(gives, tuple) else (gives,)
    line = {
        "operator": operator,
        "arguments": [encoded(each) for each in arguments],
        "keywords": {key: encoded(each) for key, each in keywords.items()},
        "results": [encoded(each) for each in results],
        **({"signless": True} if signless else {}),
        **({"exact": True} if exact else {}),
    }
    print(json.dumps(line, separators=(",", ":")))


def a(values, dtype=f32):
    return np.array(values, dtype)


def rand(*shape, dtype=f32, low=-2.0, high=2.0):
    return np.round(rng.uniform(low, high, shape), 3).astype(dtype)


def f(x):
    return np.asarray(x).astype(f32)


def each(function, x):
    return f(np.vectorize(function, otypes=[f64])(x.astype(f64)))
