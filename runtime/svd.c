/* svd.c: the singular value decomposition, for what models compute once from their data.
 *
 * A[m, n] = U[m, r] diag(s) V[n, r]', r = min(m, n), s descending. A tall matrix (a wide one is transposed) is first
 * reduced by Householder QR with column pivoting, A P = Q R; then the rows of R are made orthogonal by plane rotations
 * J, pair by pair, until all are: R' J = Y diag(s), hence A = (Q J) diag(s) (P Y)'. One-sided Jacobi (Hestenes 1958) on
 * the transposed factor converges in a few sweeps (Drmac and Veselic 2008) and finds small singular values as
 * accurately as large ones. U is orthonormal by construction; columns of V for zero singular values are completed. */
#include "rt.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SVD_SWEEPS = 60 };

/* Four sums: without them the compiler may not use more than one lane. */
static double svd_dot(const double *restrict a, const double *restrict b, int64_t n)
{
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        s0 += a[i] * b[i];
        s1 += a[i + 1] * b[i + 1];
        s2 += a[i + 2] * b[i + 2];
        s3 += a[i + 3] * b[i + 3];
    }
    for (; i < n; i++)
        s0 += a[i] * b[i];
    return (s0 + s1) + (s2 + s3);
}

static void svd_add(double *restrict y, double a, const double *restrict x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

static void svd_rotate(double *restrict x, double *restrict y, double c, double s, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double a = x[i], b = y[i];
        x[i] = c * a - s * b;
        y[i] = s * a + c * b;
    }
}

/* ---- QR: col[k] points to column k of W; on return it holds reflector k from row k down, R its upper rows ---- */

/* v with (I - beta v v') x = -+|x| e0, v[0] chosen without cancellation; returns the new x[0]. */
static double reflector(double *x, int64_t n, double *beta)
{
    double norm = sqrt(svd_dot(x, x, n));
    *beta = 0;
    if (norm == 0)
        return 0;
    double to = x[0] > 0 ? -norm : norm;
    x[0] -= to;
    *beta = -1 / (to * x[0]);
    return to;
}

static void reflect(double *y, const double *v, double beta, int64_t n)
{
    svd_add(y, -beta * svd_dot(v, y, n), v, n);
}

static void qr_pivoted(int64_t m, int64_t n, double **col, int64_t *place, double *beta, double *R)
{
    for (int64_t k = 0; k < n; k++) {
        int64_t top = k;
        double most = -1;
        for (int64_t j = k; j < n; j++) {       /* what is left of each column, afresh: updating loses digits */
            double left = svd_dot(col[j] + k, col[j] + k, m - k);
            if (left > most) {
                most = left;
                top = j;
            }
        }
        double *c = col[top];
        int64_t p = place[top];
        col[top] = col[k];
        place[top] = place[k];
        col[k] = c;
        place[k] = p;
        for (int64_t i = 0; i < k; i++)         /* final once the column has come to rest; below stay zeros */
            R[i * n + k] = c[i];
        R[k * n + k] = reflector(c + k, m - k, &beta[k]);
        for (int64_t j = k + 1; j < n; j++)
            reflect(col[j] + k, c + k, beta[k], m - k);
    }
}

/* ---- Jacobi: x[j] the rows of R, q[j] the columns of J ---- */

typedef struct { int64_t n; double **x, **q, *square; } Rows;

static void swap_rows(Rows *r, int64_t i, int64_t j)
{
    double *x = r->x[i], *q = r->q[i], square = r->square[i];
    r->x[i] = r->x[j];
    r->q[i] = r->q[j];
    r->square[i] = r->square[j];
    r->x[j] = x;
    r->q[j] = q;
    r->square[j] = square;
}

/* Makes rows i and j orthogonal; false when they were. */
static bool orthogonalise(Rows *r, int64_t i, int64_t j, double tolerance)
{
    if (r->square[i] < r->square[j])
        swap_rows(r, i, j);
    double a = r->square[i], b = r->square[j];
    if (b == 0)
        return false;
    double g = svd_dot(r->x[i], r->x[j], r->n);
    if (fabs(g) <= tolerance * sqrt(a) * sqrt(b))
        return false;
    double z = (b - a) / (2 * g), t = (z < 0 ? -1 : 1) / (fabs(z) + hypot(1, z));
    double c = 1 / sqrt(1 + t * t), s = c * t;
    svd_rotate(r->x[i], r->x[j], c, s, r->n);
    svd_rotate(r->q[i], r->q[j], c, s, r->n);
    r->square[i] = svd_dot(r->x[i], r->x[i], r->n);
    r->square[j] = svd_dot(r->x[j], r->x[j], r->n);
    return true;
}

