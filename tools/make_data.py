#!/usr/bin/env python3
"""Makes the data files of models/data/: from the copies that scikit-learn (BSD licence) carries, from tables printed
below, and from a seed.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install scikit-learn==1.7.2
    /tmp/venv/bin/python tools/make_data.py

Run by hand, once: the files are committed. models/data/README.md says where each comes from.
"""
import csv
import os

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

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


def wine():
    """178 wines, 13 measurements, and one cell in eight lost."""
    data = load_wine()
    lost = np.random.Generator(np.random.Philox(1)).random(data.data.shape) < 1 / 8
    header = [str(name).split("/")[0] for name in data.feature_names]
    write("wine.csv", header, [["" if gone else shortest(x) for x, gone in zip(row, holes)]
                               for row, holes in zip(data.data, lost)])
    print("wine: %d of %d cells are empty" % (lost.sum(), lost.size))


def ratings():
    """Invented: 150 people with two tastes rate about 40 of 100 films each, in half stars, with a noise of 0.4."""
    draw = np.random.Generator(np.random.Philox(2))
    people, films, tastes = 150, 100, 2
    kindness, fame = draw.normal(0, 0.4, people), draw.normal(0, 0.5, films)
    taste, kind = draw.normal(0, 0.8, (people, tastes)), draw.normal(0, 0.8, (films, tastes))
    mean = 3.2 + kindness[:, None] + fame[None, :] + taste @ kind.T
    stars = np.clip(np.round(2 * (mean + draw.normal(0, 0.4, mean.shape))) / 2, 0.5, 5)
    seen = np.argwhere(draw.random((people, films)) < 0.4)
    draw.shuffle(seen)
    write("ratings.csv", ["person", "film", "stars"],
          [["p%03d" % (p + 1), "film%03d" % (f + 1), shortest(stars[p, f])] for p, f in seen])
    print("ratings: %d, whose own noise is %.4f" % (len(seen), np.sqrt(np.mean([(stars[p, f] - mean[p, f]) ** 2 for p, f in seen]))))


# Months of service and damages of the ships of types A to E, for each pair of a period of building (1960-64, 1965-69,
# 1970-74, 1975-79) and one of operation (1960-74, 1975-79); the pairs without service are left out.
SHIPS = {
    "A": ([127, 63, 1095, 1095, 1512, 3353, 0, 2244], [0, 0, 3, 4, 6, 18, 0, 11]),
    "B": ([44882, 17176, 28609, 20370, 7064, 13099, 0, 7117], [39, 29, 58, 53, 12, 44, 0, 18]),
    "C": ([1179, 552, 781, 676, 783, 1948, 0, 274], [1, 1, 0, 1, 6, 2, 0, 1]),
    "D": ([251, 105, 288, 192, 349, 1208, 0, 2051], [0, 0, 0, 0, 2, 11, 0, 4]),
    "E": ([45, 0, 789, 437, 1157, 2161, 0, 542], [0, 0, 7, 7, 5, 12, 0, 1]),
}


def ships():
    built, operated = ["1960-64", "1965-69", "1970-74", "1975-79"], ["1960-74", "1975-79"]
    rows = [[kind, built[cell // 2], operated[cell % 2], months, damages]
            for kind, (service, damage) in SHIPS.items()
            for cell, (months, damages) in enumerate(zip(service, damage)) if months]
    write("ships.csv", ["type", "built", "operated", "service", "damages"], rows)


# Thurber, R., Semiconductor electron mobility modeling (1979): mobility against the logarithm of the density.
THURBER = """
80.574 -3.067  84.248 -2.981  87.264 -2.921  87.195 -2.912  89.076 -2.840  89.608 -2.797  89.868 -2.702
90.101 -2.699  92.405 -2.633  95.854 -2.481  100.696 -2.363  101.060 -2.322  401.672 -1.501  390.724 -1.460
567.534 -1.274  635.316 -1.212  733.054 -1.100  759.087 -1.046  894.206 -0.915  990.785 -0.714  1090.109 -0.566
1080.914 -0.545  1122.643 -0.400  1178.351 -0.309  1260.531 -0.109  1273.514 -0.103  1288.339 0.010  1327.543 0.119
1353.863 0.377  1414.509 0.790  1425.208 0.963  1421.384 1.006  1442.962 1.115  1464.350 1.572  1468.705 1.841
1447.894 2.047  1457.628 2.200
"""


def thurber():
    numbers = THURBER.split()
    write("thurber.csv", ["mobility", "log_density"], zip(numbers[::2], numbers[1::2]))


if __name__ == "__main__":
    iris()
    cancer()
    digits()
    wine()
    ratings()
    ships()
    thurber()
