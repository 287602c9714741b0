#!/usr/bin/env python3
"""Writes tests/golden/torch.json: what PyTorch computes, for
tests/unit/test_torch.c.

Made with Python 3.11, torch==2.15.0 (on the host) and numpy==2.4.6. Not needed
to build or test. Everything is computed in double precision from numbers that
single precision holds, so that what is compared with has no rounding of its
own. Parameters have xortrain's names; those that are missing are defaults.

{
 "torch": version,
 "activations": [{"type", PARAMETER.., "z": [15], "a": [15], "slope": [15]: da/dz}],
 "softmax": {"z": [15], "a": [15]} of one row,
 "losses": [{"what", "loss": {"type", PARAMETER.., "label_smoothing", "class_weights": [k]}, "rows", "outputs",
     "z": [rows * outputs]: before the sigmoid or softmax of a loss that has one, "targets": likewise,
     "value", "gradient": [rows * outputs]: by z}],
 "optimizer_net": {"start": [26], "inputs": [8 * 3], "targets": [8 * 2]}: 3-4-2, tanh, then linear; mse of all rows,
 "optimizers": [{"what", "optimizer": {"type", PARAMETER..}, "clip_norm", "clip_value", "l1", "l2",
     "steps": [8][26]: parameters after each update}],
 "schedules": [{"what", "schedule": {"type", PARAMETER.., "milestones": []}, "updates": of an epoch,
     "factors": [40] of the epochs, or of the updates where the schedule's unit is step}],
 "plateaus": [{"type", "schedule": {..}, "gain", "values": [], "factors": []: after each value}],
 "trainings": [{"what", "inputs_of_a_row", "units": [..], "activations": [..], "loss": {..}, "optimizer": {..},
     "schedule": {..}, "batch_size", "epochs", "inputs": [], "targets": [], "start": [], "losses": [epochs]: running,
     "end": []}]
}

Parameters lie as in a model file: layer after layer, weight (units, inputs)
row-major, then bias. log_cosh, hinge, polynomial with an end factor and
inverse_time have no counterpart in PyTorch and are written out here.
"""
import json
import pathlib
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler as sched

torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(7)


def drawn(*shape, scale=1.0):
    """Normal numbers with few digits in single precision."""
    return np.round(scale * rng.normal(size=shape) * 64) / 64


def floats(values, digits=9):
    values = values.detach().numpy() if isinstance(values, torch.Tensor) else np.asarray(values, float)
    return [float(f"%.{digits}g" % v) for v in values.ravel()]


# ---- activations ----

POINTS = [-8, -3.5, -3, -2, -1, -0.5, -0.125, 0, 0.125, 0.5, 1, 2, 3, 6, 8]
ACTIVATIONS = [
    ({"type": "linear"}, lambda z: z * 1),
    ({"type": "relu"}, F.relu),
    ({"type": "leaky_relu"}, F.leaky_relu),
    ({"type": "leaky_relu", "alpha": 0.25}, lambda z: F.leaky_relu(z, 0.25)),
    ({"type": "elu"}, F.elu),
    ({"type": "elu", "alpha": 0.5}, lambda z: F.elu(z, 0.5)),
    ({"type": "selu"}, F.selu),
    ({"type": "gelu"}, F.gelu),
    ({"type": "gelu_tanh"}, lambda z: F.gelu(z, approximate="tanh")),
    ({"type": "silu"}, F.silu),
    ({"type": "sigmoid"}, torch.sigmoid),
    ({"type": "tanh"}, torch.tanh),
    ({"type": "softplus"}, lambda z: F.softplus(z, threshold=1000)),
    ({"type": "softsign"}, F.softsign),
    ({"type": "hard_sigmoid"}, F.hardsigmoid),
    ({"type": "hard_tanh"}, F.hardtanh),
    ({"type": "relu6"}, F.relu6),
    ({"type": "mish"}, F.mish),
]


def activations():
    for row, function in ACTIVATIONS:
        z = torch.tensor(POINTS, requires_grad=True)
        a = function(z)
        a.sum().backward()
        yield {**row, "z": floats(z), "a": floats(a), "slope": floats(z.grad)}


# ---- losses: values of outputs z and targets y ----


def log_cosh(z, y):
    d = (z - y).abs()
    return (d + torch.log1p(torch.exp(-2 * d)) - np.log(2)).mean()


def hinge(z, y):
    side = torch.where(y > 0, 1.0, -1.0)
    return torch.clamp(1 - side * z, min=0).mean()


