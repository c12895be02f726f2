static void step(AdRun *run)
{
    const real *restrict x = run->data[0];
    const real a = *(const real *)run->param[0];

    /* recurrence_inside_a_step.ad:7: let h[t in T] from 0 = solve(a * h[t-1] + x[t]) */
    const real v_2 = 0.0;

    /* recurrence_inside_a_step.ad:6: fn solve(c) { let z[i in 5] from 0 = z[i-1] - 0.3 * (z[i-1] - c); z[-1] } */
    real v[T_2];
    for (int64_t t = 0; t < T_2; t++)
        v[t] = 0.0;

    /* recurrence_inside_a_step.ad:8: loss sum(h^2) */
    real sum = 0.0;

    /* recurrence_inside_a_step.ad:6: fn solve(c) { let z[i in 5] from 0 = z[i-1] - 0.3 * (z[i-1] - c); z[-1] } */
    real z[T_2 * 5];

    /* recurrence_inside_a_step.ad:7: let h[t in T] from 0 = solve(a * h[t-1] + x[t]) */
    real h_2[T_2];

    for (int64_t t = 0; t < T_2; t++) {
        /* recurrence_inside_a_step.ad:7: let h[t in T] from 0 = solve(a * h[t-1] + x[t]) */
        const real h_prev = 0 < t ? h_2[t - 1] : v_2;
        const real c = x[t] + a * h_prev;
        /* recurrence_inside_a_step.ad:6: fn solve(c) { let z[i in 5] from 0 = z[i-1] - 0.3 * (z[i-1] - c); z[-1] } */
        for (int64_t i = 0; i < 5; i++) {
            const real z_prev = 0 < i ? z[t * 5 + i - 1] : v[t];
            z[t * 5 + i] = z_prev - 0.3 * (z_prev - c);
        }
        const real z_t4 = z[t * 5 + 4];
        /* recurrence_inside_a_step.ad:7: let h[t in T] from 0 = solve(a * h[t-1] + x[t]) */
        h_2[t] = z_t4;
        /* recurrence_inside_a_step.ad:8: loss sum(h^2) */
        sum += z_t4 * z_t4;
    }

    /* backward of recurrence_inside_a_step.ad:8 */
    real da_2 = 0.0;

    /* recurrence_inside_a_step.ad:7: let h[t in T] from 0 = solve(a * h[t-1] + x[t]) */
    real state_prev_2 = v_2;

    for (int64_t t = 6; t >= 0; t--) {
        /* backward of recurrence_inside_a_step.ad:7 */
        const real dh = state_prev_2 + 2.0 * z[t * 5 + 4];
        /* recurrence_inside_a_step.ad:6: fn solve(c) { let z[i in 5] from 0 = z[i-1] - 0.3 * (z[i-1] - c); z[-1] } */
        real state_prev = v[t];
        /* backward of recurrence_inside_a_step.ad:6 */
        real dz[5];
        for (int64_t i = 4; i >= 0; i--) {
            /* backward of recurrence_inside_a_step.ad:6 */
            dz[i] = state_prev + (i == 4 ? dh : 0.0);
            const real dz_i = dz[i];
            /* recurrence_inside_a_step.ad:6: fn solve(c) { let z[i in 5] from 0 = z[i-1] - 0.3 * (z[i-1] - c); z[-1] } */
            const real v_3 = dz_i - 0.3 * dz_i;
            state_prev = v_3;
        }
        /* backward of recurrence_inside_a_step.ad:8 */
        real dc = 0.0;
        for (int64_t i = 0; i < 5; i++)
            dc += 0.3 * dz[i];
        /* recurrence_inside_a_step.ad:7: let h[t in T] from 0 = solve(a * h[t-1] + x[t]) */
        const real v_4 = a * dc;
        /* backward of recurrence_inside_a_step.ad:8 */
        da_2 += dc * (t == 0 ? v_2 : h_2[t - 1]);
        /* recurrence_inside_a_step.ad:7: let h[t in T] from 0 = solve(a * h[t-1] + x[t]) */
        state_prev_2 = v_4;
    }
    run->loss[0] = sum;
    *(real *)run->grad[0] = da_2;
}
