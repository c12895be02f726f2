/* adrt_math.h: the scalar functions that emitted C calls and C does not have, and the few lines of memory arithmetic at
 * the head of its functions. Names end in f for float, as in <math.h>; an i in front is for int64_t.
 *
 * nan wins in min and max; // and % are Python's (floor, sign of the divisor), of ints by zero 0. Functions of the
 * normal distribution keep their relative accuracy in both tails: the continued fraction of Mills' ratio (Laplace 1805)
 * from |x| = 3 on, and exp(-x^2/2) by a split of x. Polygamma: recurrence, Stirling's series, reflection (Abramowitz and
 * Stegun 6.3, 6.4). */
#ifndef ADRT_MATH_H
#define ADRT_MATH_H

#include "adrt.h"
#include <math.h>
#include <stdbool.h>

#ifdef __clang__            /* pasted into a standalone file, what that file does not call is no mistake */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-function"
#endif

/* ---------------------------------------------------------------- memory */

/* Bytes used after `count` more elements, in multiples of 64; SIZE_MAX, for good, when that is too many. */
static inline size_t ad_room(size_t used, size_t element, int64_t count) {
    size_t bytes;
    if (used == SIZE_MAX || count < 0 || (uint64_t)count > (SIZE_MAX / 2) / element)
        return SIZE_MAX;
    bytes = ((size_t)count * element + 63) / 64 * 64;
    return bytes > SIZE_MAX / 2 - used ? SIZE_MAX : used + bytes;
}

static inline size_t ad_count(int64_t n) { return n > 0 ? (size_t)n : 0; }

/* A product of sizes; -1, for good, when it is too large. */
static inline int64_t ad_product(int64_t a, int64_t b) {
    return a < 0 || b < 0 || (b > 0 && a > INT64_MAX / b) ? -1 : a * b;
}

static inline void *ad_take(unsigned char **work, size_t element, int64_t count) {
    void *here = *work;
    *work += ad_room(0, element, count);
    return here;
}

static inline void *ad_at(void *base, size_t offset) { return (unsigned char *)base + offset; }

static inline int64_t ad_check(AdRun *run, int64_t index, int64_t size, int line, const char *what) {
    if (index >= 0 && index < size)
        return index;
    adrt_fault(run, AD_FAULT_INDEX, line, what, index, size, 0);
    return 0;
}

static inline int64_t ad_divisor(AdRun *run, int64_t divisor, int line, const char *what) {
    if (divisor != 0)
        return divisor;
    adrt_fault(run, AD_FAULT_DIVISION, line, what, 0, 0, 0);
    return 1;
}

/* ---------------------------------------------------------------- ints */

