#!/usr/bin/env python3
"""What the shipped models should find, by other means: the numbers of tests/check_models.sh.

    /tmp/venv/bin/python tests/reference/make_models.py        needs numpy, scipy, scikit-learn and torch

Every model is solved by a method of its own kind: alternating least squares, iteratively reweighted least squares, Newton's
method with the Hessian written out, expectation and maximisation, multiplicative updates; the variational autoencoder, which
has no other kind, by PyTorch.
"""
import csv
import os

import numpy as np
from scipy.optimize import least_squares, minimize
from scipy.special import expit, logsumexp
from sklearn.decomposition import NMF
from sklearn.mixture import GaussianMixture

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "models", "data")


def table(name):
    with open(os.path.join(FOLDER, name + ".csv"), newline="") as f:
        return list(csv.DictReader(f))


def numbers(rows, columns):
    return np.array([[float(r[c]) if r[c] else np.nan for c in columns] for r in rows])


def masked(rank=3, ridge=0.03):
    rows = table("wine")
    A = numbers(rows, list(rows[0]))
    A = (A - np.nanmean(A, axis=0)) / np.nanstd(A, axis=0)
    M = ~np.isnan(A)
    A = np.where(M, A, 0)
    (m, n), known, best = A.shape, M.sum(), np.inf
    for seed in range(5):
        draw = np.random.default_rng(seed)
        U, V = draw.normal(0, 0.3, (m, rank)), draw.normal(0, 0.3, (rank, n))
        for _ in range(3000):
            for i in range(m):
                W = V[:, M[i]]
                U[i] = np.linalg.solve(W @ W.T / known + ridge / m * np.eye(rank), W @ A[i, M[i]] / known)
            for j in range(n):
                W = U[M[:, j]]
                V[:, j] = np.linalg.solve(W.T @ W / known + ridge / n * np.eye(rank), W.T @ A[M[:, j], j] / known)
        best = min(best, np.sum(M * (U @ V - A) ** 2) / known + ridge * (np.sum(U ** 2) / m + np.sum(V ** 2) / n))
    print("masked: loss %.9f" % best)


def gmm(kinds=3, gamma=0.1):
    X = numbers(table("iris"), ["sepal_length", "sepal_width", "petal_length", "petal_width"])
    X = (X - X.mean(0)) / X.std(0)
    n, d = X.shape
    em = GaussianMixture(kinds, n_init=20, random_state=0, tol=1e-10, max_iter=5000).fit(X)
    print("gmm: likelihood without a prior %.9f" % -em.score(X))
    rows, columns = np.tril_indices(d, -1)

    def loss(v):
        a, mu, q, low = np.split(v, np.cumsum([kinds, kinds * d, kinds * d]))
        a, mu, q, low = a - logsumexp(a), mu.reshape(kinds, d), q.reshape(kinds, d), low.reshape(kinds, -1)
        density = []
        for k in range(kinds):
            L = np.diag(np.exp(q[k]))
            L[rows, columns] = low[k]
            density.append(a[k] + q[k].sum() - np.sum(((X - mu[k]) @ L.T) ** 2, axis=1) / 2)
        prior = gamma ** 2 / 2 * (np.sum(np.exp(2 * q)) + np.sum(low ** 2))
        return d * np.log(2 * np.pi) / 2 - logsumexp(density, axis=0).mean() + prior / n

    # L'L is the inverse covariance, L lower triangular: Cholesky of the matrix turned around
    turned = [np.linalg.cholesky(p[::-1, ::-1]).T[::-1, ::-1] for p in em.precisions_]
    start = np.concatenate([np.log(em.weights_), em.means_.ravel(), np.ravel([np.log(np.diag(L)) for L in turned]),
                            np.ravel([L[rows, columns] for L in turned])])
    found = minimize(loss, start, method="BFGS", options={"gtol": 1e-7, "maxiter": 2000})
    print("gmm: loss %.9f" % found.fun)


