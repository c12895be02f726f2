/* mlp.c: a trainer for mlp.ad, made by adc. Build: cc -O3 -march=native mlp.c -ladrt -lm */
#include "adrt.h"
#include "adrt_math.h"
#include <string.h>

typedef float real;

enum {
    F = 4,    /* dim f, mlp.ad:6 */
    H = 12,    /* dim h, mlp.ad:7 */
};

/* What depends on data alone: once. */
static void load(AdRun *run)
{
    (void)run;
}

/* Fills of params, arguments of draws, bounds. */
static void init(AdRun *run)
{
    /* mlp.ad:14: param b1 = 0 */
    const real v = 0.0f;

    /* mlp.ad:12: param W1[f, h] ~ uniform(0, 1) */
    const real W1_a = 0.0f;
    const real W1_b = 1.0f;

    /* mlp.ad:13: param W2[h, c] ~ uniform(0, 1) */
    const real W2_a = 0.0f;
    const real W2_b = 1.0f;
    run->draw[0] = W1_a;
    run->draw[1] = W1_b;
    run->draw[4] = W2_a;
    run->draw[5] = W2_b;
    *(real *)run->param[2] = v;
    *(real *)run->param[3] = v;
}

/* Losses and their gradients. */
static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t c = run->dims[2];
    const real *restrict X = run->data[0];
    const int64_t *restrict y = run->data[1];
    const real b2 = *(const real *)run->param[3];
    const real *restrict W2 = run->param[1];
    const real b1 = *(const real *)run->param[2];
    const real *restrict W1 = run->param[0];
    real *restrict dW2 = run->grad[1];
    unsigned char *work = run->work;
    real *restrict logits_sum = ad_take(&work, sizeof(real), c);
    real *restrict x_sum_part = ad_take(&work, sizeof(real), c);
    real *restrict dlogits = ad_take(&work, sizeof(real), c);

    /* backward of mlp.ad:19 */
    const real dlogits_part = 1.0f / (real)n;

    /* mlp.ad:19: loss cross_entropy(logits, y) */
    ad_treef sum_total = {0};

    /* backward of mlp.ad:19 */
    ad_treef db2_2_total = {0};
    memset(dW2, 0, sizeof(real) * (size_t)((int64_t)H * c));
    ad_treef db1_2_total = {0};
    real dW1[F * H] = {0};

    for (int64_t i = 0; i < n; i++) {
        /* mlp.ad:17: let logits[n, c] = relu(X @ W1 + b1) @ W2 + b2 */
        real x_sum_2[H] = {0};
        for (int64_t j = 0; j < F; j++) {
            const real X_ij = X[i * F + j];
            for (int64_t k = 0; k < H; k++)
                x_sum_2[k] += X_ij * W1[j * H + k];
        }
        memset(logits_sum, 0, sizeof(real) * (size_t)c);
        for (int64_t j = 0; j < H; j++) {
            const real t = b1 + x_sum_2[j];
            const real t_2 = t <= 0.0f ? 0.0f : t;
            for (int64_t k = 0; k < c; k++)
                logits_sum[k] += W2[j * c + k] * t_2;
        }
        /* mlp.ad:19: loss cross_entropy(logits, y) */
        real x_argmax_best = -INFINITY;
        int64_t x_argmax = 0;
        for (int64_t j = 0; j < c; j++) {
            const real t = b2 + logits_sum[j];
            if (t > x_argmax_best || (isnan(t) && !isnan(x_argmax_best))) {
                x_argmax_best = t;
                x_argmax = j;
            }
        }
        real x_sum = 0.0f;
        const real t = b2 + logits_sum[x_argmax];
        for (int64_t j = 0; j < c; j++) {
            const real t_2 = b2 + logits_sum[j];
            x_sum_part[j] = ad_expf(t_2 - t);
            x_sum += j == x_argmax || t_2 == -INFINITY ? 0.0f : x_sum_part[j];
        }
        const int64_t y_i = y[i];
        ad_addf(&sum_total, ad_log1pf(x_sum) - (x_argmax == y_i ? 0.0f : b2 + logits_sum[y_i] - t));
        /* backward of mlp.ad:19 */
        const real dlogits_part_2 = dlogits_part / (x_sum + 1.0f);
        /* mlp.ad:19: loss cross_entropy(logits, y) */
        real dm_sum = 0.0f;
        for (int64_t j = 0; j < c; j++)
            dm_sum += j == x_argmax || b2 + logits_sum[j] == -INFINITY ? 0.0f : -(x_sum_part[j] * dlogits_part_2);
        const bool c_2 = x_argmax != y_i;
        const real dm = dm_sum + (c_2 ? dlogits_part : 0.0f);
        for (int64_t j = 0; j < c; j++) {
            const bool c_3 = j == x_argmax;
            /* backward of mlp.ad:17 */
            dlogits[j] = (c_2 && j == y_i ? -dlogits_part : 0.0f) + (c_3 || b2 + logits_sum[j] == -INFINITY ? 0.0f : x_sum_part[j] * dlogits_part_2) + (c_3 ? dm : 0.0f);
            /* backward of mlp.ad:19 */
            ad_addf(&db2_2_total, dlogits[j]);
        }
        /* backward of mlp.ad:19 */
        real dx[H];
        for (int64_t j = 0; j < H; j++) {
            real dx_total = 0.0f;
            const real t_2 = b1 + x_sum_2[j];
            const bool c_3 = t_2 <= 0.0f;
            const real t_3 = c_3 ? 0.0f : t_2;
            for (int64_t k = 0; k < c; k++) {
                const real dlogits_k = dlogits[k];
                dx_total += c_3 ? 0.0f : W2[j * c + k] * dlogits_k;
                dW2[j * c + k] += dlogits_k * t_3;
            }
            dx[j] = dx_total;
            ad_addf(&db1_2_total, dx[j]);
        }
        for (int64_t j = 0; j < F; j++) {
            const real X_ij = X[i * F + j];
            for (int64_t k = 0; k < H; k++)
                dW1[j * H + k] += X_ij * dx[k];
        }
    }

    /* backward of mlp.ad:19 */
    const real db1_2 = ad_totalf(&db1_2_total);
    const real db2_2 = ad_totalf(&db2_2_total);

    /* mlp.ad:19: loss cross_entropy(logits, y) */
    const real sum = ad_totalf(&sum_total);
    const real v = sum / (real)n;
    run->loss[0] = v;
    *(real *)run->grad[2] = db1_2;
    *(real *)run->grad[3] = db2_2;
    memcpy(run->grad[0], dW1, sizeof dW1);
}

