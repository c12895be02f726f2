#!/usr/bin/env python3
"""What PyTorch in float64 says of the models that tests/check_reference.sh trains.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch==2.13.0 numpy
    /tmp/venv/bin/python tests/reference/make_reference.py

Run by hand; the files it writes beside itself are committed, and no test runs it. README.md says what each file holds.
Losses are those before each update: number k is the loss that step k sees.
"""
import csv
import json
import os
import struct

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "..", "models", "data")


def save_params(name, params):
    """One .safetensors file: length of the header, header as JSON padded to 8 bytes, values."""
    header, values = {}, []
    offset = 0
    for key, tensor in params.items():
        raw = tensor.detach().numpy().astype("<f8").tobytes()
        header[key] = {"dtype": "F64", "shape": list(tensor.shape), "data_offsets": [offset, offset + len(raw)]}
        values.append(raw)
        offset += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(values))


def save(name, values):
    np.save(os.path.join(HERE, name + ".npy"), np.asarray(values, dtype="<f8"))


def table(name):
    with open(os.path.join(DATA, name)) as f:
        return list(csv.reader(f))[1:]


def numbers(rows, lo, hi):
    return np.array([[float(x) for x in row[lo:hi]] for row in rows])


def labels(rows, column):
    """Text labels as numbers, in sorted order."""
    names = sorted({row[column] for row in rows})
    return torch.tensor([names.index(row[column]) for row in rows])


def scaled(X):
    return torch.tensor((X - X.mean(axis=0)) / X.std(axis=0))


def draw(rng, low, high, **shapes):
    return {name: torch.tensor(rng.uniform(low, high, shape), requires_grad=True) for name, shape in shapes.items()}


def train(params, loss, optimizer, steps):
    """The loss each step sees. An optimizer may call the closure more often than once a step: the first counts."""
    seen = []

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        if len(seen) == step:
            seen.append(value.item())
        return value

    for step in range(steps):
        optimizer.step(closure)
    return seen


def flat(tensors):
    return torch.cat([t.reshape(-1) for t in tensors])


def hessian(params, loss):
    """Over all params, flattened and joined in the order of their declaration."""
    params = list(params.values())
    gradient = flat(torch.autograd.grad(loss(), params, create_graph=True))
    return torch.stack([flat(torch.autograd.grad(g, params, retain_graph=True)) for g in gradient])


# ---- the lab ----

def factorise(rng):
    A = numbers(table("iris.csv"), 0, 4)
    A = torch.tensor(A - A.mean(axis=0))
    p = draw(rng, 0, 1, U=(150, 2), V=(2, 4))
    save_params("factorise.safetensors", p)
    save("factorise_loss", train(p, lambda: ((p["U"] @ p["V"] - A) ** 2).sum(), torch.optim.SGD(p.values(), lr=0.01), 1000))


def mlp(rng):
    rows = table("iris.csv")
    X, y = scaled(numbers(rows, 0, 4)), labels(rows, 4)
    p = draw(rng, 0, 1, W1=(4, 12), W2=(12, 3), b1=(), b2=())
    save_params("mlp.safetensors", p)

    def loss():
        return torch.nn.functional.cross_entropy(torch.relu(X @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"], y)

    save("mlp_loss", train(p, loss, torch.optim.SGD(p.values(), lr=0.01), 1000))


# ---- second derivatives ----

def linear(rng):
    rows = table("iris.csv")
    X, y = scaled(numbers(rows, 0, 3)), torch.tensor(numbers(rows, 3, 4)[:, 0])
    p = draw(rng, -1, 1, w=(3,), b=())
    save_params("linear.safetensors", p)
    save("linear_hessian", hessian(p, lambda: ((X @ p["w"] + p["b"] - y) ** 2).mean()))


def logistic(rng):
    rows = table("cancer.csv")
    X, y = scaled(numbers(rows, 0, 30)), labels(rows, 30)
    p = draw(rng, -0.5, 0.5, w=(30,), b=())
    save_params("logistic.safetensors", p)

    def loss():
        logits = X @ p["w"] + p["b"]
        likelihood = torch.nn.functional.binary_cross_entropy_with_logits(logits, (y == 1).double())
        return likelihood + (p["w"] ** 2).sum() / (2 * len(y))

    save("logistic_hessian", hessian(p, loss))


# ---- a small tanh network: derivatives to the third, and every optimizer ----

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: torch.optim.Adam(p, lr=0.02),
    "adam_decay": lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.05),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.002),
    "rmsprop_momentum": lambda p: torch.optim.RMSprop(p, lr=0.002, alpha=0.9, momentum=0.8, weight_decay=0.01),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "lbfgs": lambda p: torch.optim.LBFGS(p, lr=1, max_iter=1, max_eval=1000, history_size=10, tolerance_grad=0,
                                         tolerance_change=0, line_search_fn="strong_wolfe"),
}


