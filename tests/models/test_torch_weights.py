"""Reading PyTorch's old weight files: the right numbers, and nothing that the file names is run."""

import collections
import io
import pickle
import struct

import numpy as np
import pytest

from tf_gradsr.models.torch_weights import MAGIC_NUMBER, TorchFileError, read_torch_weights


class Named:
    """Pickles as a call of any function of any module."""

    def __init__(self, module, name, *arguments):
        self.module, self.name, self.arguments = module, name, arguments


class Writer(pickle._Pickler):
    """A pickler in Python that writes `Named` as the name it holds, and storages by their key."""

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Named):
            self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())
            if value.arguments:
                super().save(value.arguments)
                self.write(pickle.REDUCE)
            return
        super().save(value, save_persistent_id)

    def persistent_id(self, value):
        return value.id if isinstance(value, Storage) else None


class Storage:
    """Numbers by a key."""

    def __init__(self, key, kind, count):
        self.id = ("storage", Named("torch", kind), key, "cpu", count, None)


def dumped(*values):
    file = io.BytesIO()
    for value in values:
        Writer(file, protocol=2).dump(value)
    return file.getvalue()


def tensor(storage, offset, size, stride):
    return Named("torch._utils", "_rebuild_tensor_v2", storage, offset, size, stride, False, {})


def torch_file(tensors, storages, magic=MAGIC_NUMBER):
    """The bytes of a file of tensors; storages are {key: array}."""
    head = dumped(magic, 1001, {"little_endian": True}, tensors, list(storages))
    return head + b"".join(struct.pack("<q", a.size) + a.tobytes() for a in storages.values())


@pytest.fixture
def numbers(rng):
    return {"0": rng.normal(size=24).astype("<f4"), "1": np.arange(3, dtype="<i8")}


def good_file(numbers, **replaced):
    storage = Storage("0", "FloatStorage", 24)
    tensors = {
        "weight": tensor(storage, 0, (2, 3, 4), (12, 4, 1)),
        "transposed": tensor(storage, 4, (4, 5), (1, 4)),
        "steps": tensor(Storage("1", "LongStorage", 3), 1, (), ()),
        **replaced,
    }
    return torch_file(collections.OrderedDict(tensors), numbers)


def test_tensors_are_read_with_their_strides(numbers, tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(good_file(numbers))
    read = read_torch_weights(path)
    assert list(read) == ["weight", "transposed", "steps"]
    np.testing.assert_array_equal(read["weight"], numbers["0"].reshape(2, 3, 4))
    np.testing.assert_array_equal(read["transposed"], numbers["0"][4:].reshape(5, 4).T)
    assert read["steps"] == 1 and read["steps"].dtype == np.int64


@pytest.mark.parametrize(
    "name", [("os", "system"), ("builtins", "eval"), ("torch", "load"), ("numpy", "load")]
)
def test_a_hostile_file_is_refused_and_not_run(numbers, tmp_path, name):
    ran = tmp_path / "ran"
    path = tmp_path / "weights.pth"
    path.write_bytes(good_file(numbers, evil=Named(*name, f"touch {ran}")))
    with pytest.raises(TorchFileError, match=r"names " + r"\.".join(name)):
        read_torch_weights(path)
    assert not ran.exists()


@pytest.mark.parametrize(
    "view", [(0, (25,), (1,)), (20, (2, 3), (3, 1)), (-1, (2,), (1,)), (4, (3,), (-2,)), (0, (2, 2), (1,))]
)
def test_a_view_that_leaves_its_storage_is_refused(numbers, tmp_path, view):
    path = tmp_path / "weights.pth"
    path.write_bytes(good_file(numbers, outside=tensor(Storage("0", "FloatStorage", 24), *view)))
    with pytest.raises(TorchFileError, match="leaves its storage"):
        read_torch_weights(path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: data[:-5], "cut off"),
        (lambda data: data[:40], "cannot be read"),
        (lambda data: b"", "cannot be read"),
        (lambda data: b"PK\x03\x04" + data, "cannot be read"),
        (lambda data: dumped(7) + data, "magic number"),
        (lambda data: dumped(MAGIC_NUMBER, 1001, {}, [1, 2], []), "dict of tensors"),
    ],
)
def test_a_damaged_file_is_named(numbers, tmp_path, spoil, said):
    path = tmp_path / "weights.pth"
    path.write_bytes(spoil(good_file(numbers)))
    with pytest.raises(TorchFileError, match=f"weights.pth.*{said}"):
        read_torch_weights(path)
