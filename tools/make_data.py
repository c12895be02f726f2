#!/usr/bin/env python3
"""Makes the data files of models/data/ from the copies that scikit-learn (BSD licence) carries.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install scikit-learn==1.7.2
    /tmp/venv/bin/python tools/make_data.py

Run by hand, once: the files are committed. models/data/README.md says where each comes from.
"""
import csv
import os

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models", "data")


def write(name, header, rows):
    with open(os.path.join(FOLDER, name), "w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(header)
        out.writerows(rows)


def shortest(x):
    """5.0 -> 5, 0.1 -> 0.1: few bytes, the same number."""
    text = repr(float(x))
    return text[:-2] if text.endswith(".0") else text


def iris():
    """The edition of the UCI repository: scikit-learn follows Fisher's paper in two rows (counted from 1)."""
    data = load_iris()
    X = data.data.copy()
    X[34] = [4.9, 3.1, 1.5, 0.1]        # row 35: Fisher has 0.2
    X[37] = [4.9, 3.1, 1.5, 0.1]        # row 38: Fisher has 3.6, 1.4
    names = ["Iris-" + data.target_names[t] for t in data.target]
    header = ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
    write("iris.csv", header, [["%.1f" % x for x in row] + [name] for row, name in zip(X, names)])

    centred = X - X.mean(axis=0)
    residual = np.sum(np.linalg.svd(centred, compute_uv=False)[2:] ** 2)
    print("iris: rank 2 leaves %.11f" % residual)
    assert abs(residual - 15.22883334780) < 6e-12, residual


def cancer():
    data = load_breast_cancer()
    header = [str(name).replace(" ", "_") for name in data.feature_names] + ["diagnosis"]
    rows = [[shortest(x) for x in row] + [str(data.target_names[t])] for row, t in zip(data.data, data.target)]
    write("cancer.csv", header, rows)


def digits():
    data = load_digits()
    header = ["pixel_%d_%d" % (i, j) for i in range(8) for j in range(8)] + ["digit"]
    write("digits.csv", header, [[int(x) for x in row] + [int(t)] for row, t in zip(data.data, data.target)])


if __name__ == "__main__":
    iris()
    cancer()
    digits()