static bool jacobi(Rows *r)
{
    double tolerance = DBL_EPSILON * sqrt((double)r->n);
    for (int64_t j = 0; j < r->n; j++) {
        r->square[j] = svd_dot(r->x[j], r->x[j], r->n);
        if (r->square[j] < 1e-280) {            /* of a matrix scaled to 1: squares would underflow */
            memset(r->x[j], 0, (size_t)r->n * sizeof(double));
            r->square[j] = 0;
        }
    }
    for (int sweep = 0; sweep < SVD_SWEEPS; sweep++) {
        bool moved = false;
        for (int64_t i = 0; i < r->n - 1; i++)
            for (int64_t j = i + 1; j < r->n; j++)
                moved = orthogonalise(r, i, j, tolerance) || moved;
        if (!moved)
            return true;
    }
    return false;
}

static void sort_rows(Rows *r)
{
    for (int64_t i = 0; i < r->n; i++)
        for (int64_t j = i + 1; j < r->n; j++)
            if (r->square[j] > r->square[i])
                swap_rows(r, i, j);
}

/* A unit vector for row j orthogonal to rows 0..j-1, from the axis that they cover least. */
static void complete_row(Rows *r, int64_t j)
{
    int64_t axis = 0;
    double least = INFINITY;
    for (int64_t a = 0; a < r->n; a++) {
        double covered = 0;
        for (int64_t i = 0; i < j; i++)
            covered += r->x[i][a] * r->x[i][a];
        if (covered < least) {
            least = covered;
            axis = a;
        }
    }
    double *x = r->x[j];
    memset(x, 0, (size_t)r->n * sizeof *x);
    x[axis] = 1;
    for (int64_t i = 0; i < 2 * j; i++)
        svd_add(x, -svd_dot(x, r->x[i % j], r->n), r->x[i % j], r->n);
    double norm = sqrt(svd_dot(x, x, r->n));
    for (int64_t i = 0; i < r->n; i++)
        x[i] /= norm;
}

static void normalise_rows(Rows *r, double *s)
{
    for (int64_t j = 0; j < r->n; j++) {
        s[j] = sqrt(r->square[j]);
        if (s[j] == 0) {
            complete_row(r, j);
            continue;
        }
        for (int64_t i = 0; i < r->n; i++)
            r->x[j][i] /= s[j];
    }
}

/* ---- */

static int svd_tall(int64_t m, int64_t n, double *W, double *U, double *s, double *V)
{
    size_t nn = (size_t)(n * n);
    double *R = rt_alloc(nn * sizeof *R), *Q = rt_alloc(nn * sizeof *Q), *beta = rt_alloc((size_t)n * sizeof *beta);
    double *square = rt_alloc((size_t)n * sizeof *square), *z = rt_alloc((size_t)m * sizeof *z);
    double **col = rt_alloc((size_t)n * sizeof *col), **x = rt_alloc((size_t)n * sizeof *x), **q = rt_alloc((size_t)n * sizeof *q);
    int64_t *place = rt_alloc((size_t)n * sizeof *place);
    for (int64_t j = 0; j < n; j++) {
        col[j] = W + j * m;
        place[j] = j;
        x[j] = R + j * n;
        q[j] = Q + j * n;
        q[j][j] = 1;
    }
    qr_pivoted(m, n, col, place, beta, R);
    Rows rows = { n, x, q, square };
    bool converged = jacobi(&rows);
    sort_rows(&rows);
    normalise_rows(&rows, s);
    for (int64_t j = 0; j < n; j++) {
        memset(z, 0, (size_t)m * sizeof *z);
        memcpy(z, q[j], (size_t)n * sizeof *z);
        for (int64_t k = n - 1; k >= 0; k--)
            reflect(z + k, col[k] + k, beta[k], m - k);
        for (int64_t i = 0; i < m; i++)
            U[i * n + j] = z[i];
        for (int64_t i = 0; i < n; i++)
            V[place[i] * n + j] = x[j][i];
    }
    free(R), free(Q), free(beta), free(square), free(z), free(col), free(x), free(q), free(place);
    return converged ? 0 : 1;
}

/* 0; or 1 when some element is not finite or the rotations do not settle. */
int svd(int64_t m, int64_t n, const double *A, double *U, double *s, double *V)
{
    bool wide = m < n;
    double most = 0;
    for (int64_t i = 0; i < m * n; i++) {
        if (A[i] - A[i] != 0)
            return 1;
        most = fmax(most, fabs(A[i]));
    }
    int power = 0;
    frexp(most, &power);
    double *W = rt_alloc((size_t)(m * n) * sizeof *W);      /* columns of A, or of A', one after the other, scaled to 1 */
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            W[wide ? i * n + j : j * m + i] = ldexp(A[i * n + j], -power);
    int code = wide ? svd_tall(n, m, W, V, s, U) : svd_tall(m, n, W, U, s, V);
    for (int64_t j = 0; j < (wide ? m : n); j++)
        s[j] = ldexp(s[j], power);
    free(W);
    return code;
}
