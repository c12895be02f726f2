/* optim.c: first-order optimisers on one flat array.
 *
 *     x: every learnable element of a run, 64-byte aligned      g: the gradient, same layout
 *
 * The conventions are PyTorch's, so that trajectories agree: eps outside the square root, bias-corrected moments, the
 * momentum buffer starts as the first gradient, weight decay joins the gradient except in adamw. Each kernel is written
 * once, in a macro, for float and for double; the loops carry nothing from element to element and vectorise. */
#include "rt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum { OPTIM_SGD, OPTIM_ADAM, OPTIM_ADAMW, OPTIM_RMSPROP, OPTIM_ADAGRAD } OptimKind;

struct Optim {
    OptimSpec spec;
    OptimKind kind;
    int f64;
    int64_t n, steps;
    double c1, c2;              /* Adam's corrections of the bias at this step */
    int nstates;
    void *state[2];             /* momentum or first moment; second moment */
};

#define OPTIM_KERNELS(T, SUFFIX, ROOT)                                                                                  \
    static void sgd_##SUFFIX(T lr, T *restrict x, const T *restrict g, Stretch at)                                      \
    {                                                                                                                   \
        for (int64_t i = at.from; i < at.from + at.n; i++)                                                              \
            x[i] -= lr * g[i];                                                                                          \
    }                                                                                                                   \
                                                                                                                        \
    static void momentum_##SUFFIX(const Optim *o, T lr, T *restrict x, const T *restrict g, Stretch at)                 \
    {                                                                                                                   \
        T *restrict m = o->state[0];                                                                                    \
        T decay = (T)o->spec.weight_decay, keep = (T)o->spec.momentum;                                                  \
        T old = o->steps == 1 ? 0 : keep, look = o->spec.nesterov ? keep : 0, own = o->spec.nesterov ? 1 : 0;           \
        for (int64_t i = at.from; i < at.from + at.n; i++) {                                                            \
            T d = g[i] + decay * x[i];                                                                                  \
            m[i] = old * m[i] + d;                                                                                      \
            x[i] -= lr * (own > 0 ? d + look * m[i] : m[i]);                                                            \
        }                                                                                                               \
    }                                                                                                                   \
                                                                                                                        \
    static void adam_##SUFFIX(const Optim *o, double lr, T *restrict x, const T *restrict g, Stretch at)                \
    {                                                                                                                   \
        T *restrict m = o->state[0], *restrict v = o->state[1];                                                         \
        const OptimSpec *s = &o->spec;                                                                                  \
        bool decoupled = o->kind == OPTIM_ADAMW;                                                                        \
        T shrink = decoupled ? (T)(1 - lr * s->weight_decay) : 1, decay = decoupled ? 0 : (T)s->weight_decay;           \
        T b1 = (T)(1 - s->beta1), keep2 = (T)s->beta2, b2 = (T)(1 - s->beta2), eps = (T)s->eps;                         \
        T size = (T)(lr / o->c1), scale = (T)sqrt(o->c2);                                                               \
        for (int64_t i = at.from; i < at.from + at.n; i++) {                                                            \
            T p = x[i] * shrink, d = g[i] + decay * p;                                                                  \
            m[i] += (d - m[i]) * b1;                                                                                    \
            v[i] = v[i] * keep2 + b2 * d * d;                                                                           \
            x[i] = p - size * (m[i] / (ROOT(v[i]) / scale + eps));                                                      \
        }                                                                                                               \
    }                                                                                                                   \
                                                                                                                        \
    static void rmsprop_##SUFFIX(const Optim *o, T lr, T *restrict x, const T *restrict g, Stretch at)                  \
    {                                                                                                                   \
        T *restrict m = o->state[0], *restrict v = o->state[1];                                                         \
        T decay = (T)o->spec.weight_decay, keep = (T)o->spec.momentum, alpha = (T)o->spec.alpha, eps = (T)o->spec.eps;  \
        T fresh = (T)(1 - o->spec.alpha);                                                                               \
        for (int64_t i = at.from; i < at.from + at.n; i++) {                                                            \
            T d = g[i] + decay * x[i];                                                                                  \
            v[i] = v[i] * alpha + fresh * d * d;                                                                        \
            m[i] = keep * m[i] + d / (ROOT(v[i]) + eps);                                                                \
            x[i] -= lr * m[i];                                                                                          \
        }                                                                                                               \
    }                                                                                                                   \
                                                                                                                        \
    static void adagrad_##SUFFIX(const Optim *o, T lr, T *restrict x, const T *restrict g, Stretch at)                  \
    {                                                                                                                   \
        T *restrict v = o->state[0];                                                                                    \
        T decay = (T)o->spec.weight_decay, eps = (T)o->spec.eps;                                                        \
        for (int64_t i = at.from; i < at.from + at.n; i++) {                                                            \
            T d = g[i] + decay * x[i];                                                                                  \
            v[i] += d * d;                                                                                              \
            x[i] -= lr * (d / (ROOT(v[i]) + eps));                                                                      \
        }                                                                                                               \
    }                                                                                                                   \
                                                                                                                        \
    static void optim_##SUFFIX(const Optim *o, double lr, T *x, const T *g, Stretch at)                                 \
    {                                                                                                                   \
        switch (o->kind) {                                                                                              \
        case OPTIM_SGD:                                                                                                 \
            if (o->nstates == 0)                                                                                        \
                sgd_##SUFFIX((T)lr, x, g, at);                                                                          \
            else                                                                                                        \
                momentum_##SUFFIX(o, (T)lr, x, g, at);                                                                  \
            break;                                                                                                      \
        case OPTIM_ADAM:                                                                                                \
        case OPTIM_ADAMW:                                                                                               \
            adam_##SUFFIX(o, lr, x, g, at);                                                                             \
            break;                                                                                                      \
        case OPTIM_RMSPROP:                                                                                             \
            rmsprop_##SUFFIX(o, (T)lr, x, g, at);                                                                       \
            break;                                                                                                      \
        case OPTIM_ADAGRAD:                                                                                             \
            adagrad_##SUFFIX(o, (T)lr, x, g, at);                                                                       \
            break;                                                                                                      \
        }                                                                                                               \
    }

