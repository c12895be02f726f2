static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    const uint8_t *restrict y = run->data[1];
    const real *restrict X = run->data[0];
    const real *restrict w = run->param[0];
    const real b = *(const real *)run->param[1];
    const real decay = (real)run->hyper[0];
    real *restrict dw = run->grad[0];

    /* backward of logistic.ad:9 */
    const real dz_part = 1.0f / (real)n;

    /* logistic.ad:9: loss J = bce(z, y) + decay * sum(w^2) */
    ad_treef J_sum_2_total = {0};

    /* backward of logistic.ad:9 */
    ad_treef db_2_total = {0};
    real dw_2[F] = {0};

    for (int64_t i = 0; i < n; i++) {
        /* logistic.ad:8: let z = X @ w + b */
        real z_sum = 0.0f;
        for (int64_t j = 0; j < F; j++)
            z_sum += w[j] * X[i * F + j];
        const bool y_i = y[i];
        const real t = b + z_sum;
        const bool c = y_i && t == INFINITY;
        const bool c_2 = !y_i && t == -INFINITY;
        /* logistic.ad:9: loss J = bce(z, y) + decay * sum(w^2) */
        ad_addf(&J_sum_2_total, (c ? 0.0f : (real)(1 - (int64_t)y_i) * ad_softplusf(t)) + (c_2 ? 0.0f : (real)y_i * ad_softplusf(-t)));
        /* backward of logistic.ad:8 */
        const real dz = (c ? 0.0f : dz_part * (real)(1 - (int64_t)y_i) * ad_sigmoidf(t)) + (c_2 ? 0.0f : -(dz_part * (real)y_i * ad_sigmoidf(-t)));
        /* backward of logistic.ad:9 */
        ad_addf(&db_2_total, dz);
        for (int64_t j = 0; j < F; j++)
            dw_2[j] += X[i * F + j] * dz;
    }

    /* backward of logistic.ad:9 */
    const real db_2 = ad_totalf(&db_2_total);

    /* logistic.ad:9: loss J = bce(z, y) + decay * sum(w^2) */
    const real J_sum_2 = ad_totalf(&J_sum_2_total);
    real J_sum = 0.0f;

    for (int64_t i = 0; i < F; i++) {
        const real w_i = w[i];
        /* logistic.ad:9: loss J = bce(z, y) + decay * sum(w^2) */
        J_sum += w_i * w_i;
        /* backward of logistic.ad:5 */
        dw[i] = dw_2[i] + 2.0f * (decay * w_i);
    }

    /* logistic.ad:9: loss J = bce(z, y) + decay * sum(w^2) */
    const real J = decay * J_sum + J_sum_2 / (real)n;
    run->loss[0] = J;
    *(real *)run->grad[1] = db_2;
}
