static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t *restrict u = run->data[0];
    const real *restrict y = run->data[1];
    const real *restrict P = run->param[0];
    real *restrict dP = run->grad[0];
    int64_t *restrict P_rows = run->rows[0];

    /* gather.ad:6: loss sum((P[u] - y)^2) */
    ad_treef sum_total = {0};

    for (int64_t i = 0; i < n; i++) {
        const int64_t u_i = u[i];
        const real t = P[u_i] - y[i];
        /* gather.ad:6: loss sum((P[u] - y)^2) */
        ad_addf(&sum_total, t * t);
        /* backward of gather.ad:6 */
        dP[u_i] += 2.0f * t;
        if (P_rows) P_rows[i] = u_i;
    }

    /* gather.ad:6: loss sum((P[u] - y)^2) */
    const real sum = ad_totalf(&sum_total);
    run->loss[0] = sum;
}
