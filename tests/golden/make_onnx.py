#!/usr/bin/env python3
"""Writes tests/golden/onnx.json: what ONNX Runtime computes from exported
models, for tests/unit/test_export.c. Not needed to build or test.

    tests/golden/make_onnx.py [--train] [PROGRAM]     (build/release/xortrain)

Made with Python 3.11, onnx==1.23.2, onnxruntime==1.32.0, numpy==2.4.6,
xxhash==4.1.0. With --train it makes the models of tests/golden/models anew
first: when the format of model files has changed, or a config below. Without,
it exports those that are there: when what is exported has changed.

{
 "onnx", "onnxruntime": versions,
 "version": of the program that exported,
 "models": [{"name": tests/golden/models/NAME.safetensors, "xxh3_128": of the exported bytes,
     "inputs": [rows * inputs]: as the data has them, null where a number is missing,
     "outputs": [rows * outputs]}]
}
"""
import json
import pathlib
import shutil
import subprocess
import sys
import numpy as np
import onnx
import onnxruntime
import xxhash

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = pathlib.Path("/tmp/xortrain-golden")
ROWS = 12
rng = np.random.default_rng(11)


def layers(*rows):
    return "{layers: [%s]}" % ", ".join("{units: %s, activation: %s}" % row for row in rows)


def net(activations):
    """A column of numbers for each of two targets; every hidden layer with an activation of its own."""
    inputs = np.round(rng.normal(size=(8, 3)) * 16) / 16
    targets = np.round(rng.normal(size=(8, 2)) * 16) / 16
    return {"data.train": "{inputs: %s, targets: %s}" % (inputs.tolist(), targets.tolist()),
            "model": layers(*((6, a) for a in activations), (2, "linear")),
            "loss": "mse", "optimizer": "{type: sgd, learning_rate: 0.01}", "train.epochs": 2}


def penguins(encode, ignore, missing, targets):
    return {"data.train": "{file: data/penguins.csv, encode: [%s], ignore: [%s], missing: %s, targets: [%s]}" %
                          (encode, ignore, missing, targets),
            "optimizer": "adam", "train.epochs": 5}


MODELS = {
    "rectifiers": net(["relu", "{type: leaky_relu, alpha: 0.25}", "{type: elu, alpha: 0.5}", "selu", "relu6"]),
    "gates": net(["gelu", "gelu_tanh", "silu", "mish", "linear"]),
    "bounded": net(["sigmoid", "tanh", "softsign", "softplus", "hard_sigmoid", "hard_tanh"]),
    "species": {**penguins("island", "year, sex", "mean", "species"), "data.normalize": "standard",
                "model": layers((8, "relu"), (3, "softmax")), "loss": "cross_entropy"},
    "filled": {**penguins("", "year, sex, island", "mean", "species"), "model.init.weight": "{type: normal, stddev: 0.001}",
               "model.layers": "[{units: 3, activation: softmax}]", "loss": "cross_entropy"},
    "sizes": {**penguins("island, sex", "year, species", "drop", "body_mass_g, flipper_length_mm"),
              "data.normalize": "minmax", "model": layers((5, "silu"), (2, "linear")), "loss": "huber"},
    "sex": {**penguins("island, species", "year", "drop", "sex"), "data.normalize": "standard",
            "model": layers((4, "tanh"), (1, "sigmoid")), "loss": "binary_cross_entropy"},
    "side": {**penguins("island, species", "year", "drop", "sex"), "data.normalize": "standard",
             "model": layers((1, "linear")), "loss": "hinge"},
}


def train(program, name, config):
    """A model holds its configuration and that the data's path, so they lie where they always do."""
    WORK.mkdir()
    try:
        shutil.copytree(ROOT / "data", WORK / "data")
        (WORK / "config.yaml").write_text("name: %s\n" % name)
        settings = ["%s=%s" % pair for pair in config.items()]
        subprocess.run([program, "-c", "config.yaml", "--engine", "reference", "-q", *settings], check=True, cwd=WORK)
        (HERE / "models").mkdir(exist_ok=True)
        shutil.copy(WORK / "runs" / name / "model.safetensors", HERE / "models" / (name + ".safetensors"))
    finally:
        shutil.rmtree(WORK)


def draw(encoding):
    """Rows of inputs as the data might have them, some numbers missing where the model fills them."""
    columns, at = [], 0
    for column in encoding["columns"]:
        n = len(column.get("values", []))
        if n:
            columns.append(np.eye(n)[rng.integers(0, n, ROWS)])
        else:
            offset = encoding.get("offset", {at: 0})[at]
            scale = encoding.get("scale", {at: 2})[at]
            values = offset + scale * rng.normal(size=(ROWS, 1))
            if "fill" in column:
                values[rng.integers(0, ROWS, 3)] = np.nan
            columns.append(values)
        at += n or 1
    return np.hstack(columns).astype(np.float32)


def floats(values):
    return [None if np.isnan(v) else float("%.9g" % v) for v in values.ravel()]


def golden(program, name):
    path = HERE / "models" / (name + ".safetensors")
    exported = subprocess.run([program, "export", path, "--to", "onnx", "-o", "-"], check=True,
                              stdout=subprocess.PIPE).stdout
    onnx.checker.check_model(exported, full_check=True)
    model = onnx.load_from_string(exported)
    metadata = {pair.key: pair.value for pair in model.metadata_props}
    inputs = draw(json.loads(metadata["encoding"]))
    assert inputs.shape[1] == len(json.loads(metadata["inputs"]))
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    outputs, = session.run(["outputs"], {"inputs": inputs})
    assert outputs.shape == (ROWS, len(json.loads(metadata["outputs"]))) and np.isfinite(outputs).all()
    print("%-12s %6d bytes, outputs from %.3g to %.3g" % (name, len(exported), outputs.min(), outputs.max()))
    return {"name": name, "xxh3_128": xxhash.xxh3_128_hexdigest(exported), "inputs": floats(inputs),
            "outputs": floats(outputs)}


def main():
    arguments = [a for a in sys.argv[1:] if a != "--train"]
    program = str(pathlib.Path(arguments[0] if arguments else ROOT / "build/release/xortrain").resolve())
    version = subprocess.run([program, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[1]
    if "--train" in sys.argv:
        for name, config in MODELS.items():
            train(program, name, config)
    result = {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__, "version": version,
              "models": [golden(program, name) for name in MODELS]}
    (HERE / "onnx.json").write_text(json.dumps(result, indent=0).replace(",\n", ", ").replace("}, {", "},\n{") + "\n")


main()
