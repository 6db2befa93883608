"""Holds programs.jsonl and older files to PyTorch: what TorchScript itself gives for the same sources.

Run with PyTorch (2.15.0 said that all are the same): python3 programs-of-pytorch.py programs.jsonl upgraded.jsonl

Each program of the first file becomes an archive that PyTorch loads and runs; its results have to be those that Python gave over numpy,
bit for bit. The second file is written: expressions of two tensors of integers in files of older versions, and what PyTorch gives.
"""
import io
import json
import sys
import zipfile

import torch

from operator_cases import NAMES, number

SHORT = {getattr(torch, name): short for name, short in NAMES.items()}


class M(torch.nn.Module):
    def __init__(self, memory):
        super().__init__()
        self.register_buffer("memory", memory)

    def forward(self, x):
        return x


def loaded(source, memory, version=None):
    """The module of a source, as PyTorch reads it from a file."""
    saved, changed = io.BytesIO(), io.BytesIO()
    torch.jit.save(torch.jit.script(M(memory)), saved)
    with zipfile.ZipFile(saved) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            data = before.read(name)
            if name.endswith(".debug_pkl"):
                continue
            if name.endswith("code/__torch__.py"):
                data = source.encode()
            if version is not None and name.rsplit("/")[-1] == "version":
                data = f"{version}\n".encode()
            after.writestr(name, data)
    changed.seek(0)
    return torch.jit.load(changed)


def flat(tensor):
    return [float(each) + 0.0 for each in tensor.flatten().tolist()]


def same_programs(path):
    different, refused = 0, []
    lines = [json.loads(line) for line in open(path)]
    for line in lines:
        try:
            module = loaded(line["source"], torch.tensor(line["memory"]).reshape(3, 4))
            for call in line["calls"]:
                v, m = module(torch.tensor(call["x"]).reshape(3, 4), torch.tensor(call["y"]))
                found = {"v": flat(v), "m": flat(m), "memory": flat(module.memory)}
                if any(found[key] != [each + 0.0 for each in call[key]] for key in found):
                    different += 1
                    print(f"program {line['seed']}: {found} there")
        except RuntimeError as error:
            refused.append(f"program {line['seed']}: {[each for each in str(error).splitlines() if each.strip()][:3]}")
    print(f"{len(lines)} programs, {different} calls different, {len(refused)} refused by PyTorch {torch.__version__}")
    print("\n".join(refused[:20]))


def method(expression, before):
    lines = [*before, f"return {expression}"]
    body = "\n".join(f"    {line}" for line in lines)
    return f"class M(Module):\n  __parameters__ = []\n  __buffers__ = [\"memory\", ]\n  memory : Tensor\n  def forward(self: __torch__.M,\n    x: Tensor,\n    y: Tensor) -> Tensor:\n{body}\n"


# Expressions of x = [7, -7] and y = [2, 2], with statements before them, and the versions around which their meaning changed.
OLDER = [
    ("torch.div(x, y)", (), (3, 4)),
    ("torch.div(x, 2)", (), (3, 4)),
    ("torch.div(x, 2.)", (), (3, 4)),
    ("torch.div_(x, 2)", (), (3,)),
    ("torch.div_(x, y)", (), (3,)),
    ("torch.div(torch.to(x, 6), y)", (), (3, 4)),
    ("torch.div(torch.to(x, 6), 2)", (), (3, 4)),
    ("z", ("z = torch.zeros([2], dtype=6)", "_0 = torch.div(x, y, out=z)"), (3, 4)),
    ('torch.div(x, y, rounding_mode="floor")', (), (4,)),
    ("torch.full([2], 3)", (), (4, 5)),
    ("torch.full([2], True)", (), (4, 5)),
    ("torch.full([2], 3.)", (), (4, 5)),
    ("torch.full([2], 3, dtype=4)", (), (4, 5)),
    ("torch.linspace(0, 1, None)", (), (7,)),
    ("torch.linspace(0, 1)", (), (7,)),
    ("torch.linspace(0, 1, 3)", (), (7, 8)),
    ("torch.logspace(0, 1, None)", (), (8,)),
    ("torch.logspace(0, 1, 3)", (), (8, 9)),
    # A bool for a number is an int.
    ("torch.add(torch.gt(x, y), True)", (), (10,)),
    ("torch.where(torch.gt(x, y), True, False)", (), (10,)),
    ("torch.full_like(torch.gt(x, y), True)", (), (10,)),
    ("torch.full([2], bool(torch.select(x, 0, 0)))", (), (10,)),
    ("torch.gelu(torch.to(x, 6))", (), (9, 10)),
]


def write_older(path):
    x, y = torch.tensor([7, -7]), torch.tensor([2, 2])
    with open(path, "w") as file:
        for expression, before, versions in OLDER:
            for version in versions:
                try:
                    found = loaded(method(expression, before), torch.zeros(1), version)(x.clone(), y)
                except RuntimeError as error:
                    print(f"version {version} of {expression}: {[each for each in str(error).splitlines() if each.strip()][:2]}")
                    continue
                result = {"tensor": SHORT[found.dtype], "shape": list(found.shape), "data": [number(each) for each in found.flatten().numpy()]}
                line = {"expression": expression, "before": before, "version": version, "gives": result}
                file.write(json.dumps(line, separators=(",", ":")) + "\n")


same_programs(sys.argv[1])
write_older(sys.argv[2])