/* Losses and metrics, in evaluation mode. */
static void eval(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t c = run->dims[2];
    const real *restrict X = run->data[0];
    const int64_t *restrict y = run->data[1];
    const real b2 = *(const real *)run->param[3];
    const real *restrict W2 = run->param[1];
    const real b1 = *(const real *)run->param[2];
    const real *restrict W1 = run->param[0];
    unsigned char *work = run->work;
    real *restrict logits_sum = ad_take(&work, sizeof(real), c);

    /* mlp.ad:19: loss cross_entropy(logits, y) */
    ad_treef sum_total = {0};

    /* mlp.ad:20: metric accuracy = mean(argmax(logits, over = c) == y) */
    int64_t accuracy_sum = 0;

    for (int64_t i = 0; i < n; i++) {
        /* mlp.ad:17: let logits[n, c] = relu(X @ W1 + b1) @ W2 + b2 */
        real x_sum_2[H] = {0};
        for (int64_t j = 0; j < F; j++) {
            const real X_ij = X[i * F + j];
            for (int64_t k = 0; k < H; k++)
                x_sum_2[k] += X_ij * W1[j * H + k];
        }
        memset(logits_sum, 0, sizeof(real) * (size_t)c);
        for (int64_t j = 0; j < H; j++) {
            const real t = b1 + x_sum_2[j];
            const real t_2 = t <= 0.0f ? 0.0f : t;
            for (int64_t k = 0; k < c; k++)
                logits_sum[k] += W2[j * c + k] * t_2;
        }
        /* mlp.ad:19: loss cross_entropy(logits, y) */
        real x_argmax_best = -INFINITY;
        int64_t x_argmax = 0;
        for (int64_t j = 0; j < c; j++) {
            const real t = b2 + logits_sum[j];
            if (t > x_argmax_best || (isnan(t) && !isnan(x_argmax_best))) {
                x_argmax_best = t;
                x_argmax = j;
            }
        }
        real x_sum = 0.0f;
        const real t = b2 + logits_sum[x_argmax];
        for (int64_t j = 0; j < c; j++) {
            const real t_2 = b2 + logits_sum[j];
            x_sum += j == x_argmax || t_2 == -INFINITY ? 0.0f : ad_expf(t_2 - t);
        }
        const int64_t y_i = y[i];
        const bool c_2 = x_argmax == y_i;
        ad_addf(&sum_total, ad_log1pf(x_sum) - (c_2 ? 0.0f : b2 + logits_sum[y_i] - t));
        /* mlp.ad:20: metric accuracy = mean(argmax(logits, over = c) == y) */
        accuracy_sum += (int64_t)c_2;
    }

    /* mlp.ad:19: loss cross_entropy(logits, y) */
    const real sum = ad_totalf(&sum_total);
    const real v = sum / (real)n;

    /* mlp.ad:20: metric accuracy = mean(argmax(logits, over = c) == y) */
    const real accuracy = (real)accuracy_sum / (real)n;
    run->loss[0] = v;
    run->metric[0] = accuracy;
}

