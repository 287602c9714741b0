"""Many of the tutorial's nets in PyTorch and JAX, for `make bench`.

    many.py                answers lines "NETS PEER SECONDS" on standard input as `many` does
    many.py loop NETS      trains so many in PyTorch, one after the other, as a script does

All nets train at once: torch multiplies by torch.bmm, jax maps a scan. They draw what they
start from themselves, so only the mean of their losses is near ours. The first request of so
many nets tries a peer's settings with a few epochs; the fastest is then measured. What is
compiled is compiled before.
"""
import os
import sys
import time

# As in peers.py.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
EPOCHS, FEW, RATE, STDDEV = 500, 10, 0.01, 0.01
INPUTS, TARGETS = [[0, 0], [0, 1], [1, 0], [1, 1]], [1, 0, 0, 1]


def torch_settings(nets):
    """Yields functions that train so many epochs: seconds of the whole, of the training, and the mean last loss."""
    import torch

    inputs = torch.tensor(INPUTS, dtype=torch.float32).reshape(4, 1, 1, 2).expand(4, nets, 1, 2)
    targets = torch.tensor(TARGETS, dtype=torch.float32)
    shapes = (nets, 2, 16), (nets, 1, 16), (nets, 16, 1), (nets, 1, 1)

    def losses_of(params, x, y):
        w0, b0, w1, b1 = params
        return (torch.bmm(torch.relu(torch.bmm(x, w0) + b0), w1) + b1 - y) ** 2

    def train(epochs, threads):
        torch.set_num_threads(threads)
        start = time.perf_counter()
        params = [(STDDEV * torch.randn(shape)).requires_grad_() for shape in shapes]
        before = time.perf_counter()
        for _ in range(epochs):
            total = torch.zeros(nets, 1, 1)
            for x, y in zip(inputs, targets):
                grads = torch.autograd.grad(losses_of(params, x, y).sum(), params)
                with torch.no_grad():
                    for p, g in zip(params, grads):
                        p -= RATE * g
                    total += losses_of(params, x, y)
        after = time.perf_counter()
        losses, *_ = (v.detach().numpy() for v in (total / len(INPUTS), *params))
        return time.perf_counter() - start, after - before, losses.mean()

    for threads in sorted({1, os.cpu_count()}):
        yield lambda epochs, threads=threads: train(epochs, threads)


def jax_settings(nets):
    import jax
    import jax.numpy as jnp
    import numpy

    inputs, targets = jnp.array(INPUTS, jnp.float32), jnp.array(TARGETS, jnp.float32)
    shapes = (2, 16), (16,), (16,), ()
    seeds = jnp.arange(nets)

    def draw(seed):
        keys = jax.random.split(jax.random.PRNGKey(seed), len(shapes))
        return [STDDEV * jax.random.normal(key, shape) for key, shape in zip(keys, shapes)]

    def loss_of(params, x, y):
        w0, b0, w1, b1 = params
        return (jax.nn.relu(x @ w0 + b0) @ w1 + b1 - y) ** 2

    def step(params, row):
        grads = jax.grad(loss_of)(params, *row)
        params = [p - RATE * g for p, g in zip(params, grads)]
        return params, loss_of(params, *row)

    # The nets are the first axis of the parameters, or the last.
    def setting(axis, unroll):
        def epoch(state, _):
            params, losses = jax.lax.scan(step, state[0], (inputs, targets), unroll=unroll)
            return (params, jnp.mean(losses)), None

        draw_all = jax.jit(jax.vmap(draw, out_axes=axis))
        compiled = {}

        def train_all(epochs):
            def run(params):
                return jax.lax.scan(epoch, (params, jnp.float32(0)), length=epochs)[0]

            if epochs not in compiled:
                mapped = jax.jit(jax.vmap(run, in_axes=axis, out_axes=(axis, 0)))
                compiled[epochs] = mapped.lower(draw_all(seeds)).compile()
            return compiled[epochs]

        def train(epochs):
            run = train_all(epochs)
            start = time.perf_counter()
            params = jax.block_until_ready(draw_all(seeds))
            before = time.perf_counter()
            params, losses = jax.block_until_ready(run(params))
            after = time.perf_counter()
            losses, *_ = map(numpy.asarray, (losses, *params))
            return time.perf_counter() - start, after - before, losses.mean()

        return train

    for axis in (0, -1):
        for unroll in (1, 4):
            yield setting(axis, unroll)


SETTINGS = {"torch": torch_settings, "jax": jax_settings}


def fastest(peer, nets):
    best = None
    for train in SETTINGS[peer](nets):
        train(FEW)
        seconds = min(train(FEW)[0] for _ in range(2))
        if best is None or seconds < best[0]:
            best = seconds, train
    return best[1]


def measure(train, nets, least):
    whole = training = rounds = 0
    while not rounds or whole < least:
        took = train(EPOCHS)
        whole += took[0]
        training += took[1]
        rounds += 1
    return f"{rounds * nets / whole:.6g} {rounds * nets / training:.6g} {took[2]:.9g}"


def loop(nets):
    import torch

    torch.set_num_threads(1)
    inputs, targets = torch.tensor(INPUTS, dtype=torch.float32), torch.tensor(TARGETS, dtype=torch.float32)
    for seed in range(nets):
        torch.manual_seed(seed)
        model = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
        for p in model.parameters():
            torch.nn.init.normal_(p, std=STDDEV)
        optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
        for _ in range(EPOCHS):
            total = 0.0
            for x, y in zip(inputs, targets):
                optimizer.zero_grad()
                ((model(x) - y) ** 2).sum().backward()
                optimizer.step()
                with torch.no_grad():
                    total += float((model(x) - y) ** 2)
        print(seed, total / len(INPUTS))


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "loop":
        loop(int(sys.argv[2]))
        return
    opened = {}
    for line in sys.stdin:
        nets, peer, least = line.split()
        if (nets, peer) not in opened:
            opened[nets, peer] = fastest(peer, int(nets))
        print(measure(opened[nets, peer], int(nets), float(least)), flush=True)


main()
