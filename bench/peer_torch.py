"""PyTorch, one thread: eager, under torch.compile, and with the restarts as one more axis (vmap).

    python3 bench/peer_torch.py eager|compile      a workload a line on standard input, seconds on standard output
"""
import sys

import torch

from data import centred, scaled, serve

torch.set_num_threads(1)
torch.manual_seed(0)
COMPILED = sys.argv[1] == "compile"


def maybe_compiled(f):
    return torch.compile(f) if COMPILED else f


def descend(step, params, lr, epochs):
    """The leanest loop PyTorch allows: no optimizer object, no gradient kept."""
    for _ in range(epochs):
        gradients = step(*params)
        with torch.no_grad():
            for p, g in zip(params, gradients):
                p -= lr * g


def gradients_of(loss, nparams):
    """What one epoch computes. torch.compile takes the function and its gradient whole only by torch.func."""
    if COMPILED:
        return torch.compile(torch.func.grad(loss, argnums=tuple(range(nparams))))

    def step(*params):
        return torch.autograd.grad(loss(*params), params)
    return step


def uniform(*shape, dtype):
    return torch.rand(shape, dtype=dtype).requires_grad_(not COMPILED)


def factorise():
    A = torch.tensor(centred())

    def loss(U, V):
        return ((U @ V - A) ** 2).sum()
    step = gradients_of(loss, 2)

    def work(epochs=2000):
        descend(step, [uniform(150, 2, dtype=torch.float64), uniform(2, 4, dtype=torch.float64)], 0.01, epochs)
        return epochs
    return work


def mlp_loss():
    X, y = (torch.tensor(a) for a in scaled())

    def loss(W1, W2, b1, b2):
        return torch.nn.functional.cross_entropy(torch.relu(X @ W1 + b1) @ W2 + b2, y)
    return loss


def mlp_params(*lead):
    return [uniform(*lead, 4, 12, dtype=torch.float32), uniform(*lead, 12, 3, dtype=torch.float32),
            uniform(*lead, dtype=torch.float32), uniform(*lead, dtype=torch.float32)]


def mlp():
    step = gradients_of(mlp_loss(), 4)

    def work(epochs=1000):
        descend(step, mlp_params(), 0.01, epochs)
        return epochs
    return work


def restarts():
    """One after the other; twenty stand for a thousand, which takes as much longer as there are more of them."""
    step = gradients_of(mlp_loss(), 4)

    def work(runs=20):
        for _ in range(runs):
            descend(step, mlp_params(), 0.01, 100)
        return runs / 1000
    return work


def restarts_vmap():
    step = maybe_compiled(torch.func.vmap(torch.func.grad(mlp_loss(), argnums=(0, 1, 2, 3))))

    def work(runs=1000):
        with torch.no_grad():
            descend(step, mlp_params(runs), 0.01, 100)
        return 1
    return work


serve({"factorise": factorise, "mlp": mlp, "restarts": restarts, "restarts_vmap": restarts_vmap})
