"""Tensors of a safetensors file as numpy arrays, without the package of that name.

The bare install lacks it, and the format is eight bytes that give the length of a JSON header, the
header, and the raw numbers in little-endian order.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from undertone.errors import ModelFolderError

_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "I64": np.dtype("<i8")}
_LARGEST_HEADER = 2**20
_PREFIX = 8


class _Entry(Struct, frozen=True):
    """Where a tensor lies; offsets in bytes, counted from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read every tensor of a file, float32 and int64 ones alone.

    Args:
        path: the file.

    Raises:
        ModelFolderError: it cannot be read, or is not such a file.
    """
    try:
        content = path.read_bytes()
        header = int.from_bytes(content[:_PREFIX], "little")
        if len(content) < _PREFIX or header > min(_LARGEST_HEADER, len(content) - _PREFIX):
            raise ValueError("its header is longer than the file or than 1 MiB")
        body = memoryview(content)[_PREFIX + header :]
        entries = msgspec.json.decode(content[_PREFIX : _PREFIX + header], type=dict[str, Any])
        entries.pop("__metadata__", None)
        return {name: _tensor(body, name, entry) for name, entry in entries.items()}
    except OSError as error:
        raise ModelFolderError(
            f"cannot read {path}: {error.strerror}.", "Copy the whole folder again."
        ) from error
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise ModelFolderError(
            f"{path} is damaged: {error}.", "Copy the whole folder again, or train again."
        ) from error


def _tensor(body: memoryview, name: str, content: object) -> NDArray[Any]:
    entry = msgspec.convert(content, _Entry)
    if entry.dtype not in _DTYPES or any(size < 0 for size in entry.shape):
        raise ValueError(f"its tensor {name!r} is {entry.dtype} of shape {list(entry.shape)}")
    dtype = _DTYPES[entry.dtype]
    start, end = entry.data_offsets
    size = int(np.prod(entry.shape, dtype=object)) * dtype.itemsize
    if not 0 <= start <= end <= len(body) or end - start != size:
        raise ValueError(f"its tensor {name!r} does not lie where the header says")
    tensor = np.frombuffer(body[start:end], dtype).reshape(entry.shape)
    return tensor.astype(dtype.newbyteorder("="))  # a copy, aligned and in the machine's order