def binary(z, y, weights=None, smoothing=0.0):
    soft = (1 - smoothing) * y + smoothing / 2
    if weights is None:
        return F.binary_cross_entropy_with_logits(z, soft)
    row = torch.tensor(weights)[(y[:, 0] > 0.5).long()][:, None]
    return F.binary_cross_entropy_with_logits(z, soft, weight=row, reduction="sum") / row.sum()


def classes(z, y, weights=None, smoothing=0.0):
    weights = None if weights is None else torch.tensor(weights)
    return F.cross_entropy(z, y.argmax(dim=1), weight=weights, label_smoothing=smoothing)


def losses():
    z, y = 2 * drawn(5, 3), drawn(5, 3)
    one, bits = 3 * drawn(6, 1), np.array([[0], [1], [1], [0], [1], [0]], float)
    one_hot = np.eye(3)[[0, 2, 1, 1, 0]]
    shares = np.array([[0.5, 0.25, 0.25], [0, 1, 0], [0.125, 0.125, 0.75], [0.5, 0.5, 0], [0.25, 0, 0.75]])
    far = np.array([[80, -90, 3], [-200, 100, 100], [0, 0, 0], [30, 31, -1], [-50, -49, -48]], float)
    weights, two = [0.5, 2.0, 1.25], [0.75, 2.5]
    cases = [
        ("mse", {"type": "mse"}, z, y, F.mse_loss),
        ("mae", {"type": "mae"}, z, y, F.l1_loss),
        ("huber", {"type": "huber"}, z, y, F.huber_loss),
        ("huber, delta", {"type": "huber", "delta": 0.25}, z, y, lambda a, b: F.huber_loss(a, b, delta=0.25)),
        ("log_cosh", {"type": "log_cosh"}, z, y, log_cosh),
        ("hinge", {"type": "hinge"}, one, 2 * bits - 1, hinge),
        ("hinge, targets 0 and 1, several outputs", {"type": "hinge"}, z, one_hot, hinge),
        ("binary_cross_entropy", {"type": "binary_cross_entropy"}, one, bits, binary),
        ("binary_cross_entropy, several outputs", {"type": "binary_cross_entropy"}, z, one_hot, binary),
        ("binary_cross_entropy, far out", {"type": "binary_cross_entropy"}, far, one_hot, binary),
        ("binary_cross_entropy, label_smoothing", {"type": "binary_cross_entropy", "label_smoothing": 0.125}, one, bits,
         lambda a, b: binary(a, b, None, 0.125)),
        ("binary_cross_entropy, class_weights", {"type": "binary_cross_entropy", "class_weights": two}, one, bits,
         lambda a, b: binary(a, b, two)),
        ("binary_cross_entropy, both",
         {"type": "binary_cross_entropy", "class_weights": two, "label_smoothing": 0.125}, one, bits,
         lambda a, b: binary(a, b, two, 0.125)),
        ("cross_entropy", {"type": "cross_entropy"}, z, one_hot, classes),
        ("cross_entropy, far out", {"type": "cross_entropy"}, far, one_hot, classes),
        ("cross_entropy, shares of classes", {"type": "cross_entropy"}, z, shares, F.cross_entropy),
        ("cross_entropy, shares and label_smoothing", {"type": "cross_entropy", "label_smoothing": 0.125}, z, shares,
         lambda a, b: F.cross_entropy(a, b, label_smoothing=0.125)),
        ("cross_entropy, label_smoothing", {"type": "cross_entropy", "label_smoothing": 0.125}, z, one_hot,
         lambda a, b: classes(a, b, None, 0.125)),
        ("cross_entropy, class_weights", {"type": "cross_entropy", "class_weights": weights}, z, one_hot,
         lambda a, b: classes(a, b, weights)),
        ("cross_entropy, both", {"type": "cross_entropy", "class_weights": weights, "label_smoothing": 0.125}, z,
         one_hot, lambda a, b: classes(a, b, weights, 0.125)),
    ]
    for what, loss, z, y, function in cases:
        at = torch.tensor(z, requires_grad=True)
        value = function(at, torch.tensor(y))
        value.backward()
        yield {"what": what, "loss": loss, "rows": len(z), "outputs": z.shape[1], "z": floats(z), "targets": floats(y),
               "value": floats(value)[0], "gradient": floats(at.grad)}


# ---- networks ----


