"""What PyTorch and scikit-learn take for the work of `make bench-large`.

    large.py versions                      a line a peer that is installed: "torch 2.1.0"
    large.py epochs SHAPES IMAGES LABELS   answers lines "NETWORK torch SECONDS" on standard input as
                                           `epochs` does, which reads the same SHAPES, by rows a second,
                                           loss, and the setting that was fastest
    large.py train PEER EPOCHS FOLDER OUT [THREADS BLAS_THREADS FOREACH]
                                           configs/fashion-mnist.yaml from the files to the accuracy on
                                           the test rows, which goes to OUT

The rows are in memory, a batch is taken out of them by index_select. The first request of a network
tries PyTorch's settings: its threads, those of OpenBLAS, which has its own, and whether an update is
made of all tensors together.
"""
import ctypes
import gzip
import itertools
import os
import sys
import time

TRY_SECONDS = 0.2
MIN_UPDATES = 2


# ---- data ----


def idx(path):
    import numpy

    with gzip.open(path) as file:
        data = file.read()
    shape = numpy.frombuffer(data, ">u4", data[3], offset=4)
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * data[3]).reshape(shape)


def fashion(images, labels):
    """Inputs from 0 to 1 in single precision, and classes."""
    x = idx(images)
    return x.reshape(len(x), -1).astype("float32") / 255, idx(labels).astype("int64")


# ---- PyTorch ----


def set_threads(threads, blas_threads):
    import torch

    torch.set_num_threads(threads)
    try:
        ctypes.CDLL("libblas.so.3").openblas_set_num_threads(blas_threads)
    except (OSError, AttributeError):  # a PyTorch that brings its own library, which has PyTorch's threads
        pass


class Network:
    """Layers of relu as xortrain initialises them, and what trains them."""

    def __init__(self, sizes, optimizer, rate, dropout=0.0):
        import torch

        torch.manual_seed(0)
        layers = []
        for n, m in zip(sizes, sizes[1:]):
            linear = torch.nn.Linear(n, m)
            torch.nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
            torch.nn.init.zeros_(linear.bias)
            layers += [linear, torch.nn.ReLU()] + ([torch.nn.Dropout(dropout)] if dropout else [])
        while not isinstance(layers[-1], torch.nn.Linear):
            layers.pop()
        torch.nn.init.xavier_uniform_(layers[-1].weight)
        self.model = torch.nn.Sequential(*layers)
        self.initial = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
        self.rate = rate

    def reset(self, foreach):
        self.model.load_state_dict(self.initial)
        self.optimizer = self.kind(self.model.parameters(), lr=self.rate, foreach=foreach)

    def train(self, x, y, order, batch):
        """An epoch of the rows in order; their mean loss."""
        import torch

        total = torch.zeros(())
        for rows in order.split(batch):
            self.optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(self.model(x.index_select(0, rows)), y.index_select(0, rows))
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(rows)
        return float(total) / len(order)


class Shape:
    images = None

    def __init__(self, line):
        self.name, self.data, rows, batch, self.optimizer, rate, *sizes = line.split()
        self.rows, self.batch, self.rate = int(rows), int(batch), float(rate)
        self.sizes = list(map(int, sizes))

    def open(self, files):
        import torch

        if self.data == "images":
            if Shape.images is None:
                Shape.images = [torch.from_numpy(v) for v in fashion(*files)]
            self.x, self.y = [v[: self.rows] for v in Shape.images]
        else:
            self.x = torch.rand(self.rows, self.sizes[0]) * 2 - 1
            self.y = torch.randint(self.sizes[-1], (self.rows,))
        self.network = Network(self.sizes, self.optimizer, self.rate)
        # Each of the fast ones twice, in turns: one slow moment must not decide.
        rates = {}
        for setting in 2 * list(itertools.product(*[sorted({1, os.cpu_count()})] * 2, (False, True))):
            few = self.batch * MIN_UPDATES
            if setting in rates and few / rates[setting] > TRY_SECONDS:
                continue
            self.setting = setting
            seconds, _ = self.train(few)
            if seconds < TRY_SECONDS:
                few = min(self.rows, int(few * TRY_SECONDS / seconds))
                seconds, _ = self.train(few)
            rates[setting] = max(few / seconds, rates.get(setting, 0))
        self.setting = max(rates, key=rates.get)

    def train(self, n_rows):
        """Seconds of an epoch of so many rows, and its loss."""
        import torch

        *threads, foreach = self.setting
        set_threads(*threads)
        self.network.reset(foreach)
        before = time.perf_counter()
        loss = self.network.train(self.x, self.y, torch.randperm(self.rows)[:n_rows], self.batch)
        return time.perf_counter() - before, loss

    def measure(self, seconds):
        elapsed = n = 0
        while not n or elapsed < seconds:
            took, loss = self.train(self.rows)
            elapsed += took
            n += self.rows
        return n / elapsed, loss


