"""Reads weights from a PyTorch file in the format before 1.6, without PyTorch and without running its code.

Such a file is five pickles (magic number, protocol, system, the dict of tensors, the storages' names), then
each storage: its length as int64 and its numbers. A pickle may name any function of any module; only the four
names that a dict of float or int64 tensors needs are allowed.
"""

import collections
import pickle
from pathlib import Path
from typing import NamedTuple

import numpy as np

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C


class TorchFileError(ValueError):
    """The file does not hold weights, or holds more than weights. The message says what is wrong."""


class _Tensor(NamedTuple):
    """A view of a storage: what the pickle says about a tensor."""

    storage: tuple
    offset: int
    size: tuple
    stride: tuple


# (module, name) in the pickle: what replaces it here.
_ALLOWED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, size, stride, *_: _Tensor(
        storage, offset, tuple(size), tuple(stride)
    ),
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows four names, and storages by their key."""

    def find_class(self, module, name):
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise TorchFileError(f"names {module}.{name}, which weights do not need") from None

    def persistent_load(self, saved_id):
        # ("storage", type, key, device, numbers in it, view)
        kind, dtype, key, _, count, *_ = saved_id
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise TorchFileError(f"holds {saved_id!r} where a storage is expected")
        return key, dtype, count


def read_torch_weights(path) -> dict:
    """Returns the tensors of a file written by `torch.save(model.state_dict())` before PyTorch 1.6.

    Args:
        path: the file.

    Returns:
        Dict of str -> float32 or int64 array, in the file's order.

    Raises:
        TorchFileError: the file is not such a file, is cut off, or names anything but tensors.
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        try:
            if _Unpickler(file).load() != MAGIC_NUMBER:
                raise TorchFileError("does not begin with the magic number of a PyTorch file")
            _Unpickler(file).load()  # protocol
            _Unpickler(file).load()  # the system it was made on
            tensors = _Unpickler(file).load()
            storages = dict.fromkeys(_Unpickler(file).load())
            if not isinstance(tensors, dict) or not all(isinstance(t, _Tensor) for t in tensors.values()):
                raise TorchFileError("holds something other than a dict of tensors")
            types = {key: dtype for key, dtype, _ in (t.storage for t in tensors.values())}
            for key in storages:
                storages[key] = _read_storage(file, types[key])
            return {name: _view(tensor, storages) for name, tensor in tensors.items()}
        # A damaged pickle may raise anything.
        except OSError:
            raise
        except Exception as error:
            raise TorchFileError(f"{path}: not a file of PyTorch weights: it {_said(error)}") from error


def _said(error):
    if isinstance(error, TorchFileError):
        return str(error)
    return f"cannot be read ({type(error).__name__}: {error})"


def _read_storage(file, dtype):
    """Reads one storage: its length, then its numbers."""
    count = int(np.frombuffer(_exactly(file, 8), "<i8")[0])
    if count < 0:
        raise TorchFileError(f"says that a storage has {count} numbers")
    return np.frombuffer(_exactly(file, count * dtype.itemsize), dtype)


def _exactly(file, size):
    data = file.read(size)
    if len(data) < size:
        raise TorchFileError("is cut off")
    return data


def _view(tensor, storages):
    """A tensor's numbers, contiguous; a view that extends beyond its storage is refused."""
    numbers = storages[tensor.storage[0]]
    last = tensor.offset + sum((side - 1) * step for side, step in zip(tensor.size, tensor.stride))
    inside = min((tensor.offset, *tensor.size, *tensor.stride)) >= 0 and last < len(numbers)
    if len(tensor.size) != len(tensor.stride) or not inside:
        raise TorchFileError(f"holds a tensor of size {tensor.size} that leaves its storage")
    steps = [step * numbers.itemsize for step in tensor.stride]
    view = np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.size, steps, writeable=False)
    return np.ascontiguousarray(view).reshape(tensor.size)
