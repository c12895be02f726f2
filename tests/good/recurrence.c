static void step(AdRun *run)
{
    const int64_t T = run->dims[0];
    const real *restrict x = run->data[0];
    const real a = *(const real *)run->param[0];
    unsigned char *work = run->work;
    real *restrict h = ad_take(&work, sizeof(real), T);
    real *restrict da_part = ad_take(&work, sizeof(real), T);

    /* recurrence.ad:5: let h[t in T] from 0 = tanh(a * h[t-1] + x[t]) */
    const real v_2 = 0.0f;
    for (int64_t t = 0; t < T; t++) {
        const real h_prev = 0 < t ? h[t - 1] : v_2;
        h[t] = ad_tanhf(x[t] + a * h_prev);
    }
    const real h_at = h[T - 1];

    /* recurrence.ad:6: loss h[-1]^2 */
    const real v = h_at * h_at;
    for (int64_t i = 0; i < 1; i++)
        da_part[i] = ad_sech2f(x[i] + a * v_2);
    for (int64_t i = 1; i < T; i++)
        da_part[i] = ad_sech2f(x[i] + h[i - 1] * a);

    /* backward of recurrence.ad:6 */
    ad_treef da_2_total = {0};

    /* recurrence.ad:5: let h[t in T] from 0 = tanh(a * h[t-1] + x[t]) */
    real state_prev = v_2;
    const real t = 2.0f * h_at;

    for (int64_t i = T - 1; i >= 0; i--) {
        /* backward of recurrence.ad:5 */
        const real dh = state_prev + (i == T - 1 ? t : 0.0f);
        const real t_2 = dh * da_part[i];
        /* recurrence.ad:5: let h[t in T] from 0 = tanh(a * h[t-1] + x[t]) */
        const real v_3 = a * t_2;
        /* backward of recurrence.ad:6 */
        ad_addf(&da_2_total, t_2 * (i == 0 ? v_2 : h[i - 1]));
        /* recurrence.ad:5: let h[t in T] from 0 = tanh(a * h[t-1] + x[t]) */
        state_prev = v_3;
    }

    /* backward of recurrence.ad:6 */
    const real da_2 = ad_totalf(&da_2_total);
    run->loss[0] = v;
    *(real *)run->grad[0] = da_2;
}