class Net(nn.Module):
    def __init__(self, inputs, units, functions, start):
        super().__init__()
        self.layers = nn.ModuleList()
        self.functions = functions
        at = 0
        for n in units:
            layer = nn.Linear(inputs, n)
            with torch.no_grad():
                layer.weight.copy_(torch.tensor(start[at:at + n * inputs]).reshape(n, inputs))
                layer.bias.copy_(torch.tensor(start[at + n * inputs:at + n * inputs + n]))
            at += n * inputs + n
            inputs = n
            self.layers.append(layer)
        assert at == len(start)

    def forward(self, x):
        for layer, function in zip(self.layers, self.functions):
            x = function(layer(x))
        return x

    def flat(self):
        return torch.cat([p.ravel() for layer in self.layers for p in (layer.weight, layer.bias)])


def start_of(inputs, units, scale=1.0):
    flat = []
    for n in units:
        flat += [drawn(n * inputs, scale=scale / np.sqrt(inputs)), drawn(n, scale=0.25)]
        inputs = n
    return np.concatenate(flat)


def plain(z):
    return z


NAMES = {"learning_rate": "lr", "epsilon": "eps"}


def optimizer_of(row, params):
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW,
             "rmsprop": torch.optim.RMSprop, "adagrad": torch.optim.Adagrad}
    given = {NAMES.get(k, k): v for k, v in row.items() if k not in ("type", "beta1", "beta2")}
    if "beta1" in row:
        given["betas"] = (row["beta1"], row["beta2"])
    return kinds[row["type"]](params, **given)


# PyTorch's defaults, and single precision for what it does not hold exactly.
OPTIMIZERS = [
    ("sgd", {"type": "sgd", "learning_rate": 0.125}, {}),
    ("sgd, momentum", {"type": "sgd", "learning_rate": 0.125, "momentum": 0.875}, {}),
    ("sgd, nesterov", {"type": "sgd", "learning_rate": 0.125, "momentum": 0.875, "nesterov": True}, {}),
    ("sgd, weight_decay", {"type": "sgd", "learning_rate": 0.125, "weight_decay": 0.0625}, {}),
    ("sgd, all", {"type": "sgd", "learning_rate": 0.125, "momentum": 0.875, "nesterov": True, "weight_decay": 0.0625}, {}),
    ("adam, defaults", {"type": "adam"}, {}),
    ("adam", {"type": "adam", "learning_rate": 0.0625, "beta1": 0.75, "beta2": 0.9375, "epsilon": 0.0009765625}, {}),
    ("adam, weight_decay", {"type": "adam", "learning_rate": 0.0625, "weight_decay": 0.0625}, {}),
    ("adamw, defaults", {"type": "adamw"}, {}),
    ("adamw, weight_decay", {"type": "adamw", "learning_rate": 0.0625, "weight_decay": 0.25}, {}),
    ("rmsprop, defaults", {"type": "rmsprop"}, {}),
    ("rmsprop, momentum", {"type": "rmsprop", "learning_rate": 0.0078125, "alpha": 0.875, "momentum": 0.75}, {}),
    ("rmsprop, weight_decay", {"type": "rmsprop", "learning_rate": 0.0078125, "alpha": 0.875, "weight_decay": 0.0625}, {}),
    ("adagrad, defaults", {"type": "adagrad"}, {}),
    ("adagrad, weight_decay", {"type": "adagrad", "learning_rate": 0.0625, "weight_decay": 0.0625}, {}),
    ("clip_norm", {"type": "sgd", "learning_rate": 0.125}, {"clip_norm": 0.5}),
    ("clip_norm, not reached", {"type": "sgd", "learning_rate": 0.125}, {"clip_norm": 64.0}),
    ("clip_value", {"type": "sgd", "learning_rate": 0.125}, {"clip_value": 0.125}),
    ("l2", {"type": "sgd", "learning_rate": 0.125}, {"l2": 0.0625}),
    ("l1", {"type": "sgd", "learning_rate": 0.125}, {"l1": 0.03125}),
    ("clip_norm, momentum, l1 and l2", {"type": "sgd", "learning_rate": 0.125, "momentum": 0.5},
     {"clip_norm": 0.5, "l1": 0.03125, "l2": 0.0625}),
]


def prepare(net, extras):
    """Clipping, then the penalties on weights."""
    if "clip_norm" in extras:
        nn.utils.clip_grad_norm_(net.parameters(), extras["clip_norm"])
    if "clip_value" in extras:
        nn.utils.clip_grad_value_(net.parameters(), extras["clip_value"])
    for layer in net.layers:
        weight = layer.weight.detach()
        layer.weight.grad += extras.get("l2", 0) * weight + extras.get("l1", 0) * torch.sign(weight)