static inline int64_t ad_imin(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t ad_imax(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t ad_isign(int64_t a) { return (a > 0) - (a < 0); }
static inline int64_t ad_iabs(int64_t a) { return a < 0 ? (int64_t)(0 - (uint64_t)a) : a; }

static inline int64_t ad_ifloordiv(int64_t a, int64_t b) {
    int64_t q;
    if (b == 0)
        return 0;
    if (b == -1)
        return (int64_t)(0 - (uint64_t)a);
    q = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

static inline int64_t ad_imod(int64_t a, int64_t b) {
    int64_t m;
    if (b == 0 || b == -1)
        return 0;
    m = a % b;
    return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

/* ---------------------------------------------------------------- reals */

static inline double ad_min(double a, double b) { return a < b || a != a ? a : b; }
static inline double ad_max(double a, double b) { return a > b || a != a ? a : b; }
static inline float ad_minf(float a, float b) { return a < b || a != a ? a : b; }
static inline float ad_maxf(float a, float b) { return a > b || a != a ? a : b; }
static inline double ad_sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
static inline float ad_signf(float x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

static inline double ad_mod(double a, double b) {
    double m = fmod(a, b);
    if (m == 0)
        return copysign(0, b);
    return (m < 0) != (b < 0) ? m + b : m;
}

static inline double ad_floordiv(double a, double b) {
    double m = fmod(a, b), q, whole;
    if (b == 0 || isinf(b) || isnan(m))
        return floor(a / b);
    q = (a - m) / b - (m != 0 && (m < 0) != (b < 0) ? 1 : 0);
    whole = floor(q);
    return q - whole > 0.5 ? whole + 1 : whole;
}

static inline float ad_modf(float a, float b) {
    float m = fmodf(a, b);
    if (m == 0)
        return copysignf(0, b);
    return (m < 0) != (b < 0) ? m + b : m;
}

static inline float ad_floordivf(float a, float b) { return (float)ad_floordiv((double)a, (double)b); }

/* ---------------------------------------------------------------- exp, tanh, log in single precision
 *
 * Computed in double, without a branch or a call, so that loops of them become vector code; the error before the one
 * rounding to float is below 0.1 ulp. In double precision they are libm's. */

static inline double ad_from_bits(uint64_t bits) {
    union { uint64_t bits; double x; } u = {bits};
    return u.x;
}

static inline uint64_t ad_to_bits(double x) {
    union { double x; uint64_t bits; } u = {x};
    return u.bits;
}

/* exp(x) = 2^k exp(r), |r| <= log(2) / 2; k comes out of the low bits of a sum with 1.5 * 2^52. */
static inline double ad_exp_single(float x) {
    const double magic = 6755399441055744.0;
    double v = x > 90 ? 90 : x < -110 ? -110 : (double)x, shifted = v * 1.4426950408889634 + magic, k = shifted - magic;
    double r = v - k * 0.69314718055994531, p = 1.0 / 40320 + r * (1.0 / 362880);
    p = 1.0 / 24 + r * (1.0 / 120 + r * (1.0 / 720 + r * (1.0 / 5040 + r * p)));
    p = 1 + r * (1 + r * (1.0 / 2 + r * (1.0 / 6 + r * p)));
    return p * ad_from_bits((ad_to_bits(shifted) + 1023) << 52);
}

static inline float ad_expf(float x) { return (float)ad_exp_single(x); }

/* tanh(x) = (1 - e) / (1 + e), e = exp(-2 |x|); the series where 1 - e would cancel. */
static inline float ad_tanhf(float x) {
    double v = (double)x, q = v * v, e = ad_exp_single(-2 * fabsf(x)), t = (1 - e) / (1 + e);
    return fabsf(x) < 0.02f ? (float)(v * (1 + q * (-1.0 / 3 + q * (2.0 / 15)))) : x < 0 ? (float)-t : (float)t;
}

/* log(u) = k log(2) + 2 atanh(s), u = 2^k m, m in [sqrt(1/2), sqrt(2)), s = (m - 1) / (m + 1); 0 < u < inf, normal. */
static inline double ad_log_positive(double u) {
    uint64_t bits = ad_to_bits(u), shifted = bits - 0x3fe6a09e667f3bcdu;
    int32_t k = (int32_t)((int64_t)shifted >> 52);
    double m = ad_from_bits(bits - ((uint64_t)(int64_t)k << 52)), s = (m - 1) / (m + 1), q = s * s;
    double p = 2 + q * (2.0 / 3 + q * (2.0 / 5 + q * (2.0 / 7 + q * (2.0 / 9 + q * (2.0 / 11)))));
    return k * 0.69314718055994531 + s * p;
}

static inline float ad_logf(float x) {
    float y = (float)ad_log_positive((double)x);
    return x > 0 && x < INFINITY ? y : x == 0 ? -INFINITY : x > 0 ? x : NAN;
}

/* log1p(x) = log(u) x / (u - 1), u = 1 + x rounded: the rounding of u cancels. */
static inline float ad_log1pf(float x) {
    double u = 1 + (double)x, d = u - 1;
    float y = (float)(ad_log_positive(u) * ((double)x / (d != 0 ? d : 1)));
    y = d == 0 ? x : y;
    return u > 0 && x < INFINITY ? y : u == 0 ? -INFINITY : u > 0 ? x : NAN;
}

static inline double ad_exp(double x) { return exp(x); }
static inline double ad_log(double x) { return log(x); }
static inline double ad_log1p(double x) { return log1p(x); }
static inline double ad_tanh(double x) { return tanh(x); }

static inline double ad_one_minus_square(double x) { return (1 - x) * (1 + x); }
static inline float ad_one_minus_squaref(float x) { return (1 - x) * (1 + x); }

/* a / hypot(a, b): between -1 and 1 also where either is infinite; 0 at the origin */
static inline double ad_unit(double a, double b) {
    if (isinf(a))
        return isinf(b) ? copysign(0.70710678118654752440, a) : isnan(b) ? b : copysign(1, a);
    return a == 0 ? (isnan(b) ? b : a) : a / hypot(a, b);
}

static inline float ad_unitf(float a, float b) { return (float)ad_unit((double)a, (double)b); }

static inline bool ad_isnan(double x) { return isnan(x); }
static inline bool ad_isnanf(float x) { return isnan(x); }

static inline double ad_sigmoid(double x) {
    double e = exp(-fabs(x)), r = 1 / (1 + e);
    return x >= 0 ? r : e * r;
}

static inline float ad_sigmoidf(float x) {
    double e = ad_exp_single(-fabsf(x)), r = 1 / (1 + e);
    return x >= 0 ? (float)r : (float)(e * r);
}

static inline double ad_softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }
static inline float ad_softplusf(float x) { return (x > 0 ? x : 0) + ad_log1pf(ad_expf(-fabsf(x))); }

static inline double ad_sech2(double x) {
    double e = exp(-2 * fabs(x)), s = 1 + e;
    return 4 * e / (s * s);
}

static inline float ad_sech2f(float x) {
    double e = ad_exp_single(-2 * fabsf(x)), s = 1 + e;
    return (float)(4 * e / (s * s));
}

/* ---------------------------------------------------------------- the normal distribution */

/* exp(-x^2/2) to the last digits: x = h + l with h^2 exact. */
static inline double ad_gauss(double x) {
    double h = (double)(float)x, l = x - h;
    if (fabs(x) > 40)
        return isnan(x) ? x : 0;
    return exp(-0.5 * h * h) * exp(-l * (h + 0.5 * l));
}

/* The same for exp(-x^2). */
static inline double ad_gauss_erf(double x) {
    double h = (double)(float)x, l = x - h;
    if (fabs(x) > 28)
        return isnan(x) ? x : 0;
    return exp(-h * h) * exp(-l * (2 * h + l));
}

/* He_k(x) exp(-x^2/2), and H_k(x) exp(-x^2): 0 far out, where the polynomial alone overflows. */
static inline double ad_hermite(double order, double x) {
    double g = ad_gauss(x), here = 1, before = 0, next;
    if (g == 0 || isnan(x))
        return g;
    for (int k = 0; k < (int)order; k++) {
        next = x * here - k * before;
        before = here;
        here = next;
    }
    return here * g;
}

static inline double ad_hermite_erf(double order, double x) {
    double g = ad_gauss_erf(x), here = 1, before = 0, next;
    if (g == 0 || isnan(x))
        return g;
    for (int k = 0; k < (int)order; k++) {
        next = 2 * (x * here - k * before);
        before = here;
        here = next;
    }
    return here * g;
}

/* Phi(x) = erfc(-x / sqrt(2)) / 2. In the tail a rounded quotient costs x^2 times its error: the error is carried. */
static inline double ad_normal_cdf(double x) {
    const double c = 0.70710678118654752440, c_high = 0.70710676908493041992, c_low = 1.210161710447897e-08;
    double t = -x, h = t * c, high, low;
    if (!(fabs(x) < 40))
        return isnan(x) ? x : x > 0 ? 1 : 0;
    high = (double)(float)t;
    low = t - high;
    low = ((high * c_high - h) + high * c_low + low * c_high) + low * c_low;
    return 0.5 * (erfc(h) - 1.12837916709551257390 * exp(-h * h) * low);
}

/* phi(t) / Phi(-t) = t + 1/(t + 2/(t + 3/(...))), for t >= 3: what comes after t. */
static inline double ad_mills_rest(double t) {
    double f = t;
    for (int k = 100; k > 1; k--)
        f = t + k / f;
    return 1 / f;
}

static inline double ad_mills_tail(double t) { return t + ad_mills_rest(t); }

/* phi(x) / Phi(x) */
static inline double ad_mills(double x) {
    if (x < -3)
        return isinf(x) ? INFINITY : ad_mills_tail(-x);
    return 0.39894228040143267794 * ad_gauss(x) / ad_normal_cdf(x);
}

/* -d/dx of it: mills(x) (x + mills(x)), between 1 far to the left and 0 far to the right */
static inline double ad_mills_slope(double x) {
    double m = ad_mills(x);
    if (x < -3)
        return isinf(x) ? 1 : m * ad_mills_rest(-x);
    return m == 0 ? 0 : m * (x + m);
}

/* log Phi(x) */
static inline double ad_log_normal_cdf(double x) {
    if (x < -3)
        return isinf(x) ? -INFINITY : -0.5 * x * x - 0.91893853320467274178 - log(ad_mills_tail(-x));
    if (x < 0)
        return log(ad_normal_cdf(x));
    return x > 40 ? 0 : isnan(x) ? x : log1p(-ad_normal_cdf(-x));
}

static inline float ad_hermitef(float order, float x) { return (float)ad_hermite((double)order, (double)x); }
static inline float ad_hermite_erff(float order, float x) { return (float)ad_hermite_erf((double)order, (double)x); }
static inline float ad_normal_cdff(float x) { return (float)ad_normal_cdf((double)x); }
static inline float ad_mills_slopef(float x) { return (float)ad_mills_slope((double)x); }
static inline float ad_millsf(float x) { return (float)ad_mills((double)x); }
static inline float ad_log_normal_cdff(float x) { return (float)ad_log_normal_cdf((double)x); }

/* ---------------------------------------------------------------- the gamma function */

double lgamma_r(double, int *);         /* POSIX's lgamma without its global sign; hidden by -std=c11 */

static inline double ad_lgamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

static inline float ad_lgammaf(float x) { return (float)ad_lgamma((double)x); }

enum { AD_BERNOULLI = 12, AD_POLYGAMMA_ORDER = 60 };

/* B(2n), n = 1 .. 12 */
static inline double ad_bernoulli(int n) {
    static const double b[AD_BERNOULLI] = {
        1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510, 43867.0 / 798,
        -174611.0 / 330, 854513.0 / 138, -236364091.0 / 2730,
    };
    return b[n - 1];
}

/* Near its zero at 1.46...: psi(x) = (x - x0) sum 1/((n + x)(n + x0)), the tail by Stirling's series. */
static inline double ad_digamma_root(double x) {
    const double high = 1.4616321449683622, low = 9.549995429965697e-17;
    const int terms = 24;
    double d = (x - high) - low, sum = 0, a = terms + high, b = terms + x, tail;
    tail = d == 0 ? 1 / a : log1p(d / a) / d;
    tail += 0.5 / (a * b);
    for (int n = 1; n <= 6; n++) {                          /* -B(2n) / (2n y^2n) between y = a and y = b */
        double part = 0;
        for (int i = 0; i < 2 * n; i++)
            part += 1 / (pow(a, i + 1) * pow(b, 2 * n - i));
        tail += ad_bernoulli(n) / (2 * n) * part;
    }
    for (int n = terms - 1; n >= 0; n--)
        sum += 1 / ((n + x) * (n + high));
    return d * (sum + tail);
}

static inline double ad_digamma_positive(double x) {
    double sum = 0, y = x, series = 0;
    int steps = x < 12 ? (int)(12 - x) + 1 : 0;
    if (fabs(x - 1.46) < 1.3)
        return ad_digamma_root(x);
    y = x + steps;
    for (int n = steps - 1; n >= 0; n--)
        sum += 1 / (x + n);
    for (int n = 8; n > 0; n--)
        series = (series + ad_bernoulli(n) / (2 * n)) / (y * y);
    return log(y) - 0.5 / y - series - sum;
}

/* (-1)^(k+1) psi_k(x) for k > 0, x > 0: every term is positive. */
static inline double ad_polygamma_positive(int k, double x) {
    double least = 12 + k, y = x, sum = 0, factorial = 1, term, series = 0;
    int steps = x < least ? (int)(least - x) + 1 : 0;
    for (int n = 2; n <= k; n++)
        factorial *= n;
    y = x + steps;
    for (int n = steps - 1; n >= 0; n--)
        sum += 1 / pow(x + n, k + 1);
    term = 0.5 * k * (k + 1) / (y * y);                     /* (2n + k - 1)! / ((2n)! (k - 1)! y^2n) */
    for (int n = 1; n <= AD_BERNOULLI; n++) {
        series += ad_bernoulli(n) * term;
        term *= (double)(2 * n + k) * (2 * n + k + 1) / ((2 * n + 1) * (2 * n + 2) * y * y);
    }
    return factorial * (sum + (1 + 0.5 * k / y + series) / (k * pow(y, k)));
}

/* pi^(k+1) times the k-th derivative of cot at pi x: a polynomial in cot, for (cot)' = -(1 + cot^2). */
static inline double ad_cot_derivative(int k, double x) {
    double r = x - rint(x), c = fabs(r) == 0.5 ? 0 : 1 / tan(3.14159265358979323846 * r), value = 0;
    double p[AD_POLYGAMMA_ORDER + 3] = {0, 1}, q[AD_POLYGAMMA_ORDER + 3];
    for (int n = 0; n < k; n++) {
        for (int i = 0; i <= n + 3; i++)
            q[i] = 0;
        for (int i = 1; i <= n + 1; i++) {
            q[i - 1] -= i * p[i];
            q[i + 1] -= i * p[i];
        }
        for (int i = 0; i <= n + 2; i++)
            p[i] = q[i];
    }
    for (int i = k + 1; i >= 0; i--)
        value = value * c + p[i];
    return value * pow(3.14159265358979323846, k + 1);
}

/* The k-th derivative of digamma. */
static inline double ad_polygamma(double order, double x) {
    int k = order >= 0 && order <= AD_POLYGAMMA_ORDER ? (int)order : -1;
    if (k != order || isnan(x) || x == -INFINITY)
        return NAN;
    if (x == INFINITY)
        return k == 0 ? INFINITY : k % 2 ? 0.0 : -0.0;
    if (x > 0)
        return k == 0 ? ad_digamma_positive(x) : (k % 2 ? 1 : -1) * ad_polygamma_positive(k, x);
    if (x == rint(x))
        return k % 2 ? INFINITY : x == 0 ? -copysign(INFINITY, x) : NAN;
    if (k == 0)
        return ad_digamma_positive(1 - x) - ad_cot_derivative(0, x);
    return -ad_polygamma_positive(k, 1 - x) - ad_cot_derivative(k, x);
}

/* y^-m - z^-m for z = y exp(l) */
static inline double ad_power_gap(double y, int m, double l) { return -pow(y, -m) * expm1(-m * l); }

/* psi_k(x + h) - psi_k(x), from differences of the terms of ad_polygamma. */
static inline double ad_polygamma_step(double order, double x, double h) {
    int k = order >= 0 && order <= AD_POLYGAMMA_ORDER ? (int)order : -1, steps;
    double y = x, sum = 0, factorial = 1, term, l;
    if (x == INFINITY && h > 0)
        return 0;
    if (k != order || !(x > 0 && h > 0) || isinf(h))
        return ad_polygamma(order, x + h) - ad_polygamma(order, x);
    steps = x < 12 + k ? (int)(12 + k - x) + 1 : 0;
    y = x + steps;
    l = log1p(h / y);
    for (int n = 2; n <= k; n++)
        factorial *= n;
    for (int n = steps - 1; n >= 0; n--)
        sum += k == 0 ? h / ((x + n) * (x + h + n)) : ad_power_gap(x + n, k + 1, log1p(h / (x + n)));
    sum += k == 0 ? l + 0.5 * h / (y * (y + h)) : ad_power_gap(y, k, l) / k + 0.5 * ad_power_gap(y, k + 1, l);
    term = k == 0 ? 0.5 : 0.5 * (k + 1);                    /* (2n + k - 1)! / ((2n)! k!), at k = 0 1/(2n) */
    for (int n = 1; n <= 8; n++) {
        sum += ad_bernoulli(n) * term * ad_power_gap(y, 2 * n + k, l);
        term *= (double)(2 * n + k) * (2 * n + k + 1) / ((2 * n + 1) * (2 * n + 2));
    }
    return (k % 2 ? -1 : 1) * factorial * sum;
}

static inline float ad_polygamma_stepf(float order, float x, float h) {
    return (float)ad_polygamma_step((double)order, (double)x, (double)h);
}

/* What Stirling's formula leaves of log Gamma(x), x >= 10. */
static inline double ad_stirling_rest(double x) {
    double sum = 0;
    for (int n = 8; n > 0; n--)
        sum = sum / (x * x) + ad_bernoulli(n) / (2 * n * (2 * n - 1));
    return sum / x;
}

/* log B(a, b) (DiDonato and Morris 1992): what is large in log Gamma cancels on paper. */
static inline double ad_lbeta(double a, double b) {
    double p = a < b ? a : b, q = a < b ? b : a, rest;
    if (!(p > 0) || q < 10 || isinf(q))
        return isinf(q) && p > 0 ? -INFINITY : ad_lgamma(a) + ad_lgamma(b) - ad_lgamma(a + b);
    rest = ad_stirling_rest(q) - ad_stirling_rest(p + q);
    if (p >= 10)
        return -0.5 * log(q) + 0.91893853320467274178 + (ad_stirling_rest(p) + rest) + (p - 0.5) * log(p / (p + q)) - q * log1p(p / q);
    return (ad_lgamma(p) - p * log(p + q)) + ((p - (q - 0.5) * log1p(p / q)) + rest);
}

static inline float ad_lbetaf(float a, float b) { return (float)ad_lbeta((double)a, (double)b); }
static inline float ad_polygammaf(float order, float x) { return (float)ad_polygamma((double)order, (double)x); }

/* ---------------------------------------------------------------- long sums
 *
 * Blocks of AD_BLOCK terms in a row, and blocks pairwise: part[k] is the sum of 2^k blocks when bit k of .blocks is set, as
 * in a binary counter. The tree depends on how many terms there are and on nothing else; the error grows with the
 * logarithm of their number (Higham 1993). */
enum { AD_BLOCK = 32, AD_PARTS = 40 };

#define AD_TREE(tree, real, f)                                                                                         \
    typedef struct {                                                                                                   \
        real sum, part[AD_PARTS];                                                                                      \
        int count;                                                                                                     \
        uint64_t blocks;                                                                                               \
    } tree;                                                                                                            \
    static inline void ad_add##f(tree *t, real x) {                                                                    \
        int k = 0;                                                                                                     \
        t->sum += x;                                                                                                   \
        if (++t->count < AD_BLOCK)                                                                                     \
            return;                                                                                                    \
        for (; t->blocks >> k & 1; k++)                                                                                \
            t->sum += t->part[k];                                                                                      \
        t->part[k] = t->sum;                                                                                           \
        t->sum = 0;                                                                                                    \
        t->count = 0;                                                                                                  \
        t->blocks++;                                                                                                   \
    }                                                                                                                  \
    static inline real ad_total##f(const tree *t) {                                                                    \
        real sum = t->sum;                                                                                             \
        for (int k = 0; t->blocks >> k; k++)                                                                           \
            if (t->blocks >> k & 1)                                                                                    \
                sum += t->part[k];                                                                                     \
        return sum;                                                                                                    \
    }

AD_TREE(ad_tree, double, )
AD_TREE(ad_treef, float, f)

/* ---------------------------------------------------------------- several samples at once
 *
 * Loops over samples run a vector of them at a time, one sample a lane, when their bodies allow. ad_lanes holds reals,
 * ad_ints ints or truth (all bits or none); names ending in f are for float. Sums over lanes are pairwise. AD_LANES says
 * that they are there: a compiler without GNU C's vectors runs the loops row by row. */
#if defined(__GNUC__)
#define AD_LANES 1
#if defined(__AVX512F__)
#define AD_LANE_BYTES 64
#elif defined(__AVX__)
#define AD_LANE_BYTES 32
#else
#define AD_LANE_BYTES 16
#endif

typedef double ad_lanes __attribute__((vector_size(AD_LANE_BYTES)));
typedef int64_t ad_ints __attribute__((vector_size(AD_LANE_BYTES)));
typedef float ad_lanesf __attribute__((vector_size(AD_LANE_BYTES)));
typedef int32_t ad_intsf __attribute__((vector_size(AD_LANE_BYTES)));

#define AD_EACH_LANE(v) for (int l = 0; l < (int)(sizeof(v) / sizeof((v)[0])); l++)

#define AD_LANE_CALL(name, lanes, f)                                                                                   \
    static inline lanes name(lanes x) {                                                                                \
        AD_EACH_LANE(x)                                                                                                \
            x[l] = f(x[l]);                                                                                            \
        return x;                                                                                                      \
    }

#define AD_LANE_FUNCTIONS(lanes, ints, real, f)                                                                        \
    static inline lanes ad_select##f(ints c, lanes a, lanes b) { return (lanes)((c & (ints)a) | (~c & (ints)b)); }     \
    static inline ints ad_select_int##f(ints c, ints a, ints b) { return (c & a) | (~c & b); }                         \
    static inline ints ad_lane_isnan##f(lanes x) { return x != x; }                                                    \
    static inline ints ad_truth##f(bool c) { return (ints){0} - (int)c; }                                              \
    static inline lanes ad_splat##f(real x) { return (lanes){0} + x; }                                                 \
    static inline lanes ad_lane_max##f(lanes a, lanes b) { return ad_select##f((a > b) | (a != a), a, b); }            \
    static inline lanes ad_lane_min##f(lanes a, lanes b) { return ad_select##f((a < b) | (a != a), a, b); }            \
    static inline lanes ad_lane_abs##f(lanes a) { return ad_select##f(a < 0, -a, ad_select##f(a == 0, a * a, a)); }    \
    /* p[0], p[stride], p[2 stride] ... */                                                                             \
    static inline lanes ad_load##f(const real *p, int64_t stride) {                                                    \
        lanes x = {0};                                                                                                       \
        AD_EACH_LANE(x)                                                                                                \
            x[l] = p[l * stride];                                                                                      \
        return x;                                                                                                      \
    }                                                                                                                  \
    static inline void ad_store##f(real *p, int64_t stride, lanes x) {                                                 \
        AD_EACH_LANE(x)                                                                                                \
            p[l * stride] = x[l];                                                                                      \
    }                                                                                                                  \
    /* lane l of x[i[l]] */                                                                                            \
    static inline lanes ad_pick##f(const lanes *x, ints i) {                                                           \
        lanes y = {0};                                                                                                       \
        AD_EACH_LANE(y)                                                                                                \
            y[l] = x[i[l]][l];                                                                                         \
        return y;                                                                                                      \
    }                                                                                                                  \
    static inline real ad_sum##f(lanes x) {                                                                            \
        for (int half = (int)(sizeof x / sizeof x[0]) / 2; half > 0; half /= 2)                                        \
            for (int l = 0; l < half; l++)                                                                             \
                x[l] += x[l + half];                                                                                   \
        return x[0];                                                                                                   \
    }                                                                                                                  \
    AD_LANE_CALL(ad_lane_sqrt##f, lanes, sqrt##f)

AD_LANE_FUNCTIONS(ad_lanes, ad_ints, double, )
AD_LANE_FUNCTIONS(ad_lanesf, ad_intsf, float, f)

static inline ad_ints ad_load_int(const int64_t *p, int64_t stride) {
    ad_ints x = {0};
    AD_EACH_LANE(x)
        x[l] = p[l * stride];
    return x;
}

static inline ad_intsf ad_load_intf(const int64_t *p, int64_t stride) {
    ad_intsf x = {0};
    AD_EACH_LANE(x)
        x[l] = (int32_t)p[l * stride];
    return x;
}

AD_LANE_CALL(ad_lane_exp, ad_lanes, exp)
AD_LANE_CALL(ad_lane_log, ad_lanes, log)
AD_LANE_CALL(ad_lane_log1p, ad_lanes, log1p)
AD_LANE_CALL(ad_lane_tanh, ad_lanes, tanh)
AD_LANE_CALL(ad_lane_sigmoid, ad_lanes, ad_sigmoid)
AD_LANE_CALL(ad_lane_softplus, ad_lanes, ad_softplus)
AD_LANE_CALL(ad_lane_sech2, ad_lanes, ad_sech2)

/* The functions of floats above, on vectors of doubles twice as wide. */
typedef double ad_wide __attribute__((vector_size(2 * AD_LANE_BYTES)));
typedef int64_t ad_wide_ints __attribute__((vector_size(2 * AD_LANE_BYTES)));

#define AD_WIDE(x) __builtin_convertvector(x, ad_wide)
#define AD_NARROW(x) __builtin_convertvector(x, ad_lanesf)
#define AD_WIDE_SELECT(c, a, b) ((ad_wide)(((c) & (ad_wide_ints)(a)) | (~(c) & (ad_wide_ints)(b))))
#define AD_WIDE_SPLAT(x) ((ad_wide){0} + (x))

/* e = exp(v), v a vector of doubles that hold floats, which is changed */
#define AD_WIDE_EXP(e, v)                                                                                              \
    do {                                                                                                               \
        const double magic = 6755399441055744.0;                                                                       \
        ad_wide shifted_, k_, r_, p_;                                                                                  \
        v = AD_WIDE_SELECT(v > 90, AD_WIDE_SPLAT(90.0), v);                                                            \
        v = AD_WIDE_SELECT(v < -110, AD_WIDE_SPLAT(-110.0), v);                                                        \
        shifted_ = v * 1.4426950408889634 + magic;                                                                     \
        k_ = shifted_ - magic;                                                                                         \
        r_ = v - k_ * 0.69314718055994531;                                                                             \
        p_ = 1.0 / 40320 + r_ * (1.0 / 362880);                                                                        \
        p_ = 1.0 / 24 + r_ * (1.0 / 120 + r_ * (1.0 / 720 + r_ * (1.0 / 5040 + r_ * p_)));                             \
        p_ = 1 + r_ * (1 + r_ * (1.0 / 2 + r_ * (1.0 / 6 + r_ * p_)));                                                 \
        e = p_ * (ad_wide)(((ad_wide_ints)shifted_ + 1023) << 52);                                                     \
    } while (0)

/* y = log(u), 0 < u < inf */
#define AD_WIDE_LOG(y, u)                                                                                              \
    do {                                                                                                               \
        ad_wide_ints bits_ = (ad_wide_ints)(u), k_ = (bits_ - 0x3fe6a09e667f3bcd) >> 52;                               \
        ad_wide m_ = (ad_wide)(bits_ - (k_ << 52)), s_ = (m_ - 1) / (m_ + 1), q_ = s_ * s_;                            \
        ad_wide p_ = 2 + q_ * (2.0 / 3 + q_ * (2.0 / 5 + q_ * (2.0 / 7 + q_ * (2.0 / 9 + q_ * (2.0 / 11)))));          \
        y = AD_WIDE(k_) * 0.69314718055994531 + s_ * p_;                                                               \
    } while (0)

static inline ad_lanesf ad_lane_expf(ad_lanesf x) {
    ad_wide v = AD_WIDE(x), e;
    AD_WIDE_EXP(e, v);
    return AD_NARROW(e);
}

static inline ad_lanesf ad_lane_tanhf(ad_lanesf x) {
    ad_wide v = AD_WIDE(x), a = AD_WIDE_SELECT(v < 0, -v, v), q = v * v, e, t, w = -2 * a;
    AD_WIDE_EXP(e, w);
    t = (1 - e) / (1 + e);
    t = AD_WIDE_SELECT(v < 0, -t, t);
    return AD_NARROW(AD_WIDE_SELECT(a < 0.02, v * (1 + q * (-1.0 / 3 + q * (2.0 / 15))), t));
}

static inline ad_lanesf ad_lane_sigmoidf(ad_lanesf x) {
    ad_wide v = AD_WIDE(x), w = AD_WIDE_SELECT(v < 0, v, -v), e, r;
    AD_WIDE_EXP(e, w);
    r = 1 / (1 + e);
    return AD_NARROW(AD_WIDE_SELECT(v < 0, e * r, r));
}

static inline ad_lanesf ad_lane_sech2f(ad_lanesf x) {
    ad_wide v = AD_WIDE(x), w = AD_WIDE_SELECT(v < 0, 2 * v, -2 * v), e, s;
    AD_WIDE_EXP(e, w);
    s = 1 + e;
    return AD_NARROW(4 * e / (s * s));
}

static inline ad_lanesf ad_lane_logf(ad_lanesf x) {
    ad_wide u = AD_WIDE(x), y;
    AD_WIDE_LOG(y, u);
    y = AD_WIDE_SELECT(u < (double)INFINITY, y, u);
    y = AD_WIDE_SELECT(u > 0, y, AD_WIDE_SPLAT((double)NAN));
    return AD_NARROW(AD_WIDE_SELECT(u == 0, AD_WIDE_SPLAT(-(double)INFINITY), y));
}

static inline ad_lanesf ad_lane_log1pf(ad_lanesf x) {
    ad_wide v = AD_WIDE(x), u = 1 + v, d = u - 1, y;
    AD_WIDE_LOG(y, u);
    y = AD_WIDE_SELECT(d == 0, v, y * (v / AD_WIDE_SELECT(d == 0, AD_WIDE_SPLAT(1.0), d)));
    y = AD_WIDE_SELECT(u < (double)INFINITY, y, u);
    y = AD_WIDE_SELECT(u > 0, y, AD_WIDE_SPLAT((double)NAN));
    return AD_NARROW(AD_WIDE_SELECT(u == 0, AD_WIDE_SPLAT(-(double)INFINITY), y));
}

static inline ad_lanesf ad_lane_softplusf(ad_lanesf x) {
    ad_lanesf zero = {0}, e = ad_lane_expf(ad_lane_minf(x, -x));
    return ad_selectf(x > 0, x, zero) + ad_lane_log1pf(e);
}

#undef AD_WIDE
#undef AD_NARROW
#undef AD_WIDE_SELECT
#undef AD_WIDE_SPLAT
#undef AD_WIDE_EXP
#undef AD_WIDE_LOG
#undef AD_LANE_FUNCTIONS
#undef AD_LANE_CALL
#undef AD_EACH_LANE
#endif

#ifdef __clang__
#pragma clang diagnostic pop
#endif
#endif