/* Outputs, in evaluation mode. */
static void output(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t c = run->dims[2];
    const real *restrict X = run->data[0];
    const real b2 = *(const real *)run->param[3];
    const real *restrict W2 = run->param[1];
    const real b1 = *(const real *)run->param[2];
    const real *restrict W1 = run->param[0];
    real *restrict p = run->output[0];
    unsigned char *work = run->work;
    real *restrict logits_sum = ad_take(&work, sizeof(real), c);
    real *restrict p_part = ad_take(&work, sizeof(real), c);

    for (int64_t i = 0; i < n; i++) {
        /* mlp.ad:17: let logits[n, c] = relu(X @ W1 + b1) @ W2 + b2 */
        real x_sum[H] = {0};
        for (int64_t j = 0; j < F; j++) {
            const real X_ij = X[i * F + j];
            for (int64_t k = 0; k < H; k++)
                x_sum[k] += X_ij * W1[j * H + k];
        }
        memset(logits_sum, 0, sizeof(real) * (size_t)c);
        for (int64_t j = 0; j < H; j++) {
            const real t = b1 + x_sum[j];
            const real t_2 = t <= 0.0f ? 0.0f : t;
            for (int64_t k = 0; k < c; k++)
                logits_sum[k] += W2[j * c + k] * t_2;
        }
        /* mlp.ad:19: loss cross_entropy(logits, y) */
        real p_argmax_best = -INFINITY;
        int64_t p_argmax = 0;
        for (int64_t j = 0; j < c; j++) {
            const real t = b2 + logits_sum[j];
            if (t > p_argmax_best || (isnan(t) && !isnan(p_argmax_best))) {
                p_argmax_best = t;
                p_argmax = j;
            }
        }
        real q_sum = 0.0f;
        const real t = b2 + logits_sum[p_argmax];
        for (int64_t j = 0; j < c; j++) {
            const real t_2 = b2 + logits_sum[j];
            p_part[j] = ad_expf(t_2 - t);
            q_sum += j == p_argmax || t_2 == -INFINITY ? 0.0f : p_part[j];
        }
        /* mlp.ad:21: output p = softmax(logits, over = c) */
        const real q = 1.0f / (q_sum + 1.0f);
        for (int64_t j = 0; j < c; j++)
            p[i * c + j] = b2 + logits_sum[j] == -INFINITY ? 0.0f : q * (j == p_argmax ? 1.0f : p_part[j]);
    }
}

