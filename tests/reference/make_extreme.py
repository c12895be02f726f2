#!/usr/bin/env python3
"""Scalar functions of the language and their first two derivatives at extreme arguments, by mpmath.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install mpmath==1.4.1
    /tmp/venv/bin/python tests/reference/make_extreme.py > tests/extreme/extreme.csv

A row: the expression in x, the argument, the value, the first and the second derivative, as hexadecimal doubles, rounded
once from a computation with hundreds of digits: plain formulas, with so many digits that nothing cancels (1 + 1e-300
needs 301). Where a limit at infinity is not what the formula gives at 1e400, it is written down below.
"""
import sys

import mpmath
from mpmath import mp, mpf

mp.dps = 720

ONE = mpf(1)
TINY = mpf(2) ** -53
PLAIN = [1e-300, 1e-10, 1e-5, 0.5, 1.0, 3.0, 40.0, 710.0, 1e4, 1e300]
NEAR_ONE = [1 - 2.0**-53, 1 + 2.0**-52, 1 - 1e-10, 1 + 1e-10, 1 - 1e-5, 1 + 1e-5]
INF = float("inf")
HUGE = mpf(10) ** 400


def both(values):
    return sorted({v for a in values for v in (a, -a)} | {0.0})


EVERYWHERE = both(PLAIN + [1e-3, 0.1, 2.0, 5.3, 10.3, 20.0, 26.7, 37.0, 100.0])
WITH_ENDS = EVERYWHERE + [INF, -INF]
POSITIVE = sorted(v for v in EVERYWHERE if v > 0) + NEAR_ONE + [5e-324, 1e-308]
UNIT = both([1e-300, 1e-10, 1e-5, 0.1, 0.5, 0.9, 1 - 1e-5, 1 - 1e-10, 1 - 2.0**-53])

S = mpmath.sqrt
E = mpmath.exp


def expm1(x):
    return E(x) - 1


def log1p(x):
    return mpmath.log(1 + x)


def sech(x):
    return 2 / (E(x) + E(-x)) if abs(x) < 1e5 else 2 * E(-abs(x))


def sig(x):
    return 1 / (1 + E(-x)) if x >= 0 else E(x) / (1 + E(x))


def dsig(x):
    return sig(x) * sig(-x)


def d2sig(x):
    return dsig(x) * (sig(-x) - sig(x))


def softplus(x):
    return log1p(E(-abs(x))) + max(x, mpf(0))


def phi(x):
    return E(-x * x / 2) / S(2 * mp.pi)


def tail(t):
    """Phi(-t) for t > 0; far out by the continued fraction, for erfc at 1e300 is slow."""
    if t < 60:
        return mpmath.erfc(t / S(mpf(2))) / 2
    f = t
    for k in range(2500, 0, -1):
        f = t + k / f
    return phi(t) / f


def Phi(x):
    return tail(-x) if x < 0 else 1 - tail(x)


def mills(x):
    """phi / Phi, without 0 / 0"""
    if x > -60:
        return phi(x) / Phi(x)
    f = -x
    for k in range(2500, 0, -1):
        f = -x + k / f
    return f


def log_phi(x):
    return mpmath.log(phi(x)) - mpmath.log(mills(x)) if x < -60 else log1p(-tail(x)) if x > 0 else mpmath.log(Phi(x))


def tan_parts(x):
    return mpmath.tan(x), 1 / mpmath.cos(x) ** 2, 2 * mpmath.tan(x) / mpmath.cos(x) ** 2


def bent(at_most_zero, above):
    """(f, f', f'') on both sides of a kink at 0; 0 belongs to the left."""
    return tuple((lambda x, a=a, b=b: a(x) if x <= 0 else b(x)) for a, b in zip(at_most_zero, above))


def const(c):
    return lambda x: mpf(c)


def same(x):
    return x


SELU, ALPHA = mpf(1.0507009873554804934193349852946), mpf(1.6732632423543772848170429916717)
LOG_PSI = lambda k: (lambda x: mpmath.psi(k, x))

