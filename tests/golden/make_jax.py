#!/usr/bin/env python3
"""Writes tests/golden/jax.json: what JAX draws, for tests/unit/test_jax.c.

Made with Python 3.11 and jax[cpu]==0.4.30, whose default is the legacy layout
of Threefry (jax_threefry_partitionable=False). Not needed to build or test.
"""
import json
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_threefry_partitionable", False)
init = jax.nn.initializers


def floats(array):
    return [float(v) for v in np.asarray(array, np.float32).ravel()]


draws = []
for seed in (0, 42, 2**40 + 7):
    # A 64-bit seed without x64 mode: the two words of the key, high first.
    key = jnp.array([seed >> 32, seed & 0xFFFFFFFF], jnp.uint32)
    for n in (1, 5, 8, 33):
        draws.append({
            "seed": seed,
            "n": n,
            "uniform": floats(jax.random.uniform(key, (n,), jnp.float32, -0.3, 0.7)),
            "normal": floats(jax.random.normal(key, (n,))),
            "truncated_normal": floats(jax.random.truncated_normal(key, -2, 2, (n,))),
        })

# Weights of shape (units, inputs): fan_in is the last axis.
scaled = {
    "glorot_uniform": init.variance_scaling(1.0, "fan_avg", "uniform", -1, -2),
    "glorot_normal": init.variance_scaling(1.0, "fan_avg", "truncated_normal", -1, -2),
    "he_uniform": init.variance_scaling(2.0, "fan_in", "uniform", -1, -2),
    "he_normal": init.variance_scaling(2.0, "fan_in", "truncated_normal", -1, -2),
    "lecun_uniform": init.variance_scaling(1.0, "fan_in", "uniform", -1, -2),
    "lecun_normal": init.variance_scaling(1.0, "fan_in", "truncated_normal", -1, -2),
    # Tall and square ones only: JAX fills a wide one's transpose, torch and
    # xortrain the matrix itself.
    "orthogonal": init.orthogonal(),
}
weights = []
for name, make in scaled.items():
    for units, inputs in ((5, 3), (4, 4), (7, 1)) if name == "orthogonal" else ((5, 3), (3, 8), (1, 16)):
        key = jax.random.PRNGKey(3)
        weights.append({"name": name, "units": units, "inputs": inputs, "values": floats(make(key, (units, inputs)))})


def forward(params, x):
    w1, b1, w2, b2 = params
    return (w2 @ jax.nn.relu(w1 @ x + b1) + b2)[0]


def loss(params, x, y):
    return (forward(params, x) - y) ** 2


def tutorial():
    w_key, b_key = jax.random.split(jax.random.PRNGKey(0))
    params = [0.01 * jax.random.normal(k, s) for k, s in
              ((w_key, (16, 2)), (b_key, (16,)), (w_key, (1, 16)), (b_key, (1,)))]
    step = jax.jit(lambda p, x, y: [a - 0.01 * g for a, g in zip(p, jax.grad(loss)(p, x, y))])
    measure = jax.jit(loss)
    xs = jnp.array([[0, 0], [0, 1], [1, 0], [1, 1]], jnp.float32)
    ys = jnp.array([1, 0, 0, 1], jnp.float32)
    curve = []
    for _ in range(500):
        total = 0.0
        for x, y in zip(xs, ys):
            params = step(params, x, y)
            total += float(measure(params, x, y))
        curve.append(total / 4)
    return curve, [float(forward(params, x)) for x in xs]


curve, outputs = tutorial()
json.dump({"jax": jax.__version__, "draws": draws, "weights": weights,
           "tutorial": {"epoch_loss": curve, "outputs": outputs}},
          open("tests/golden/jax.json", "w"), indent=1)