/* Every value in order, up to the first that is not finite. */
static void trace(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t c = run->dims[2];
    const real *restrict X = run->data[0];
    const int64_t *restrict y = run->data[1];
    const real b2 = *(const real *)run->param[3];
    const real *restrict W2 = run->param[1];
    const real b1 = *(const real *)run->param[2];
    const real *restrict W1 = run->param[0];
    unsigned char *work = run->work;
    real *restrict logits = ad_take(&work, sizeof(real), n * c);
    real *restrict logits_sum = ad_take(&work, sizeof(real), n * c);
    real *restrict x_sum = ad_take(&work, sizeof(real), n * H);
    real *restrict x_sum_2 = ad_take(&work, sizeof(real), n);
    int64_t *restrict x_argmax = ad_take(&work, sizeof(int64_t), n);

    /* mlp.ad:17: let logits[n, c] = relu(X @ W1 + b1) @ W2 + b2 */
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < H; j++)
            x_sum[i * H + j] = 0.0f;
        for (int64_t j = 0; j < F; j++) {
            const real X_ij = X[i * F + j];
            for (int64_t k = 0; k < H; k++)
                x_sum[i * H + k] += X_ij * W1[j * H + k];
        }
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < c; j++)
            logits_sum[i * c + j] = 0.0f;
        for (int64_t j = 0; j < H; j++) {
            const real t = b1 + x_sum[i * H + j];
            const real t_2 = t <= 0.0f ? 0.0f : t;
            for (int64_t k = 0; k < c; k++)
                logits_sum[i * c + k] += W2[j * c + k] * t_2;
        }
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < c; j++)
            logits[i * c + j] = b2 + logits_sum[i * c + j];
    for (int64_t i = 0; i < n * c; i++)
        if (!isfinite(logits[i])) {
            adrt_fault(run, AD_FAULT_NOT_FINITE, 17, "logits", i, 0, logits[i]);
            return;
        }

    /* mlp.ad:19: loss cross_entropy(logits, y) */
    for (int64_t i = 0; i < n; i++) {
        real x_argmax_best = -INFINITY;
        int64_t x_argmax_total = 0;
        for (int64_t j = 0; j < c; j++) {
            const real logits_ij = logits[i * c + j];
            if (logits_ij > x_argmax_best || (isnan(logits_ij) && !isnan(x_argmax_best))) {
                x_argmax_best = logits_ij;
                x_argmax_total = j;
            }
        }
        x_argmax[i] = x_argmax_total;
    }
    for (int64_t i = 0; i < n; i++) {
        real x_sum_2_total = 0.0f;
        const int64_t x_argmax_i = x_argmax[i];
        const real logits_iat = logits[i * c + x_argmax_i];
        for (int64_t j = 0; j < c; j++) {
            const real logits_ij = logits[i * c + j];
            x_sum_2_total += j == x_argmax_i || logits_ij == -INFINITY ? 0.0f : ad_expf(logits_ij - logits_iat);
        }
        x_sum_2[i] = x_sum_2_total;
    }
    ad_treef sum_total = {0};
    for (int64_t i = 0; i < n; i++) {
        const int64_t x_argmax_i = x_argmax[i];
        const int64_t y_i = y[i];
        ad_addf(&sum_total, ad_log1pf(x_sum_2[i]) - (x_argmax_i == y_i ? 0.0f : logits[i * c + y_i] - logits[i * c + x_argmax_i]));
    }
    const real sum = ad_totalf(&sum_total);
    const real v = sum / (real)n;
    if (!isfinite(v)) {
        adrt_fault(run, AD_FAULT_NOT_FINITE, 19, "loss", 0, 0, v);
        return;
    }
}

static void derive(int64_t *dims)
{
    (void)dims;
}

static size_t load_bytes(const int64_t *dims)
{
    (void)dims;
    return 0;
}

static size_t work_bytes(const int64_t *dims)
{
    const int64_t c = dims[2];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), c);    /* step: logits_sum */
    used = ad_room(used, sizeof(real), c);    /* step: x_sum_part */
    used = ad_room(used, sizeof(real), c);    /* step: dlogits */
    most = used > most ? used : most;
    used = ad_room(0, sizeof(real), c);    /* eval: logits_sum */
    most = used > most ? used : most;
    used = ad_room(0, sizeof(real), c);    /* output: logits_sum */
    used = ad_room(used, sizeof(real), c);    /* output: p_part */
    most = used > most ? used : most;
    return most;
}

static size_t trace_bytes(const int64_t *dims)
{
    const int64_t n = dims[0];
    const int64_t c = dims[2];
    size_t used, most = 0;
    used = ad_room(0, sizeof(real), n * c);    /* trace: logits */
    used = ad_room(used, sizeof(real), n * c);    /* trace: logits_sum */
    used = ad_room(used, sizeof(real), n * H);    /* trace: x_sum */
    used = ad_room(used, sizeof(real), n);    /* trace: x_sum_2 */
    used = ad_room(used, sizeof(int64_t), n);    /* trace: x_argmax */
    most = used > most ? used : most;
    return most;
}