def poisson():
    rows = table("ships")
    y, service = numbers(rows, ["damages"])[:, 0], numbers(rows, ["service"])[:, 0]
    X = [np.ones(len(rows))] + [np.array([r[k] == level for r in rows], float)
                                for k in ("type", "built", "operated") for level in sorted({r[k] for r in rows})[1:]]
    X, b = np.array(X).T, np.r_[-5, np.zeros(len(X) - 1)]
    for _ in range(50):
        mean = service * np.exp(X @ b)
        b += np.linalg.solve(X.T @ (mean[:, None] * X), X.T @ (y - mean))
    mean = service * np.exp(X @ b)
    deviance = 2 * np.sum(np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / mean), 0) - (y - mean))
    print("poisson: deviance %.9f, Pearson %.9f" % (deviance, np.sum((y - mean) ** 2 / mean)))


def nonlinear():
    y, x = numbers(table("thurber"), ["mobility", "log_density"]).T
    found = least_squares(lambda b: (b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3) / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3) - y,
                          [1300, 1500, 500, 75, 1, 0.4, 0.05], x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15)
    print("nonlinear: sum of squares %.7f, params %s" % (2 * found.cost, " ".join("%.8g" % b for b in found.x)))


def newton(ridge=1):
    rows = table("cancer")
    X = numbers(rows, [c for c in rows[0] if c != "diagnosis"])
    X = (X - X.mean(0)) / X.std(0)
    y = np.array([r["diagnosis"] == sorted({r["diagnosis"] for r in rows})[1] for r in rows], float)
    n, w = len(y), np.zeros(X.shape[1])
    for _ in range(30):
        p = expit(X @ w)
        w -= np.linalg.solve(X.T @ ((p * (1 - p))[:, None] * X) / n + ridge / n * np.eye(len(w)), X.T @ (p - y) / n + ridge * w / n)
    z = X @ w
    print("newton: minimum %.12f" % (np.mean(np.logaddexp(0, z) - y * z) + ridge * np.sum(w ** 2) / (2 * n)))


def pictures():
    return numbers(table("digits"), ["pixel_%d_%d" % (i, j) for i in range(8) for j in range(8)]) / 16


def nmf():
    x = pictures()
    errors = [NMF(16, init="random", random_state=s, max_iter=3000, tol=1e-6).fit(x).reconstruction_err_ ** 2 / x.size for s in range(3)]
    print("nmf: errors %s" % " ".join("%.5f" % e for e in errors))


def vae(h=64, k=6, epochs=100, batch=100):
    import torch
    x = torch.tensor(pictures(), dtype=torch.float32)
    n, f = x.shape
    for seed in range(2):
        torch.manual_seed(seed)
        sizes = [(f, h), (h, k), (h, k), (k, h), (h, f)]
        W = [torch.nn.init.xavier_uniform_(torch.empty(s)).requires_grad_() for s in sizes]
        c = [torch.zeros(s[1], requires_grad=True) for s in sizes]

        def losses(x):
            seen = torch.tanh(x @ W[0] + c[0])
            mean, log_spread = seen @ W[1] + c[1], seen @ W[2] + c[2]
            z = mean + torch.exp(log_spread) * torch.randn_like(mean)
            logits = torch.tanh(z @ W[3] + c[3]) @ W[4] + c[4]
            divergence = ((mean ** 2 + torch.exp(2 * log_spread) - 1) / 2 - log_spread).sum(1).mean()
            return f * torch.nn.functional.binary_cross_entropy_with_logits(logits, x) + divergence

        optimizer = torch.optim.Adam(W + c, lr=0.003)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
        for _ in range(epochs):
            for rows in torch.randperm(n).split(batch):
                optimizer.zero_grad()
                losses(x[rows]).backward()
                optimizer.step()
            schedule.step()
        print("vae: loss %.3f" % losses(x).item())


if __name__ == "__main__":
    masked()
    gmm()
    poisson()
    nonlinear()
    newton()
    nmf()
    vae()
