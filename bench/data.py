"""The data of the workloads, for the peers: what models/factorise.ad and models/mlp.ad see."""
import csv
import os
import sys
import time

import numpy as np

IRIS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models", "data", "iris.csv")


def iris():
    with open(IRIS) as f:
        rows = list(csv.reader(f))[1:]
    names = sorted({row[4] for row in rows})
    return np.array([[float(x) for x in row[:4]] for row in rows]), np.array([names.index(row[4]) for row in rows])


def centred():
    X, _ = iris()
    return X - X.mean(axis=0)


def scaled():
    """Two thirds of the rows, shuffled, as the mlp trains on."""
    X, y = iris()
    chosen = np.random.default_rng(0).permutation(len(y))[:100]
    X = X[chosen]
    return ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32), y[chosen]


def serve(workloads):
    """Reads the name of a workload a line, answers with seconds a unit of work, or 'none' and why.

    A workload makes a function that does some units of work and says how many; it is warmed up once.
    """
    ready = {}
    for line in sys.stdin:
        name = line.strip()
        try:
            if name not in ready:
                ready[name] = workloads[name]()
                ready[name]()
            start = time.perf_counter()
            units = ready[name]()
            print("%.9g" % ((time.perf_counter() - start) / units), flush=True)
        except Exception as problem:
            print("none", type(problem).__name__, str(problem).split("\n")[0][:100], flush=True)
