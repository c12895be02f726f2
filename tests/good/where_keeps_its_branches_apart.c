static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    const real *restrict y = run->data[0];
    const real *restrict x = run->param[0];
    real *restrict dx = run->grad[0];

    /* where_keeps_its_branches_apart.ad:5: loss sum(where(y > 0, sqrt(x), x^2)) */
    ad_treef sum_total = {0};

    for (int64_t i = 0; i < n; i++) {
        const real x_i = x[i];
        /* where_keeps_its_branches_apart.ad:5: loss sum(where(y > 0, sqrt(x), x^2)) */
        const real dx_part = sqrtf(x_i);
        const bool c = 0.0f < y[i];
        ad_addf(&sum_total, c ? dx_part : x_i * x_i);
        /* backward of where_keeps_its_branches_apart.ad:3 */
        dx[i] = (c ? 0.0f : 2.0f * x_i) + (c ? 0.5f / dx_part : 0.0f);
    }

    /* where_keeps_its_branches_apart.ad:5: loss sum(where(y > 0, sqrt(x), x^2)) */
    const real sum = ad_totalf(&sum_total);
    run->loss[0] = sum;
}
