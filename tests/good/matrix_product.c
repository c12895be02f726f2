static void step(AdRun *run)
{
    const int64_t m = run->dims[0];
    const int64_t n = run->dims[1];
    const real *restrict A = run->data[0];
    const real *restrict U = run->param[0];
    const real *restrict V = run->param[1];
    real *restrict dU = run->grad[0];
    real *restrict dV = run->grad[1];
    unsigned char *work = run->work;
    real *restrict dU_part_sum = ad_take(&work, sizeof(real), n);
    real *restrict dU_part = ad_take(&work, sizeof(real), n);

    /* matrix_product.ad:7: loss sum((U @ V - A)^2) */
    ad_tree sum_total = {0};

    /* backward of matrix_product.ad:7 */
    memset(dV, 0, sizeof(real) * (size_t)((int64_t)R * n));

    for (int64_t i = 0; i < m; i++) {
        /* matrix_product.ad:7: loss sum((U @ V - A)^2) */
        memset(dU_part_sum, 0, sizeof(real) * (size_t)n);
        for (int64_t j = 0; j < R; j++) {
            const real U_ij = U[i * R + j];
            for (int64_t k = 0; k < n; k++)
                dU_part_sum[k] += U_ij * V[j * n + k];
        }
        for (int64_t j = 0; j < n; j++) {
            const real t = dU_part_sum[j] - A[i * n + j];
            /* matrix_product.ad:7: loss sum((U @ V - A)^2) */
            ad_add(&sum_total, t * t);
            /* backward of matrix_product.ad:7 */
            dU_part[j] = 2.0 * t;
        }
        /* backward of matrix_product.ad:7 */
        for (int64_t j = 0; j < R; j++) {
            real dU_total = 0.0;
            const real U_ij = U[i * R + j];
            for (int64_t k = 0; k < n; k++) {
                const real dU_part_k = dU_part[k];
                dV[j * n + k] += U_ij * dU_part_k;
                dU_total += V[j * n + k] * dU_part_k;
            }
            dU[i * R + j] = dU_total;
        }
    }

    /* matrix_product.ad:7: loss sum((U @ V - A)^2) */
    const real sum = ad_total(&sum_total);
    run->loss[0] = sum;
}
