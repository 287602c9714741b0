#!/usr/bin/env python3
"""Writes tests/golden/sklearn.json: what scikit-learn measures, for
tests/unit/test_metrics.c.

Made with Python 3.11, scikit-learn==1.9.1 and numpy==2.4.6. Not needed to
build or test.

{"scikit-learn": version, "cases": [{
    "what": name, "outputs": n,
    "a": [rows * n], "y": [rows * n],          single precision
    "metrics": [{"type": name, PARAMETER: value or name, ..., "value": number or null}]}]}

null is a value that scikit-learn does not define (nan).
"""
import json
import math
import pathlib
import warnings
import numpy as np
import sklearn
from sklearn import metrics as sk

warnings.filterwarnings("ignore")
rng = np.random.default_rng(20)
AVERAGES = ("macro", "weighted", "micro")
SCORES = {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score}


def value(x):
    return None if math.isnan(x) else float(x)


def short(array):
    return [float("%.9g" % v) for v in array.ravel()]


def scores(is_, said, averages, **sides):
    rows = []
    for name, score in SCORES.items():
        for average in averages:
            kind = {"auto": "binary" if "binary" in averages else "macro"}.get(average, average)
            rows.append({"type": name, "average": average, **sides,
                         "value": value(score(is_, said, average=kind, zero_division=0))})
    return rows


def binary(what, a, y, threshold=0.5, positive="above", log_loss=True):
    a, y = np.float32(a), np.float32(y)
    side = (lambda v: v < threshold) if positive == "below" else (lambda v: v > threshold)
    is_, said = side(y).astype(int), side(a).astype(int)
    sides = {"threshold": threshold, "positive": positive}
    rows = [{"type": "accuracy", **sides, "value": sk.accuracy_score(is_, said)}]
    rows += scores(is_, said, ("auto", "binary") + AVERAGES, **sides)
    rows.append({"type": "roc_auc", **sides,
                 "value": value(sk.roc_auc_score(is_, -a if positive == "below" else a))})
    if log_loss:
        rows.append({"type": "log_loss", "value": sk.log_loss(is_, y_proba=a, labels=[0, 1])})
    return {"what": what, "outputs": 1, "a": short(a), "y": short(y), "metrics": rows}


def several(what, a, classes):
    a = np.float32(a)
    n = a.shape[1]
    y = np.eye(n, dtype=np.float32)[classes]
    said = a.argmax(axis=1)
    rows = [{"type": "accuracy", "value": sk.accuracy_score(classes, said)}]
    rows += scores(classes, said, ("auto",) + AVERAGES)
    areas = [sk.roc_auc_score(y[:, c], a[:, c]) for c in range(n)]
    rows.append({"type": "roc_auc", "value": value(np.mean(areas))})
    if n > 2 and len(set(classes)) == n and np.allclose(a.sum(axis=1), 1):
        whole = sk.roc_auc_score(classes, a, multi_class="ovr", average="macro")
        assert abs(whole - np.mean(areas)) < 1e-12
    rows.append({"type": "log_loss", "value": sk.log_loss(classes, y_proba=a, labels=list(range(n)))})
    return {"what": what, "outputs": n, "a": short(a), "y": short(y), "metrics": rows}


def amounts(what, a, y):
    a, y = np.float32(a), np.float32(y)
    x, z = a.astype(float), y.astype(float)
    rows = [{"type": "mae", "value": sk.mean_absolute_error(z, x)},
            {"type": "mse", "value": sk.mean_squared_error(z, x)},
            {"type": "rmse", "value": sk.root_mean_squared_error(z, x)},
            {"type": "r2", "value": value(sk.r2_score(z, x))}]
    return {"what": what, "outputs": 1 if a.ndim == 1 else a.shape[1], "a": short(a),
            "y": short(y), "metrics": rows}


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


p = rng.random(40)
truth = (rng.random(40) < 0.3 + 0.4 * p).astype(float)
tied = np.round(rng.random(50) * 8) / 8
tied_truth = (rng.random(50) < tied).astype(float)
extreme = np.array([0, 1, 1e-30, 1 - 1e-7, 0.5, 1, 0])
margin = rng.normal(size=30)
z = softmax(2 * rng.normal(size=(60, 4)))
steps = np.round(softmax(rng.normal(size=(50, 3))) * 4) / 4
steps[steps.sum(axis=1) != 1] = [0.25, 0.5, 0.25]
missing = rng.integers(0, 4, 60)
missing[missing == 2] = 1
unsaid = z.copy()
unsaid[:, 3] *= 1e-3
unsaid /= unsaid.sum(axis=1, keepdims=True)
absent = unsaid[:, [0, 3, 1, 2]]
x = rng.normal(size=(35, 3))

cases = [
    binary("probabilities", p, truth),
    binary("another threshold, targets 0 and 1", p, truth, 0.25),
    binary("positive below", 1 - p, 1 - truth, 0.5, "below", log_loss=False),
    binary("ties, some at the threshold", tied, tied_truth),
    binary("probabilities 0 and 1", extreme, [0, 1, 0, 1, 1, 0, 1]),
    binary("all of one class", p, np.ones(40)),
    binary("none said to be positive", p / 3, truth),
    binary("targets -1 and 1 about 0", margin, np.sign(margin + rng.normal(size=30)), 0.0, log_loss=False),
    several("four classes", z, rng.integers(0, 4, 60)),
    several("ties in the row go to the lowest", steps, rng.integers(0, 3, 50)),
    several("no row is of a class", z, missing),
    several("no row is said to be of a class", unsaid, rng.integers(0, 4, 60)),
    several("a class that no row is or is said to be of", absent, np.array([0, 2, 3])[rng.integers(0, 3, 60)]),
    several("two classes", softmax(rng.normal(size=(30, 2))), rng.integers(0, 2, 30)),
    amounts("one output", x[:, 0] + 0.3 * rng.normal(size=35), x[:, 0]),
    amounts("far from 0", 10000 + x[:, 0] + 0.3 * rng.normal(size=35), 10000 + x[:, 0]),
    amounts("three outputs", x + [0.1, 0.5, 2] * rng.normal(size=(35, 3)), x),
    amounts("a constant target missed", x[:, 0], np.full(35, 0.1)),
    amounts("a constant target met", np.full(35, 0.1), np.full(35, 0.1)),
    amounts("one constant of two", x[:, :2], np.column_stack([np.full(35, -3.7), x[:, 0]])),
    amounts("worse than the mean", -3 * x[:, 0], x[:, 0]),
    amounts("one row", [1.5], [2]),
]
text = json.dumps({"scikit-learn": sklearn.__version__, "cases": cases})
text = text.replace('{"what"', '\n{"what"').replace('{"type"', '\n {"type"').replace('"y": [', '\n "y": [')
pathlib.Path(__file__).with_name("sklearn.json").write_text(text + "\n")
