# Makes state-dict.pth: a file as torch.save of PyTorch 2 writes it (ZIP, pickle of protocol 2, storages by persistent identifier),
# by Python's own pickle and zipfile, with classes that only have PyTorch's names. Run by hand: python3 make-state-dict.py
import collections, io, pickle, struct, sys, types, zipfile

storages = []


def module(name):
    made = types.ModuleType(name)
    sys.modules[name] = made
    return made


torch, utils = module("torch"), module("torch._utils")
torch._utils = utils


def rebuild(*args):
    raise RuntimeError("only its name is written")


rebuild.__module__, rebuild.__qualname__, rebuild.__name__ = "torch._utils", "_rebuild_tensor_v2", "_rebuild_tensor_v2"
utils._rebuild_tensor_v2 = rebuild
kinds = {}
for name in ["FloatStorage", "DoubleStorage", "LongStorage", "BoolStorage", "HalfStorage", "BFloat16Storage"]:
    kinds[name] = type(name, (), {"__module__": "torch"})
    setattr(torch, name, kinds[name])


class Storage:
    def __init__(self, kind, form, values):
        self.kind, self.count = kind, len(values)
        self.bytes = struct.pack("<%d%s" % (len(values), form), *values)
        self.key = str(len(storages))
        storages.append(self)


class Tensor:
    def __init__(self, storage, offset, size, stride):
        self.parts = (storage, offset, size, stride, False, collections.OrderedDict())

    def __reduce_ex__(self, protocol):
        return rebuild, self.parts


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        if isinstance(value, Storage):
            return ("storage", kinds[value.kind], value.key, "cpu", value.count)
        return None


numbers = Storage("FloatStorage", "f", [0.5, 1, 1.5, 2, 2.5, 3, 3.5])
shared = {
    "weight": Tensor(numbers, 1, (2, 3), (3, 1)),
    "transposed": Tensor(numbers, 1, (3, 2), (1, 3)),
    "repeated": Tensor(numbers, 0, (2, 2), (0, 1)),
}
saved = {
    "model": collections.OrderedDict(shared),
    "epoch": 7,
    "rate": 0.25,
    "name": "walker",
    "best": True,
    "nothing": None,
    "history": [
        Tensor(Storage("LongStorage", "q", [-(2**53) - 1, 3]), 0, (2,), (1,)),
        (Tensor(Storage("BoolStorage", "?", [True, False]), 0, (2,), (1,)),),
        Tensor(Storage("DoubleStorage", "d", [0.1]), 0, (), ()),
        Tensor(Storage("HalfStorage", "e", [1.5, -2.0]), 0, (1, 2), (2, 1)),
        Tensor(Storage("BFloat16Storage", "H", [0x3F80, 0xC000]), 0, (2, 1), (1, 1)),
        Tensor(Storage("FloatStorage", "f", []), 0, (0, 4), (4, 1)),
    ],
}
pickled = io.BytesIO()
Pickler(pickled, protocol=2).dump(saved)
with zipfile.ZipFile("state-dict.pth", "w", zipfile.ZIP_STORED) as archive:

    def write(name, data, compressed=False):
        info = zipfile.ZipInfo("state-dict/" + name, (1980, 1, 1, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
        archive.writestr(info, data)

    write("data.pkl", pickled.getvalue(), True)
    write("byteorder", "little")
    for storage in storages:
        write("data/" + storage.key, storage.bytes)
    write("version", "3\n")