OPTIM_KERNELS(double, f64, sqrt)
OPTIM_KERNELS(float, f32, sqrtf)
#undef OPTIM_KERNELS

/* NULL for lbfgs and lm, which are drivers of their own */
Optim *optim_new(const OptimSpec *spec, int f64, int64_t n)
{
    static const struct { const char *name; OptimKind kind; int nstates; } kinds[] = {
        { "sgd", OPTIM_SGD, 1 }, { "adam", OPTIM_ADAM, 2 }, { "adamw", OPTIM_ADAMW, 2 },
        { "rmsprop", OPTIM_RMSPROP, 2 }, { "adagrad", OPTIM_ADAGRAD, 1 },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(spec->kind, kinds[i].name) != 0)
            continue;
        Optim *o = rt_alloc(sizeof *o);
        o->spec = *spec;
        o->kind = kinds[i].kind;
        o->f64 = f64;
        o->n = n;
        o->nstates = kinds[i].nstates;
        if (o->kind == OPTIM_SGD && !(spec->momentum > 0) && !(spec->weight_decay > 0))
            o->nstates = 0;
        for (int s = 0; s < o->nstates; s++)
            o->state[s] = rt_alloc((size_t)n * (f64 ? sizeof(double) : sizeof(float)));
        return o;
    }
    return NULL;
}

void optim_reset(Optim *o)
{
    o->steps = 0;
    for (int s = 0; s < o->nstates; s++)
        memset(o->state[s], 0, (size_t)o->n * (o->f64 ? sizeof(double) : sizeof(float)));
}

/* Plain SGD does nothing where the gradient is 0; lazy Adam by its definition (PyTorch's SparseAdam): a row's moments
 * rest while it has no gradient. */
bool optim_is_rowwise(const Optim *o, bool *only_rows)
{
    *only_rows = o->spec.lazy;
    return (o->kind == OPTIM_SGD && o->nstates == 0) || o->spec.lazy;
}

void optim_step(Optim *o, double lr, void *x, const void *g, const Stretch *stretch, int64_t n)
{
    o->steps++;
    o->c1 = 1 - pow(o->spec.beta1, (double)o->steps);
    o->c2 = 1 - pow(o->spec.beta2, (double)o->steps);
    for (int64_t i = 0; i < n; i++)
        if (o->f64)
            optim_f64(o, lr, x, g, stretch[i]);
        else
            optim_f32(o, lr, x, g, stretch[i]);
}

int optim_state(Optim *o, void **state, int64_t **steps)
{
    for (int s = 0; s < o->nstates; s++)
        state[s] = o->state[s];
    *steps = &o->steps;
    return o->nstates;
}

int64_t optim_size(const Optim *o)
{
    return o->n * (int64_t)(o->f64 ? sizeof(double) : sizeof(float));
}

void optim_free(Optim *o)
{
    if (!o)
        return;
    free(o->state[0]);
    free(o->state[1]);
    free(o);
}