def optimizers():
    start, x, y = start_of(3, [4, 2]), drawn(8, 3), drawn(8, 2)
    common = {"start": floats(start), "inputs": floats(x), "targets": floats(y)}
    rows = []
    for what, row, extras in OPTIMIZERS:
        net = Net(3, [4, 2], [torch.tanh, plain], start)
        optimizer = optimizer_of(row, net.parameters())
        steps = []
        for _ in range(8):
            optimizer.zero_grad()
            F.mse_loss(net(torch.tensor(x)), torch.tensor(y)).backward()
            prepare(net, extras)
            optimizer.step()
            steps.append(floats(net.flat()))
        rows.append({"what": what, "optimizer": row, **extras, "steps": steps})
    return common, rows


# ---- schedules ----

EPOCHS = 40


def formula(function):
    return lambda o: sched.LambdaLR(o, function)


SCHEDULES = [
    ({"type": "constant"}, formula(lambda t: 1.0), {}),
    ({"type": "step", "size": 7, "gamma": 0.5}, lambda o: sched.StepLR(o, 7, 0.5), {}),
    ({"type": "multistep", "milestones": [5, 20, 21], "gamma": 0.25},
     lambda o: sched.MultiStepLR(o, [5, 20, 21], 0.25), {}),
    ({"type": "exponential", "gamma": 0.9375}, lambda o: sched.ExponentialLR(o, 0.9375), {}),
    ({"type": "linear", "end_factor": 0.25}, lambda o: sched.LinearLR(o, 1, 0.25, EPOCHS), {}),
    ({"type": "linear", "end_factor": 0.125, "over": 15}, lambda o: sched.LinearLR(o, 1, 0.125, 15), {}),
    ({"type": "polynomial", "power": 2}, lambda o: sched.PolynomialLR(o, EPOCHS, 2), {}),
    ({"type": "polynomial", "power": 0.5, "over": 25}, lambda o: sched.PolynomialLR(o, 25, 0.5), {}),
    ({"type": "polynomial", "power": 3, "end_factor": 0.25, "over": 25},
     formula(lambda t: 0.25 + 0.75 * (1 - min(t, 25) / 25) ** 3), {}),
    ({"type": "cosine"}, lambda o: sched.CosineAnnealingLR(o, EPOCHS), {}),
    ({"type": "cosine", "end_factor": 0.125, "over": 30}, lambda o: sched.CosineAnnealingLR(o, 30, 0.125), {"hold": 30}),
    ({"type": "cosine", "warmup": 6},
     lambda o: sched.SequentialLR(o, [sched.LinearLR(o, 1 / 7, 1, 6), sched.CosineAnnealingLR(o, EPOCHS - 6)], [6]), {}),
    ({"type": "cosine_restarts", "first": 9}, lambda o: sched.CosineAnnealingWarmRestarts(o, 9), {}),
    ({"type": "cosine_restarts", "first": 5, "multiplier": 2}, lambda o: sched.CosineAnnealingWarmRestarts(o, 5, 2), {}),
    ({"type": "one_cycle"}, lambda o: sched.OneCycleLR(o, 1, EPOCHS, cycle_momentum=False), {}),
    ({"type": "one_cycle", "peak": 0.625, "div_factor": 8, "final_div_factor": 64, "over": 32},
     lambda o: sched.OneCycleLR(o, 1, 32, pct_start=0.625, div_factor=8, final_div_factor=64, cycle_momentum=False),
     {"hold": 31}),
    ({"type": "inverse_time", "rate": 0.125}, formula(lambda t: 1 / (1 + 0.125 * t)), {}),
    ({"type": "step", "size": 7, "gamma": 0.5, "warmup": 4},
     lambda o: sched.SequentialLR(o, [sched.LinearLR(o, 1 / 5, 1, 4), sched.StepLR(o, 7, 0.5)], [4]), {}),
    ({"type": "exponential", "gamma": 0.9375, "unit": "step"}, lambda o: sched.ExponentialLR(o, 0.9375), {}),
    ({"type": "linear", "unit": "step"}, lambda o: sched.LinearLR(o, 1, 0, 3 * EPOCHS), {}),
]


def one_rate():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)


def schedules():
    for row, make, extras in SCHEDULES:
        optimizer = one_rate()
        schedule = make(optimizer)
        factors = []
        for t in range(EPOCHS):
            factors.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if t < extras.get("hold", EPOCHS):
                schedule.step()
        what = ", ".join(f"{v}" if k == "type" else f"{k} {v}" for k, v in row.items())
        yield {"what": what, "schedule": row, "updates": 3, "factors": floats(factors)}