static const AdDim model_dims[] = {
    {"n", AD_DIM_DATA, 0, 1, 6},
    {"f", AD_DIM_FIXED, 4, 0, 6},
    {"c", AD_DIM_IDS, 0, 0, 6},
    {"h", AD_DIM_FIXED, 12, 0, 7},
};

static const AdData model_data[] = {
    {.name = "X", .line = 9, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 1},
     .prepare = AD_SCALED, .missing = 0, .column_lo = 0, .column_hi = 4, .ncolumns = 0, .columns = NULL},
    {.name = "y", .line = 10, .type = AD_INT, .labels = 2, .rank = 1, .axes = (const int[]){0},
     .prepare = AD_AS_IS, .missing = 0, .column_lo = 0, .column_hi = 0, .ncolumns = 1, .columns = (const char *const[]){"species"}},
};

static const AdParam model_params[] = {
    {.name = "W1", .line = 12, .rank = 2, .axes = (const int[]){1, 3}, .init = AD_INIT_UNIFORM,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "W2", .line = 13, .rank = 2, .axes = (const int[]){3, 2}, .init = AD_INIT_UNIFORM,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "b1", .line = 14, .rank = 0, .axes = NULL, .init = AD_INIT_FILL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
    {.name = "b2", .line = 15, .rank = 0, .axes = NULL, .init = AD_INIT_FILL,
     .scalar_fill = 0, .file = NULL, .constraint = AD_FREE, .frozen = 0},
};

static const AdScalar model_losses[] = {
    {"loss", 19, 0},
};

static const AdScalar model_metrics[] = {
    {"accuracy", 20, 1},
};

static const AdOutput model_outputs[] = {
    {.name = "p", .line = 21, .type = AD_REAL, .labels = -1, .rank = 2, .axes = (const int[]){0, 2}},
};

static const AdSetting model_settings[] = {
    {"data", "\"data/iris.csv\"", 24},
    {"optimizer", "sgd(lr = 0.01)", 25},
    {"epochs", "100", 25},
    {"split", "[2/3, 0, 1/3]", 26},
    {"restarts", "100", 26},
};

static const char model_source[] =
    "# A two-layer perceptron with scalar biases: three kinds of iris from four measurements.\n"
    "#\n"
    "# One hidden layer of 12 relu units, softmax behind it, plain gradient descent on all training rows at once. A run takes\n"
    "# a few hundred microseconds, so the default is to make a hundred of them, each from weights of its own, and to look at the\n"
    "# spread of the accuracy: how much of a result was luck.\n"
    "dim n batch, f, c\n"
    "dim h = 12\n"
    "\n"
    "data X[n, f] : scaled from columns 0:4\n"
    "data y[n] : index(c) from column \"species\"\n"
    "\n"
    "param W1[f, h] ~ uniform(0, 1)\n"
    "param W2[h, c] ~ uniform(0, 1)\n"
    "param b1 = 0\n"
    "param b2 = 0\n"
    "\n"
    "let logits[n, c] = relu(X @ W1 + b1) @ W2 + b2\n"
    "\n"
    "loss cross_entropy(logits, y)\n"
    "metric accuracy = mean(argmax(logits, over = c) == y)\n"
    "output p = softmax(logits, over = c)\n"
    "\n"
    "train {\n"
    "    data = \"data/iris.csv\"\n"
    "    optimizer = sgd(lr = 0.01); epochs = 100\n"
    "    split = [2/3, 0, 1/3]; restarts = 100\n"
    "}\n"
    ;

const AdModel mlp_model = {
    .name = "mlp", .file = "mlp.ad", .source = model_source, .f64 = 0,
    .ndims = 4, .dims = model_dims,
    .ndata = 2, .data = model_data,
    .nparams = 4, .params = model_params,
    .nlosses = 1, .losses = model_losses,
    .nmetrics = 1, .metrics = model_metrics,
    .noutputs = 1, .outputs = model_outputs,
    .nsettings = 5, .settings = model_settings,
    .derive = derive, .load_bytes = load_bytes, .work_bytes = work_bytes, .trace_bytes = trace_bytes,
    .load = load, .init = init, .step = step, .eval = eval, .output = output, .trace = trace,
    .lm_reason = "say optimizer = lm() in the model's train block, then its residuals are compiled in",
};

#ifndef AD_NO_MAIN
int main(int argc, char **argv)
{
    return adrt_main(argc, argv, &mlp_model);
}
#endif