# the expression, (f, f', f''), arguments
ROWS = [
    ("exp(x)", (E, E, E), WITH_ENDS),
    ("expm1(x)", (expm1, E, E), WITH_ENDS),
    ("log(x)", (mpmath.log, lambda x: 1 / x, lambda x: -1 / x**2), POSITIVE),
    ("log1p(x)", (log1p, lambda x: 1 / (1 + x), lambda x: -1 / (1 + x) ** 2),
     [v for v in EVERYWHERE if v > -1] + [-1 + 1e-10, -1 + 2.0**-53, -1 + 1e-5]),
    ("sqrt(x)", (S, lambda x: 1 / (2 * S(x)), lambda x: -1 / (4 * x * S(x))), POSITIVE),
    ("rsqrt(x)", (lambda x: 1 / S(x), lambda x: -1 / (2 * x * S(x)), lambda x: 3 / (4 * x * x * S(x))), POSITIVE),
    ("square(x)", (lambda x: x * x, lambda x: 2 * x, const(2)), EVERYWHERE),
    ("abs(x)", (abs, mpmath.sign, const(0)), WITH_ENDS),
    ("1 / x", (lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3), [v for v in EVERYWHERE if v]),
    ("x / 3", (lambda x: x / 3, lambda x: ONE / 3, const(0)), EVERYWHERE),
    ("x^3", (lambda x: x**3, lambda x: 3 * x**2, lambda x: 6 * x), EVERYWHERE),
    ("x^2.5", (lambda x: x**2.5, lambda x: 2.5 * x**1.5, lambda x: 3.75 * S(x)), POSITIVE),
    ("x^-1.5", (lambda x: x**-1.5, lambda x: -1.5 * x**-2.5, lambda x: 3.75 * x**-3.5), POSITIVE),
    ("2.5^x", tuple((lambda x, k=k: mpf(2.5) ** x * mpmath.log(mpf(2.5)) ** k) for k in range(3)), EVERYWHERE),
    ("sin(x)", (mpmath.sin, mpmath.cos, lambda x: -mpmath.sin(x)), EVERYWHERE),
    ("cos(x)", (mpmath.cos, lambda x: -mpmath.sin(x), lambda x: -mpmath.cos(x)), EVERYWHERE),
    ("tan(x)", tuple((lambda x, k=k: tan_parts(x)[k]) for k in range(3)), EVERYWHERE),
    ("asin(x)", (mpmath.asin, lambda x: 1 / S(1 - x * x), lambda x: x / S(1 - x * x) ** 3), UNIT),
    ("acos(x)", (mpmath.acos, lambda x: -1 / S(1 - x * x), lambda x: -x / S(1 - x * x) ** 3), UNIT),
    ("atan(x)", (mpmath.atan, lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2), WITH_ENDS),
    ("atan2(x, 2)", (lambda x: mpmath.atan2(x, mpf(2)), lambda x: 2 / (4 + x * x), lambda x: -4 * x / (4 + x * x) ** 2), EVERYWHERE),
    ("atan2(2, x)", (lambda x: mpmath.atan2(mpf(2), x), lambda x: -2 / (4 + x * x), lambda x: 4 * x / (4 + x * x) ** 2), EVERYWHERE),
    ("sinh(x)", (mpmath.sinh, mpmath.cosh, mpmath.sinh), WITH_ENDS),
    ("cosh(x)", (mpmath.cosh, mpmath.sinh, mpmath.cosh), WITH_ENDS),
    ("tanh(x)", (mpmath.tanh, lambda x: sech(x) ** 2, lambda x: -2 * mpmath.tanh(x) * sech(x) ** 2), WITH_ENDS),
    ("asinh(x)", (mpmath.asinh, lambda x: 1 / S(1 + x * x), lambda x: -x / S(1 + x * x) ** 3), EVERYWHERE),
    ("acosh(x)", (mpmath.acosh, lambda x: 1 / S(x * x - 1), lambda x: -x / S(x * x - 1) ** 3), [v for v in POSITIVE if v > 1]),
    ("atanh(x)", (mpmath.atanh, lambda x: 1 / (1 - x * x), lambda x: 2 * x / (1 - x * x) ** 2), UNIT),
    ("erf(x)", (mpmath.erf, lambda x: 2 * E(-x * x) / S(mp.pi), lambda x: -4 * x * E(-x * x) / S(mp.pi)), WITH_ENDS),
    ("erfc(x)", (lambda x: 2 * tail(x * S(mpf(2))) if x > 0 else 1 + mpmath.erf(-x), lambda x: -2 * E(-x * x) / S(mp.pi),
                 lambda x: 4 * x * E(-x * x) / S(mp.pi)), WITH_ENDS),
    ("normal_cdf(x)", (Phi, phi, lambda x: -x * phi(x)), WITH_ENDS),
    ("log_normal_cdf(x)", (log_phi, mills, lambda x: -mills(x) * (x + mills(x))), EVERYWHERE),
    ("lgamma(x)", (lambda x: mpmath.log(abs(mpmath.gamma(x))) if abs(x) < 1000 else mpmath.loggamma(x), LOG_PSI(0), LOG_PSI(1)),
     POSITIVE + [-0.5, -1.5, -2.25, -1e-5, -1e-10, 2.0, 2 + 1e-5, 1.5]),
    ("digamma(x)", (LOG_PSI(0), LOG_PSI(1), LOG_PSI(2)), POSITIVE + [-0.5, -1.5, -2.25, -1e-5, 1.4616, 1.46163214496836]),
    ("polygamma(1, x)", (LOG_PSI(1), LOG_PSI(2), LOG_PSI(3)), POSITIVE + [-0.5, -1.5, -2.25, -1e-5]),
    ("polygamma(2, x)", (LOG_PSI(2), LOG_PSI(3), LOG_PSI(4)), POSITIVE + [-0.5, -1.5, -2.25, -1e-5]),
    ("lbeta(x, 2.5)", (lambda x: mpmath.loggamma(x) + mpmath.loggamma(mpf(2.5)) - mpmath.loggamma(x + 2.5),
                       lambda x: mpmath.psi(0, x) - mpmath.psi(0, x + 2.5), lambda x: mpmath.psi(1, x) - mpmath.psi(1, x + 2.5)), POSITIVE),
    ("logaddexp(x, 1)", (lambda x: 1 + softplus(x - 1), lambda x: sig(x - 1), lambda x: dsig(x - 1)), WITH_ENDS),
    ("logaddexp(-2, x)", (lambda x: -2 + softplus(x + 2), lambda x: sig(x + 2), lambda x: dsig(x + 2)), WITH_ENDS),
    ("relu(x)", bent((const(0),) * 3, (same, const(1), const(0))), WITH_ENDS),
    ("leaky_relu(x)", bent((lambda x: mpf(0.01) * x, const(0.01), const(0)), (same, const(1), const(0))), WITH_ENDS),
    ("elu(x)", bent((expm1, E, E), (same, const(1), const(0))), WITH_ENDS),
    ("selu(x)", bent(tuple((lambda x, f=f: SELU * ALPHA * f(x)) for f in (expm1, E, E)),
                     (lambda x: SELU * x, const(SELU), const(0))), WITH_ENDS),
    ("gelu(x)", (lambda x: x * Phi(x), lambda x: Phi(x) + x * phi(x), lambda x: (2 - x * x) * phi(x)), EVERYWHERE),
    ("silu(x)", (lambda x: x * sig(x), lambda x: sig(x) + x * dsig(x), lambda x: 2 * dsig(x) + x * d2sig(x)), EVERYWHERE),
    ("softplus(x)", (softplus, sig, dsig), WITH_ENDS),
    ("sigmoid(x)", (sig, dsig, d2sig), WITH_ENDS),
    ("logit(x)", (lambda x: mpmath.log(x) - log1p(-x), lambda x: 1 / (x * (1 - x)), lambda x: (2 * x - 1) / (x * (1 - x)) ** 2),
     [v for v in UNIT if v > 0] + [0.5 + 2.0**-53, 0.5 - 1e-10, 0.25]),
    ("log_sigmoid(x)", (lambda x: -softplus(-x), lambda x: sig(-x), lambda x: -dsig(x)), WITH_ENDS),
    ("hardtanh(x)", (lambda x: max(-ONE, min(ONE, x)), lambda x: mpf(abs(x) <= 1), const(0)), WITH_ENDS),
    ("sin(x) / x", (lambda x: mpmath.sin(x) / x, lambda x: mpmath.cos(x) / x - mpmath.sin(x) / x**2, None),
     [0.5, 1.0, 3.0]),
    ("log(1 + exp(x))", (softplus, sig, dsig), [v for v in EVERYWHERE if abs(v) < 700]),
    ("x * sigmoid(x)", (lambda x: x * sig(x), lambda x: sig(x) + x * dsig(x), lambda x: 2 * dsig(x) + x * d2sig(x)), [0.5, 1.0, -3.0]),
]
H = float("-inf")
PI_2 = mp.pi / 2
# Limits that the formulas do not give: logarithms grow too slowly for 1e400, and at a pole nothing is to be divided.
EXACTLY = {
    ("log(x)", INF): (INF, 0, 0), ("log(x)", 0.0): (H, INF, H), ("log1p(x)", INF): (INF, 0, 0), ("log1p(x)", -1.0): (H, INF, H),
    ("sqrt(x)", INF): (INF, 0, 0), ("sqrt(x)", 0.0): (0, INF, H), ("rsqrt(x)", INF): (0, 0, 0), ("rsqrt(x)", 0.0): (INF, H, INF),
    ("square(x)", INF): (INF, INF, 2), ("square(x)", H): (INF, H, 2), ("x^3", INF): (INF, INF, INF), ("x^3", H): (H, INF, H),
    ("1 / x", INF): (0, 0, 0), ("1 / x", H): (0, 0, 0), ("x^2.5", INF): (INF, INF, INF), ("x^2.5", 0.0): (0, 0, 0),
    ("x^-1.5", INF): (0, 0, 0), ("asin(x)", 1.0): (PI_2, INF, INF), ("asin(x)", -1.0): (-PI_2, INF, H),
    ("acos(x)", 1.0): (0, H, H), ("acos(x)", -1.0): (mp.pi, H, INF), ("acosh(x)", INF): (INF, 0, 0), ("acosh(x)", 1.0): (0, INF, H),
    ("atanh(x)", 1.0): (INF, INF, INF), ("atanh(x)", -1.0): (H, INF, H), ("asinh(x)", INF): (INF, 0, 0), ("asinh(x)", H): (H, 0, 0),
    ("atan2(x, 2)", INF): (PI_2, 0, 0), ("atan2(x, 2)", H): (-PI_2, 0, 0), ("atan2(2, x)", INF): (0, 0, 0), ("atan2(2, x)", H): (mp.pi, 0, 0),
    ("lgamma(x)", INF): (INF, INF, 0), ("digamma(x)", INF): (INF, 0, 0), ("polygamma(1, x)", INF): (0, 0, 0), ("polygamma(2, x)", INF): (0, 0, 0),
    ("lbeta(x, 2.5)", INF): (H, 0, 0), ("gelu(x)", INF): (INF, 1, 0), ("gelu(x)", H): (0, 0, 0), ("silu(x)", INF): (INF, 1, 0),
    ("silu(x)", H): (0, 0, 0), ("log_normal_cdf(x)", INF): (0, 0, 0), ("log_normal_cdf(x)", H): (H, INF, -1),
    ("logit(x)", 0.0): (H, INF, H), ("logit(x)", 1.0): (INF, INF, INF), ("2.5^x", INF): (INF, INF, INF), ("2.5^x", H): (0, 0, 0),
}


