static void step(AdRun *run)
{
    const int64_t n = run->dims[0];
    const int64_t a = run->dims[1];
    const int64_t b = run->dims[2];
    size_t at[2];
    load_offsets(run->dims, at);
    const real *restrict x = run->data[0];
    const real *restrict y = run->data[1];
    const real *restrict w = run->param[0];
    const real *restrict v = run->param[1];
    const real v_2 = *(const real *)ad_at(run->load, at[0]);
    real *restrict dw = run->grad[0];
    real *restrict dv = run->grad[1];
    unsigned char *work = run->work;
    real *restrict dz_part = ad_take(&work, sizeof(real), a + b);
    real *restrict z = ad_take(&work, sizeof(real), a + b);
    real *restrict X = ad_take(&work, sizeof(real), a + b);
    real *restrict dz = ad_take(&work, sizeof(real), a + b);
    real *restrict dz_2 = ad_take(&work, sizeof(real), a + b);

    /* loops_cut_where_a_choice_changes.ad:9: let jump = sum[i in a + b] (where(i == 2, exp(z[i]), z[i]) * where(i < a, 1, 2)) */
    ad_treef sum_total = {0};

    for (int64_t i = 0; i < a; i++) {
        /* loops_cut_where_a_choice_changes.ad:7: let z = concat(tanh(w), sigmoid(v), axis = 0) */
        z[i] = ad_tanhf(w[i]);
        const real z_i = z[i];
        /* loops_cut_where_a_choice_changes.ad:9: let jump = sum[i in a + b] (where(i == 2, exp(z[i]), z[i]) * where(i < a, 1, 2)) */
        dz_part[i] = ad_expf(z_i);
        ad_addf(&sum_total, i == 2 ? dz_part[i] : z_i);
    }

    for (int64_t i = a; i < a + b; i++) {
        /* loops_cut_where_a_choice_changes.ad:7: let z = concat(tanh(w), sigmoid(v), axis = 0) */
        z[i] = ad_sigmoidf(v[i - a]);
        const real z_i = z[i];
        /* loops_cut_where_a_choice_changes.ad:9: let jump = sum[i in a + b] (where(i == 2, exp(z[i]), z[i]) * where(i < a, 1, 2)) */
        dz_part[i] = ad_expf(z_i);
        ad_addf(&sum_total, 2.0f * (i == 2 ? dz_part[i] : z_i));
    }

    /* loops_cut_where_a_choice_changes.ad:9: let jump = sum[i in a + b] (where(i == 2, exp(z[i]), z[i]) * where(i < a, 1, 2)) */
    const real sum = ad_totalf(&sum_total);

    /* loops_cut_where_a_choice_changes.ad:10: loss mean((X @ z)^2) + jump */
    ad_treef sum_2_total = {0};

    /* backward of loops_cut_where_a_choice_changes.ad:10 */
    memset(dz_2, 0, sizeof(real) * (size_t)(a + b));

    for (int64_t i = 0; i < n; i++) {
        /* loops_cut_where_a_choice_changes.ad:10: loss mean((X @ z)^2) + jump */
        real x_sum = 0.0f;
        for (int64_t j = 0; j < a; j++) {
            /* loops_cut_where_a_choice_changes.ad:8: let X = concat(x, y, axis = 1) */
            X[j] = x[i * a + j];
            /* loops_cut_where_a_choice_changes.ad:10: loss mean((X @ z)^2) + jump */
            x_sum += z[j] * X[j];
        }
        for (int64_t j = a; j < a + b; j++) {
            /* loops_cut_where_a_choice_changes.ad:8: let X = concat(x, y, axis = 1) */
            X[j] = y[i * b + j - a];
            /* loops_cut_where_a_choice_changes.ad:10: loss mean((X @ z)^2) + jump */
            x_sum += z[j] * X[j];
        }
        /* loops_cut_where_a_choice_changes.ad:10: loss mean((X @ z)^2) + jump */
        ad_addf(&sum_2_total, x_sum * x_sum);
        /* backward of loops_cut_where_a_choice_changes.ad:10 */
        for (int64_t j = 0; j < a + b; j++)
            dz_2[j] += X[j] * (2.0f * (x_sum * v_2));
    }

    /* loops_cut_where_a_choice_changes.ad:10: loss mean((X @ z)^2) + jump */
    const real sum_2 = ad_totalf(&sum_2_total);
    const real v_3 = sum + sum_2 / (real)n;

    /* backward of loops_cut_where_a_choice_changes.ad:7 */
    for (int64_t i = 0; i < a + b; i++)
        dz[i] = dz_2[i] + (i != 2 ? (real)(i < a ? 1 : 2) : 0.0f) + (i == 2 ? dz_part[i] * (real)(i < a ? 1 : 2) : 0.0f);

    /* backward of loops_cut_where_a_choice_changes.ad:5 */
    for (int64_t i = 0; i < a; i++)
        dw[i] = dz[i] * ad_sech2f(w[i]);

    /* backward of loops_cut_where_a_choice_changes.ad:6 */
    for (int64_t i = 0; i < b; i++)
        dv[i] = dz[i + a] * (0.25f * ad_sech2f(0.5f * v[i]));
    run->loss[0] = v_3;
}