def serve(shapes, files):
    opened = None
    for line in sys.stdin:
        name, _, seconds = line.split()
        if opened != name:
            if opened:  # one at a time: the largest take a gigabyte
                del shapes[opened].network
            shapes[name].open(files)
            opened = name
        rate, loss = shapes[name].measure(float(seconds))
        threads, blas_threads, foreach = shapes[name].setting
        print(f"{rate:.6g} {loss:.6g} {threads} {blas_threads} {foreach:d}", flush=True)


# ---- the whole of configs/fashion-mnist.yaml ----

HIDDEN = (256, 128, 100)
BATCH, RATE, END_FACTOR, DROPOUT = 128, 0.001, 0.01, 0.2
N_VALIDATION = 6000


def parts(folder):
    x, y = fashion(f"{folder}/train-images-idx3-ubyte.gz", f"{folder}/train-labels-idx1-ubyte.gz")
    test = fashion(f"{folder}/t10k-images-idx3-ubyte.gz", f"{folder}/t10k-labels-idx1-ubyte.gz")
    return (x[N_VALIDATION:], y[N_VALIDATION:]), (x[:N_VALIDATION], y[:N_VALIDATION]), test


def train_torch(epochs, folder, threads, blas_threads, foreach):
    import math

    import torch

    set_threads(threads, blas_threads)
    train, validation, test = [[torch.from_numpy(v) for v in part] for part in parts(folder)]
    network = Network((train[0].shape[1], *HIDDEN, 10), "adam", RATE, DROPOUT)
    network.reset(bool(foreach))

    def accuracy(x, y):
        network.model.eval()
        with torch.no_grad():
            right = (network.model(x).argmax(1) == y).float().mean()
        network.model.train()
        return float(right)

    for epoch in range(epochs):
        share = 0.5 + 0.5 * math.cos(math.pi * epoch / epochs)
        for group in network.optimizer.param_groups:
            group["lr"] = RATE * (END_FACTOR + (1 - END_FACTOR) * share)
        network.train(*train, torch.randperm(len(train[0])), BATCH)
        accuracy(*validation)
    return accuracy(*test)


def train_sklearn(epochs, folder, *_):
    """It has no dropout, and without early stopping, which holds back rows, no validation."""
    import warnings

    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")  # that ten epochs are few
    train, _, test = parts(folder)
    model = MLPClassifier(
        HIDDEN, solver="adam", alpha=0, batch_size=BATCH, learning_rate_init=RATE, max_iter=epochs, shuffle=True,
        random_state=0, tol=0, early_stopping=False, n_iter_no_change=epochs + 1,
    )
    model.fit(*train)
    if model.n_iter_ != epochs:
        sys.exit(f"large.py: scikit-learn trained {model.n_iter_} epochs of {epochs}")
    return model.score(*test)


TRAIN = {"torch": train_torch, "sklearn": train_sklearn}


def main():
    command, *args = sys.argv[1:]
    if command == "versions":
        for peer in TRAIN:
            try:
                print(peer, __import__(peer).__version__)
            except Exception:  # absent, or broken: its rows are left out
                pass
    elif command == "epochs":
        with open(args[0]) as file:
            shapes = {shape.name: shape for shape in map(Shape, file)}
        serve(shapes, args[1:])
    else:
        peer, epochs, folder, out, *setting = args
        accuracy = TRAIN[peer](int(epochs), folder, *map(int, setting))
        with open(out, "w") as file:
            print(f"{accuracy:.4f}", file=file)


main()