def tanh(rng):
    rows = table("iris.csv")
    X, y = scaled(numbers(rows, 0, 4)), labels(rows, 4)
    p = draw(rng, -1, 1, W1=(4, 5), b1=(5,), W2=(5, 3), b2=(3,))
    start = {name: tensor.detach().clone() for name, tensor in p.items()}
    save_params("tanh.safetensors", p)

    def loss():
        logits = torch.tanh(X @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
        decay = (p["W1"] ** 2).sum() + (p["W2"] ** 2).sum()
        return torch.nn.functional.cross_entropy(logits, y) + 0.01 * decay

    save("tanh_hessian", hessian(p, loss))
    W1, W2 = p["W1"], p["W2"]
    D = torch.tensor([[np.sin(1.0 + 3 * i + j) for j in range(5)] for i in range(4)])
    gradient, = torch.autograd.grad(loss(), W1, create_graph=True)
    product, = torch.autograd.grad((gradient * D).sum(), W1, create_graph=True)
    third = torch.autograd.grad((product * D).sum(), [W1, W2])
    for name, value in zip(["gradient", "product", "third_W1", "third_W2"], [gradient, product, *third]):
        save("tanh_" + name, value.detach())

    for name, optimizer in OPTIMIZERS.items():
        with torch.no_grad():
            for key in p:
                p[key].copy_(start[key])
        losses = train(p, loss, optimizer(list(p.values())), 200)
        save("tanh_loss_" + name, losses)
        print("%-18s %.12f" % (name, losses[-1]))


# ---- gathered params: sparse gradients ----

class Both:
    """Two optimizers as one: PyTorch's SparseAdam takes no dense gradients. (It adds its eps elsewhere than Adam.)"""

    def __init__(self, *each):
        self.each = each

    def zero_grad(self):
        for one in self.each:
            one.zero_grad()

    def step(self):
        for one in self.each:
            one.step()


GATHERS = {
    "sgd": (None, lambda rows, dense: torch.optim.SGD(rows + dense, lr=0.1)),
    "sgd_clip": (0.05, lambda rows, dense: torch.optim.SGD(rows + dense, lr=1)),
    "momentum": (None, lambda rows, dense: torch.optim.SGD(rows + dense, lr=0.02, momentum=0.9)),
    "adam": (None, lambda rows, dense: torch.optim.Adam(rows + dense, lr=0.01)),
    "lazy": (None, lambda rows, dense: Both(torch.optim.SparseAdam(rows, lr=0.01, eps=1e-16), torch.optim.Adam(dense, lr=0.01, eps=1e-16))),
}


def gathers(rng):
    rows = table("ratings.csv")
    u, v, stars = labels(rows, 0), labels(rows, 1), torch.tensor(numbers(rows, 2, 3)[:, 0])
    people, films = int(u.max()) + 1, int(v.max()) + 1
    p = draw(rng, -1, 1, P=(people, 3), Q=(films, 3), level=(films,), c=())
    with torch.no_grad():
        p["level"].zero_()
        p["c"].fill_(3)
    start = {name: tensor.detach().clone() for name, tensor in p.items()}
    save_params("gathers.safetensors", p)
    friend = (u * 7 + 3) % people
    for name, (clip, make) in GATHERS.items():
        sparse = name == "lazy"
        tables = {key: torch.nn.Parameter(start[key].clone().reshape(len(start[key]), -1)) for key in ("P", "Q", "level")}
        c = torch.nn.Parameter(start["c"].clone())
        optimizer = make(list(tables.values()), [c])

        def pick(key, index):
            return torch.nn.functional.embedding(index, tables[key], sparse=sparse)

        epochs = []
        for _ in range(5):
            total = 0
            for at in range(0, len(u), 20):
                b = slice(at, at + 20)
                score = ((pick("P", u[b]) + 0.5 * pick("P", friend[b])) * pick("Q", v[b])).sum(1) + pick("level", v[b])[:, 0] + c
                loss = ((score - stars[b]) ** 2).mean()
                optimizer.zero_grad()
                loss.backward()
                if clip:
                    torch.nn.utils.clip_grad_norm_([*tables.values(), c], clip)
                optimizer.step()
                total += loss.item() * len(u[b])
            epochs.append(total / len(u))
        save("gathers_loss_" + name, epochs)
        print("%-18s %.12f" % (name, epochs[-1]))


if __name__ == "__main__":
    for seed, make in enumerate([factorise, mlp, linear, logistic, tanh, gathers]):
        make(np.random.default_rng(seed))
