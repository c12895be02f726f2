static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t levels = run->dims[1];
    size_t at[2];
    load_offsets(run->dims, at);
    const int64_t *restrict level = run->data[0];
    const real *restrict y = run->data[1];
    const real *restrict effect = run->param[0];
    const real v = *(const real *)ad_at(run->load, at[0]);
    real *restrict deffect = run->grad[0];

    /* rows_behind_a_guard.ad:7: loss mean((where(level > 0, effect[level - 1], 0) - y)^2) */
    ad_tree sum_total = {0};

    /* backward of rows_behind_a_guard.ad:7 */
    memset(deffect, 0, sizeof(real) * (size_t)(levels - 1));

    for (int64_t i = 0; i < n; i++) {
        const int64_t level_i = level[i];
        const bool c = 0 < level_i;
        const real t = (c ? effect[ad_check(run, level_i - 1, levels - 1, 7, line_7)] : 0.0) - y[i];
        /* rows_behind_a_guard.ad:7: loss mean((where(level > 0, effect[level - 1], 0) - y)^2) */
        ad_add(&sum_total, t * t);
        /* backward of rows_behind_a_guard.ad:7 */
        if (c) {
            const int64_t q = ad_check(run, level_i - 1, levels - 1, 7, line_7);
            deffect[q] += 2.0 * (v * t);
        }
    }

    /* rows_behind_a_guard.ad:7: loss mean((where(level > 0, effect[level - 1], 0) - y)^2) */
    const real sum = ad_total(&sum_total);
    const real v_2 = sum / (real)n;
    run->loss[0] = v_2;
}
