"""Writes tests/golden/npy: arrays as numpy.save stores them, and expected.json
with what single precision makes of them (null: nan).

    python3 tests/golden/make_npy.py      from the repository root; needs numpy

Made with numpy 2.4.6, whose version stands in expected.json. The files that
cannot be read as numbers have no entry there: tests/unit/test_npy.c says what
each is refused with.
"""
import gzip
import json
import os
import warnings

import numpy as np
from numpy.lib import format as npy

FOLDER = "tests/golden/npy"
expected = {"numpy": np.__version__, "files": {}}


def path(name):
    return os.path.join(FOLDER, name + ".npy")


def expect(name, array):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = array.astype(np.float32).reshape(array.shape[0], -1)
    assert not np.isinf(values).any(), name
    expected["files"][name] = {
        "rows": values.shape[0],
        "columns": values.shape[1],
        "values": [None if np.isnan(v) else float(v) for v in values.ravel()],
    }


def save(name, array):
    np.save(path(name), array)
    expect(name, array)


def save_as(name, array, descr):
    """The same bytes under another spelling of their type."""
    np.save(path(name), array)
    with open(path(name), "rb") as file:
        data = file.read()
    old = ("'" + array.dtype.str + "'").encode()
    assert data.count(old) == 1 and len(old) == len(descr) + 2
    with open(path(name), "wb") as file:
        file.write(data.replace(old, b"'" + descr + b"'"))
    expect(name, array)


def save_version(name, array, version):
    with open(path(name), "wb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        npy.write_array(file, array, version)
    expect(name, array)


def samples(kind, order):
    """Three rows of two: small ones, and the ends of the type."""
    dtype = np.dtype(order + kind)
    if kind == "b1":
        return np.array([[0, 1], [1, 1], [1, 0]], dtype)
    if dtype.kind in "iu":
        ends = np.iinfo(dtype)
        return np.array([[0, 1], [2, ends.max // 3], [ends.min, ends.max]], dtype)
    if kind == "f8":  # beyond single precision's digits, not its range
        return np.array([[0.1, -1 / 3], [np.nan, 1e-300], [3.4028235e38, 16777217.0]], dtype)
    ends = np.finfo(dtype)
    return np.array([[0.5, -1 / 3], [np.nan, ends.smallest_subnormal], [ends.max, ends.min]], dtype)


os.makedirs(FOLDER, exist_ok=True)
for kind in ["b1", "i1", "u1"]:
    save(kind, samples(kind, "|"))
for kind in ["i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8"]:
    save(kind + "_little", samples(kind, "<"))
    save(kind + "_big", samples(kind, ">"))
save_as("i4_native", samples("i4", "<"), b"=i4")
save_as("f8_any", samples("f8", "<"), b"|f8")

save("one_dimension", np.arange(5, dtype="<i4"))
save("one_row", np.arange(3, dtype="<f4").reshape(1, 3))
save("three_dimensions", np.arange(24, dtype="<i2").reshape(4, 3, 2))
save("fortran_two_dimensions", np.asfortranarray(np.arange(6, dtype="<f8").reshape(3, 2)))
save("fortran_three_dimensions", np.asfortranarray(np.arange(24, dtype=">i4").reshape(4, 3, 2)))
save("fortran_four_dimensions", np.asfortranarray(np.arange(120, dtype="u1").reshape(2, 3, 4, 5)))
save("fortran_many_rows", np.asfortranarray(np.arange(1300, dtype="<u2").reshape(130, 5, 2)))
with open(path("fortran_three_dimensions"), "rb") as file, open(path("compressed") + ".gz", "wb") as out:
    out.write(gzip.compress(file.read(), mtime=0))
save_version("version_2", samples("f4", "<"), (2, 0))
save_version("version_3", samples("f4", "<"), (3, 0))

refused = {
    "complex": np.array([1 + 2j]),
    "dates": np.array(["2024-01-01"], "datetime64[D]"),
    "long_double": np.array([1], np.longdouble),
    "no_columns": np.zeros((3, 0)),
    "no_dimensions": np.array(1.0),
    "no_rows": np.zeros((0, 3)),
    "object": np.array([1, "a", None], object),
    "spans": np.array([1], "timedelta64[s]"),
    "structured": np.zeros(2, [("a", "<f4"), ("b", "<i4")]),
    "text": np.array([b"abc"]),
    "unicode": np.array(["abc"]),
    "void": np.zeros(2, "V3"),
    "infinite": np.array([[1, np.inf], [-np.inf, np.nan]], "<f4"),
    "too_large": np.array([[1, 3.4028236e38], [-1e300, np.inf]], ">f8"),
    "infinite_fortran": np.asfortranarray(np.array([[[0, 0], [0, np.inf]], [[0, 0], [0, 0]]], "<f2")),
}
for name, array in refused.items():
    np.save(path("refused_" + name), array, allow_pickle=True)

with open(os.path.join(FOLDER, "expected.json"), "w") as file:
    json.dump(expected, file, indent=1)
    file.write("\n")