def plateaus():
    falling = np.round((np.exp(-np.arange(60) / 6) + 0.02 * rng.normal(size=60)) * 64) / 64
    for row, gain in (({"type": "plateau", "factor": 0.5, "patience": 2, "min_delta": 0.03125, "cooldown": 0}, False),
                      ({"type": "plateau", "factor": 0.25, "patience": 3, "min_delta": 0.0, "cooldown": 4}, False),
                      ({"type": "plateau", "factor": 0.5, "patience": 1, "min_delta": 0.015625, "cooldown": 1}, True)):
        optimizer = one_rate()
        schedule = sched.ReduceLROnPlateau(optimizer, "max" if gain else "min", row["factor"], row["patience"],
                                           row["min_delta"], "abs", row["cooldown"], 0, 0)
        values, factors = 1 - falling if gain else falling, []
        for value in values:
            schedule.step(value)
            factors.append(optimizer.param_groups[0]["lr"])
        yield {"type": "plateau", "schedule": row, "gain": gain, "values": floats(values), "factors": floats(factors)}


# ---- whole trainings, rows in their order ----


def train(what, units, functions, names, loss, function, optimizer, schedule, batch, epochs, x, y, start):
    net = Net(x.shape[1], units, functions, start)
    stepper = optimizer_of(optimizer, net.parameters())
    rates = schedule[1](stepper) if schedule[1] else None
    reported = []
    for _ in range(epochs):
        total = 0.0
        for first in range(0, len(x), batch):
            bx, by = torch.tensor(x[first:first + batch]), torch.tensor(y[first:first + batch])
            stepper.zero_grad()
            value = function(net(bx), by)
            total += value.item() * len(bx)
            value.backward()
            stepper.step()
        if rates:
            rates.step()
        reported.append(total / len(x))
    return {"what": what, "inputs_of_a_row": x.shape[1], "units": units, "activations": names, "loss": loss,
            "optimizer": optimizer, "schedule": schedule[0], "batch_size": batch, "epochs": epochs, "inputs": floats(x),
            "targets": floats(y), "start": floats(start), "losses": floats(reported), "end": floats(net.flat())}


def trainings():
    x = drawn(40, 3)
    y = np.round(np.column_stack([np.sin(x[:, 0] + x[:, 1]), x[:, 1] * x[:, 2]]) * 64) / 64
    yield train("regression: tanh, mse, adam", [8, 2], [torch.tanh, plain], ["tanh", "linear"], {"type": "mse"},
                F.mse_loss, {"type": "adam", "learning_rate": 0.015625}, ({"type": "constant"}, None), 7, 30, x, y,
                start_of(3, [8, 2]))
    x = drawn(45, 2)
    kinds = (np.abs(x[:, 0]) + x[:, 1] > 0.75).astype(int) + (x[:, 1] > 0.25)
    yield train("three classes: relu, softmax, cross_entropy, sgd with momentum, cosine", [10, 3], [F.relu, plain],
                ["relu", "softmax"], {"type": "cross_entropy"}, classes,
                {"type": "sgd", "learning_rate": 0.0625, "momentum": 0.875},
                ({"type": "cosine"}, lambda o: sched.CosineAnnealingLR(o, 25)), 8, 25, x, np.eye(3)[kinds],
                start_of(2, [10, 3]))
    x = drawn(36, 2)
    bits = (x[:, :1] * x[:, 1:] > 0.25).astype(float)
    weights = [0.75, 2.5]
    yield train("two classes: tanh, sigmoid, binary_cross_entropy with class_weights, rmsprop", [6, 5, 1],
                [torch.tanh, F.silu, plain], ["tanh", "silu", "sigmoid"],
                {"type": "binary_cross_entropy", "class_weights": weights}, lambda z, t: binary(z, t, weights),
                {"type": "rmsprop", "learning_rate": 0.0078125, "alpha": 0.875}, ({"type": "constant"}, None), 5, 20, x,
                bits, start_of(2, [6, 5, 1]))


def main():
    common, steps = optimizers()
    parts = {"activations": activations(), "losses": losses(), "optimizers": steps, "schedules": schedules(),
             "plateaus": plateaus(), "trainings": trainings()}
    text = '{"torch": %s,\n"optimizer_net": %s' % (json.dumps(torch.__version__), json.dumps(common))
    text += ',\n"softmax": %s' % json.dumps({"z": POINTS, "a": floats(torch.softmax(torch.tensor(POINTS), 0))})
    for name, rows in parts.items():
        text += ',\n"%s": [\n%s]' % (name, ",\n".join(json.dumps(row) for row in rows))
    pathlib.Path(__file__).with_name("torch.json").write_text(text + "}\n")


main()
