"""The networks of `nets shapes` in PyTorch and JAX, for `make bench`.

    peers.py versions     a line a peer that is installed: "torch 2.1.0"
    peers.py SHAPES       SHAPES holds what `nets shapes` printed; answers lines
                          "NETWORK PEER SECONDS" on standard input as `nets` does,
                          by epochs a second

Each peer trains what `nets` trains: the same sizes, batches and running loss, on
random numbers of the same range. The first request of a network tries a peer's
settings; the fastest is then measured.
"""
import os
import sys
import time

# Of JAX's settings the one that is read once, at its start. One thread was 2.5 times
# as fast as two on the smallest network here and no slower on the largest.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
MAX_EPOCHS = 500


class Shape:
    def __init__(self, line):
        self.name, *numbers = line.split()
        self.rows, self.batch, self.shuffle, *self.sizes = map(int, numbers)


def torch_settings(shape):
    """Yields functions that train so many epochs from the start, one a setting."""
    import torch

    torch.manual_seed(0)
    inputs = torch.rand(shape.rows, shape.sizes[0]) * 2 - 1
    targets = torch.rand(shape.rows, shape.sizes[-1]) * 2 - 1
    layers = []
    for n, m in zip(shape.sizes, shape.sizes[1:]):
        layers += [torch.nn.Linear(n, m), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    initial = {k: v.clone() for k, v in model.state_dict().items()}

    def train(epochs, threads):
        torch.set_num_threads(threads)
        model.load_state_dict(initial)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        before = time.perf_counter()
        for _ in range(epochs):
            x, y = inputs, targets
            if shape.shuffle:
                order = torch.randperm(shape.rows)
                x, y = inputs[order], targets[order]
            total = torch.zeros(())
            for a, b in zip(x.split(shape.batch), y.split(shape.batch)):
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(model(a), b)
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(a)
            result = float(total) / shape.rows
        return time.perf_counter() - before, result

    for threads in sorted({1, 2, os.cpu_count()}):
        yield lambda epochs, threads=threads: train(epochs, threads)


def jax_settings(shape):
    import jax
    import jax.numpy as jnp

    key = jax.random.PRNGKey(0)
    inputs = jax.random.uniform(key, (shape.rows, shape.sizes[0]), minval=-1, maxval=1)
    targets = jax.random.uniform(key, (shape.rows, shape.sizes[-1]), minval=-1, maxval=1)
    initial = []
    for n, m in zip(shape.sizes, shape.sizes[1:]):
        initial.append((jax.random.uniform(key, (n, m), minval=-1, maxval=1) * (6 / n) ** 0.5, jnp.zeros(m)))
    whole = shape.rows // shape.batch

    def loss_of(params, x, y):
        for w, b in params[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = params[-1]
        return jnp.mean((x @ w + b - y) ** 2)

    def step(params, batch):
        loss, grads = jax.value_and_grad(loss_of)(params, *batch)
        return jax.tree_util.tree_map(lambda p, g: p - 0.01 * g, params, grads), loss * len(batch[0])

    def epoch(params, key, unroll):
        x, y = inputs, targets
        if shape.shuffle:
            order = jax.random.permutation(key, shape.rows)
            x, y = inputs[order], targets[order]
        n = whole * shape.batch
        batches = tuple(v[:n].reshape(whole, shape.batch, -1) for v in (x, y))
        params, losses = jax.lax.scan(step, params, batches, unroll=unroll)
        total = jnp.sum(losses)
        if n < shape.rows:
            params, last = step(params, (x[n:], y[n:]))
            total += last
        return params, total / shape.rows

    # One call an epoch, or many epochs in one call where that many are asked for.
    def setting(unroll, together):
        def many(params, keys):
            return jax.lax.scan(lambda p, k: epoch(p, k, unroll), params, keys)

        run = jax.jit(many)

        def train(epochs):
            n = together if epochs % together == 0 else 1
            keys = jax.random.split(key, epochs).reshape(epochs // n, n, -1)
            jax.block_until_ready(run(initial, keys[0]))
            params, losses = initial, []
            keys = jax.block_until_ready(list(keys))
            before = time.perf_counter()
            for k in keys:
                params, loss = run(params, k)
                losses.append(loss)
            jax.block_until_ready((params, losses))
            return time.perf_counter() - before, float(losses[-1][-1])

        return train

    for unroll in (1, 4):
        for together in (1, 50):
            yield setting(unroll, together)


SETTINGS = {"torch": torch_settings, "jax": jax_settings}


def open_peer(shape, peer):
    """The fastest setting, and how many epochs take it about 50 ms."""
    best = None
    for train in SETTINGS[peer](shape):
        train(1)
        seconds, _ = train(1)
        epochs = int(min(MAX_EPOCHS, 1 + 0.05 / seconds))
        if epochs >= 50:
            epochs -= epochs % 50
        train(epochs)
        rate = epochs / train(epochs)[0]
        if best is None or rate > best[0]:
            best = rate, train, epochs
    return best[1:]


def measure(opened, seconds):
    train, epochs = opened
    elapsed = n = 0
    while not n or elapsed < seconds:
        took, loss = train(epochs)
        if not abs(loss) < 1e6:
            sys.exit("peers.py: the loss is not finite")
        elapsed += took
        n += epochs
    return n / elapsed


def main():
    if sys.argv[1] == "versions":
        for peer in SETTINGS:
            try:
                print(peer, __import__(peer).__version__)
            except Exception:  # absent, or broken: its rows are left out
                pass
        return
    with open(sys.argv[1]) as file:
        shapes = {shape.name: shape for shape in map(Shape, file)}
    opened = {}
    for line in sys.stdin:
        name, peer, seconds = line.split()
        if (name, peer) not in opened:
            opened[name, peer] = open_peer(shapes[name], peer)
        print(f"{measure(opened[name, peer], float(seconds)):.6g}", flush=True)


main()
