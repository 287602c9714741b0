"""The data sets of `load` read by Python's csv module, NumPy and pandas, for `make bench`.

    loaders.py versions     a line a data set and loader that there is: "csv pandas 2.2.0"
    loaders.py SETS         SETS holds what `load` reads; answers lines "NAME LOADER
                            SECONDS" on standard input as `load` does, by rows a second
                            and the sum of all numbers

Each makes of a file what a training needs: its numbers in single precision, in memory.
"""
import array
import csv
import gzip
import platform
import sys
import time


def csv_csv(path):
    values = array.array("f")
    with open(path, newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for row in rows:
            values.extend(map(float, row))
    return [values]


def csv_numpy(path):
    import numpy

    return [numpy.loadtxt(path, dtype=numpy.float32, delimiter=",", skiprows=1)]


def csv_pandas(path):
    import pandas

    return [pandas.read_csv(path, dtype="float32").to_numpy()]


def idx_numpy(*paths):
    import numpy

    arrays = []
    for path in paths:
        with gzip.open(path) as file:
            data = file.read()
        shape = numpy.frombuffer(data, ">u4", data[3], offset=4)
        values = numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * data[3])
        arrays.append(values.reshape(shape).astype(numpy.float32))
    return arrays


LOADERS = {
    ("csv", "csv"): csv_csv,
    ("csv", "numpy"): csv_numpy,
    ("csv", "pandas"): csv_pandas,
    ("idx", "numpy"): idx_numpy,
}


def total(values):
    return sum(values) if isinstance(values, array.array) else float(values.sum(dtype="float64"))


def measure(load, n_rows, paths, seconds):
    elapsed = n = 0
    while not n or elapsed < seconds:
        before = time.perf_counter()
        arrays = load(*paths)
        elapsed += time.perf_counter() - before
        n += 1
    return n * n_rows / elapsed, sum(map(total, arrays))


def main():
    if sys.argv[1] == "versions":
        for name, loader in LOADERS:
            try:
                module = __import__(loader)
                print(name, loader, platform.python_version() if loader == "csv" else module.__version__)
            except Exception:  # absent, or broken: its rows are left out
                pass
        return
    with open(sys.argv[1]) as file:
        sets = {name: (int(rows), paths) for name, rows, *paths in map(str.split, file)}
    for line in sys.stdin:
        name, loader, seconds = line.split()
        rate, sum_of_all = measure(LOADERS[name, loader], *sets[name], float(seconds))
        print(f"{rate:.6g} {sum_of_all:.12g}", flush=True)


main()
