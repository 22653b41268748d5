"""Answers as bytes: JSON, with the arrays beside it.

    packed = pack({"weights": np.zeros((2, 3), np.float32), "ms": 1.5})
    unpack(packed)["weights"].shape                          # (2, 3)

Without arrays it is plain JSON. With arrays:

    4 bytes   the length of the JSON that follows, little-endian
    JSON      in the place of each array {"$tensor": {"shape": [2, 3], "dtype": "float32", "offset": 0}}
    zeros     up to a multiple of 8 bytes
    data      the arrays, each at its offset, C order, little-endian, each padded to a multiple of 8 bytes
"""

import json
import math
import struct
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINARY = "application/x-orrery"
ALIGN = 8


@dataclass(frozen=True)
class Packed:
    """An answer that can be sent as it is."""

    media_type: str
    body: bytes


def pack(result: Any) -> Packed:
    """An answer as bytes, with its arrays beside its JSON."""
    arrays: list[bytes] = []
    header = json.dumps(_plain(result, arrays), ensure_ascii=False, allow_nan=False).encode()
    if not arrays:
        return Packed("application/json", header)
    padding = -(4 + len(header)) % ALIGN
    return Packed(BINARY, b"".join([struct.pack("<I", len(header)), header, bytes(padding), *arrays]))


def _plain(value: Any, arrays: list[bytes]) -> Any:
    """A value in JSON's terms; arrays are moved to `arrays`. Numbers that JSON does not know become null."""
    if isinstance(value, np.ndarray):
        offset = sum(map(len, arrays))
        data = value.astype(value.dtype.newbyteorder("<")).tobytes()
        arrays.append(data + bytes(-len(data) % ALIGN))
        return {"$tensor": {"shape": list(value.shape), "dtype": value.dtype.name, "offset": offset}}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name), arrays) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(entry, arrays) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry, arrays) for entry in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def unpack(packed: Packed) -> Any:
    """What was packed, as plain values and arrays; the inverse of `pack`, for tests and programs."""
    if packed.media_type != BINARY:
        return json.loads(packed.body)
    (length,) = struct.unpack_from("<I", packed.body)
    start = 4 + length + -(4 + length) % ALIGN

    def array(entry: dict[str, Any]) -> Any:
        if set(entry) != {"$tensor"}:
            return entry
        told = entry["$tensor"]
        flat: NDArray[Any] = np.frombuffer(
            packed.body, np.dtype(told["dtype"]), math.prod(told["shape"]), start + told["offset"]
        )
        return flat.reshape(told["shape"])

    return json.loads(packed.body[4 : 4 + length], object_hook=array)