def rounded(v):
    """The nearest double; overflow gives inf. mpmath rounds to nearest even above the subnormals; those are scaled."""
    v = mpf(v)
    if v == 0:
        return 0.0
    if abs(v) >= mpf(2) ** 1024 * (1 - TINY / 2):
        return INF if v > 0 else -INF
    if abs(v) < mpf(2) ** -1022:
        return float(int(mpmath.nint(v * mpf(2) ** 1074))) * 2.0**-1074
    with mp.workprec(53):
        return float(+v)


def main():
    print("expression;x;value;first;second")
    for text, parts, arguments in ROWS:
        limits = [x for name, x in EXACTLY if name == text]
        for x in dict.fromkeys(list(arguments) + limits):
            if (text, x) in EXACTLY:
                row = [float(v).hex() if v in (INF, H) else rounded(v).hex() for v in EXACTLY[text, x]]
                print(";".join([text, float(x).hex()] + row), flush=True)
                continue
            at = HUGE if x == INF else -HUGE if x == -INF else mpf(x)
            row = []
            for part in parts:
                try:
                    row.append("" if part is None else rounded(mpmath.re(part(at))).hex())
                except (ZeroDivisionError, ValueError, OverflowError) as e:
                    print(text, x, e, file=sys.stderr)
                    row.append("")
            print(";".join([text, float(x).hex()] + row), flush=True)


if __name__ == "__main__":
    main()
