/* check_back.c: names, text, the functions of adrt_math.h, and emitted C that runs.
 *
 * The models below are compiled by adc's passes and by $CC, loaded, and their gradients compared with central
 * differences of their own loss; what the C looks like (one loop over rows, no size in the text) is checked as text. */
#define _POSIX_C_SOURCE 200809L
#include "scratch.h"
#include "../compiler/schedule/loops.h"
#include "../runtime/adrt_math.h"

#include <check.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(table) ((int)(sizeof table / sizeof *table))

/* ---------------------------------------------------------------- names and text */

static const struct { const char *wish, *name; } named[] = {
    {"x", "x"}, {"x", "x_2"}, {"x", "x_3"}, {"exp", "exp_"}, {"int", "int_"}, {"errno", "errno_"}, {"linux", "linux_"},
    {"I", "I_"}, {"y0", "y0_"}, {"main", "main_"}, {"ad_max", "ad_max_"}, {"_t", "x_t"}, {"NULL", "NULL_"},
    {"a_name_that_is_the_same_as_another_one_for_63_characters_and_then_a", "a_name_that_is_the_same_as_another_one_for_63_ch"},
    {"a_name_that_is_the_same_as_another_one_for_63_characters_and_then_b", "a_name_that_is_the_same_as_another_one_for_63_ch_2"},
};

START_TEST(names_collide_with_nothing)
{
    Ctx *ctx = ctx_new();
    Names *file = names_new(ctx, NULL), *inner = names_new(ctx, file);
    for (int k = 0; k < COUNT(named); k++)
        ck_assert_str_eq(name_new(ctx, file, named[k].wish), named[k].name);
    ck_assert_str_eq(name_new(ctx, inner, "x"), "x_4");
    ck_assert_str_eq(letter_new(ctx, inner, "x"), "i");
    ctx_free(ctx);
}
END_TEST

static const struct { double value; int precision; const char *text; } reals[] = {
    {0, 64, "0.0"}, {-0.0, 64, "-0.0"}, {1, 32, "1.0f"}, {0.1, 64, "0.1"}, {0.1, 32, "0.1f"}, {1e300, 64, "1e300"},
    {1e-5, 64, "1e-5"}, {1.0 / 3, 64, "0.3333333333333333"}, {1.0 / 3, 32, "0.33333334f"}, {16777216, 32, "16777216.0f"},
    {1e300, 32, "INFINITY"}, {5e-324, 64, "5e-324"}, {1e6, 64, "1e6"},
};

START_TEST(reals_read_back)
{
    Str out = {0};
    out_real(&out, reals[_i].value, reals[_i].precision);
    ck_assert_str_eq(out.text, reals[_i].text);
    str_free(&out);
}
END_TEST

START_TEST(text_stays_inside)
{
    Str out = {0};
    out_comment(&out, "a */ b /* c ?" "?/ d \xc3\xa9");
    ck_assert(!strstr(out.text, "*/") && !strstr(out.text, "/*") && !strstr(out.text, "?" "?"));
    str_free(&out);
    const char *text = "say \"x\" \\ ?" "?= \t1\n\303\2511";
    out_string(&out, text, (int)strlen(text));
    ck_assert_str_eq(out.text, "\"say \\\"x\\\" \\\\ ?\\?= \\t1\\n\\303\\2511\"");
    str_free(&out);
}
END_TEST

/* ---------------------------------------------------------------- adrt_math.h; values by mpmath, 50 digits */

enum { POLYGAMMA, LOG_NORMAL_CDF, MILLS, SIGMOID, SOFTPLUS, SECH2 };
static const struct { int function, order; double x, value; int ulps; } values[] = {
    {POLYGAMMA, 0, 1e-300, -0x1.7e43c8800759bp+996, 4},
    {POLYGAMMA, 0, 1e-10, -0x1.2a05f20049e23p+33, 4},
    {POLYGAMMA, 1, 1e-10, 0x1.5af1d78b58c40p+66, 4},
    {POLYGAMMA, 2, 1e-10, -0x1.93e5939a08ce9p+100, 4},
    {POLYGAMMA, 3, 1e-10, 0x1.60a5f7552857bp+135, 4},
    {POLYGAMMA, 6, 1e-10, -0x1.04cdb5f13f015p+242, 4},
    {POLYGAMMA, 0, 0.3, -0x1.c052b6b5e6118p+1, 4},
    {POLYGAMMA, 1, 0.3, 0x1.87da06bfa42ddp+3, 4},
    {POLYGAMMA, 2, 0.3, -0x1.2d1713d4de2acp+6, 4},
    {POLYGAMMA, 3, 0.3, 0x1.739225581e957p+9, 4},
    {POLYGAMMA, 6, 0.3, -0x1.91e4511032438p+21, 4},
    {POLYGAMMA, 0, 1, -0x1.2788cfc6fb619p-1, 4},
    {POLYGAMMA, 1, 1, 0x1.a51a6625307d3p+0, 4},
    {POLYGAMMA, 2, 1, -0x1.33ba004f00621p+1, 4},
    {POLYGAMMA, 3, 1, 0x1.9f9cb402bc46cp+2, 4},
    {POLYGAMMA, 6, 1, -0x1.6b01782ad4368p+9, 4},
    {POLYGAMMA, 0, 1.4616321449683622, -0x1.aa2d9b3ce29e0p-54, 4},
    {POLYGAMMA, 1, 1.4616321449683622, 0x1.ef72bc8ee38acp-1, 4},
    {POLYGAMMA, 2, 1.4616321449683622, -0x1.c563b54aa1a37p-1, 4},
    {POLYGAMMA, 3, 1.4616321449683622, 0x1.8d0e3df3f8543p+0, 4},
    {POLYGAMMA, 6, 1.4616321449683622, -0x1.9fde95c598721p+5, 4},
    {POLYGAMMA, 0, 1.5, 0x1.2aed059bd608ap-5, 4},
    {POLYGAMMA, 1, 1.5, 0x1.de9e64df22ef3p-1, 4},
    {POLYGAMMA, 2, 1.5, -0x1.a85808a40aba2p-1, 4},
    {POLYGAMMA, 3, 1.5, 0x1.68ba30a420963p+0, 4},
    {POLYGAMMA, 6, 1.5, -0x1.5ba9d3f4705c1p+5, 4},
    {POLYGAMMA, 0, 1.7, 0x1.ab1b25f1db0c0p-3, 4},
    {POLYGAMMA, 1, 1.7, 0x1.96229d0f55f66p-1, 4},
    {POLYGAMMA, 2, 1.7, -0x1.354b2a18309d5p-1, 4},
    {POLYGAMMA, 3, 1.7, 0x1.c774abdc6e5fcp-1, 4},
    {POLYGAMMA, 6, 1.7, -0x1.2549f405e3963p+4, 4},
    {POLYGAMMA, 0, 3.7, 0x1.2aca9308f7e52p+0, 4},
    {POLYGAMMA, 1, 3.7, 0x1.3d7a906cdbdedp-2, 4},
    {POLYGAMMA, 2, 3.7, -0x1.86bd3b32e5396p-4, 4},
    {POLYGAMMA, 3, 3.7, 0x1.dd6c60e51ddfap-5, 4},
    {POLYGAMMA, 6, 3.7, -0x1.883bafd111e38p-4, 4},
    {POLYGAMMA, 0, 11.9, 0x1.378b2256c6287p+1, 4},
    {POLYGAMMA, 1, 11.9, 0x1.67118762c79fbp-4, 4},
    {POLYGAMMA, 2, 11.9, -0x1.f74fff864b30bp-8, 4},
    {POLYGAMMA, 3, 11.9, 0x1.6086ebe3ccaf9p-10, 4},
    {POLYGAMMA, 6, 11.9, -0x1.c487d49492838p-15, 4},
    {POLYGAMMA, 0, 40.0, 0x1.d691e5386f425p+1, 4},
    {POLYGAMMA, 1, 40.0, 0x1.9ec33dc5f6cecp-6, 4},
    {POLYGAMMA, 2, 40.0, -0x1.4ff970e194749p-11, 4},
    {POLYGAMMA, 3, 40.0, 0x1.102360580fab1p-15, 4},
    {POLYGAMMA, 6, 40.0, -0x1.0f152bb585435p-25, 4},
    {POLYGAMMA, 0, 10000.0, 0x1.26bab2df571c9p+3, 4},
    {POLYGAMMA, 1, 10000.0, 0x1.a3738d2137254p-14, 4},
    {POLYGAMMA, 2, 10000.0, -0x1.57a1ba0c9c0d3p-27, 4},
    {POLYGAMMA, 3, 10000.0, 0x1.1984674510d46p-39, 4},
    {POLYGAMMA, 6, 10000.0, -0x1.223ab018bd776p-73, 4},
    {POLYGAMMA, 0, 1e+300, 0x1.5963447f87fb5p+9, 4},
    {POLYGAMMA, 0, -0.25, 0x1.750282bca7d92p+1, 64},
    {POLYGAMMA, 1, -0.25, 0x1.28ab89fe51e18p+4, 64},
    {POLYGAMMA, 2, -0.25, 0x1.eaca1a84a4961p+6, 64},
    {POLYGAMMA, 3, -0.25, 0x1.84f0da1cd173ep+10, 64},
    {POLYGAMMA, 6, -0.25, 0x1.67d5be25a162ep+23, 64},
    {POLYGAMMA, 0, -1.3, 0x1.70f716b563150p+1, 64},
    {POLYGAMMA, 1, -1.3, 0x1.d12e1716d22dap+3, 64},
    {POLYGAMMA, 2, -1.3, 0x1.12329971ea7e3p+6, 64},
    {POLYGAMMA, 3, -1.3, 0x1.805c3e7ebec1fp+9, 64},
    {POLYGAMMA, 6, -1.3, 0x1.90d276297fdd8p+21, 64},
    {POLYGAMMA, 0, -7.7, -0x1.6c07604580c1fp-3, 64},
    {POLYGAMMA, 1, -7.7, 0x1.dea4c3b15d6a5p+3, 64},
    {POLYGAMMA, 2, -7.7, -0x1.1368d151de196p+6, 64},
    {POLYGAMMA, 3, -7.7, 0x1.808237552f378p+9, 64},
    {POLYGAMMA, 6, -7.7, -0x1.90d288b8034fep+21, 64},
    {LOG_NORMAL_CDF, 0, -10000000000.0, -0x1.5af1d78b58c40p+65, 8},
    {MILLS, 0, -10000000000.0, 0x1.2a05f20000000p+33, 8},
    {LOG_NORMAL_CDF, 0, -10000.0, -0x1.7d7845108c362p+25, 8},
    {MILLS, 0, -10000.0, 0x1.388000346dc5cp+13, 8},
    {LOG_NORMAL_CDF, 0, -700.0, -0x1.de87bc29a5287p+17, 8},
    {MILLS, 0, -700.0, 0x1.5e002ecfad42ep+9, 8},
    {LOG_NORMAL_CDF, 0, -40.0, -0x1.924de16d8b4aep+9, 8},
    {MILLS, 0, -40.0, 0x1.403322ddf1646p+5, 8},
    {LOG_NORMAL_CDF, 0, -38.5, -0x1.74d8fe9deb991p+9, 8},
    {MILLS, 0, -38.5, 0x1.34351f8ea56c3p+5, 8},
    {LOG_NORMAL_CDF, 0, -10.0, -0x1.a9d9ac076c031p+5, 8},
    {MILLS, 0, -10.0, 0x1.4323946bfa7dep+3, 8},
    {LOG_NORMAL_CDF, 0, -3.1, -0x1.bc343d5d29348p+2, 8},
    {MILLS, 0, -3.1, 0x1.b0273914ef65ep+1, 8},
    {LOG_NORMAL_CDF, 0, -2.9, -0x1.922e0297508dbp+2, 8},
    {MILLS, 0, -2.9, 0x1.985c3f1a22a91p+1, 8},
    {LOG_NORMAL_CDF, 0, -2.0, -0x1.e43f625df3b25p+1, 8},
    {MILLS, 0, -2.0, 0x1.2fc586cdeaaa2p+1, 8},
    {LOG_NORMAL_CDF, 0, -1.0, -0x1.d74d31cc8afc1p+0, 8},
    {MILLS, 0, -1.0, 0x1.866f43f5165c1p+0, 8},
    {LOG_NORMAL_CDF, 0, -1e-10, -0x1.62e42ff05313ep-1, 8},
    {MILLS, 0, -1e-10, 0x1.9884533dcf639p-1, 8},
    {LOG_NORMAL_CDF, 0, 0.0, -0x1.62e42fefa39efp-1, 8},
    {MILLS, 0, 0.0, 0x1.9884533d43651p-1, 8},
    {LOG_NORMAL_CDF, 0, 1e-10, -0x1.62e42feef42a1p-1, 8},
    {MILLS, 0, 1e-10, 0x1.9884533cb7668p-1, 8},
    {LOG_NORMAL_CDF, 0, 0.5, -0x1.79cd16ce909a5p-2, 8},
    {MILLS, 0, 0.5, 0x1.04b0ad277e950p-1, 8},
    {LOG_NORMAL_CDF, 0, 1.0, -0x1.61ccbbb9543afp-3, 8},
    {MILLS, 0, 1.0, 0x1.26809b560eaa5p-2, 8},
    {LOG_NORMAL_CDF, 0, 2.0, -0x1.790b233d099bfp-6, 8},
    {MILLS, 0, 2.0, 0x1.c4972a6c2a470p-5, 8},
    {LOG_NORMAL_CDF, 0, 3.0, -0x1.621b527ca0146p-10, 8},
    {MILLS, 0, 3.0, 0x1.22d6958d03f61p-8, 8},
    {LOG_NORMAL_CDF, 0, 3.5, -0x1.e7ea5096f411ap-13, 8},
    {MILLS, 0, 3.5, 0x1.c9a4be1ee83dep-11, 8},
    {LOG_NORMAL_CDF, 0, 8.0, -0x1.669d2c90d55d0p-51, 8},
    {MILLS, 0, 8.0, 0x1.6c0df3a094838p-48, 8},
    {LOG_NORMAL_CDF, 0, 30.0, -0x1.7795ad05ea397p-656, 8},
    {MILLS, 0, 30.0, 0x1.6080417588184p-651, 8},
    {LOG_NORMAL_CDF, 0, 37.0, -0x1.eaccc6bfeb0afp-995, 8},
    {MILLS, 0, 37.0, 0x1.1bf35e596c740p-989, 8},
    {SIGMOID, 0, -40.0, 0x1.39792499b1a24p-58, 4},
    {SOFTPLUS, 0, -40.0, 0x1.39792499b1a24p-58, 4},
    {SECH2, 0, -40.0, 0x1.7fd974d372e45p-114, 4},
    {SIGMOID, 0, -1.0, 0x1.136561454ba86p-2, 4},
    {SOFTPLUS, 0, -1.0, 0x1.40c7abfbec124p-2, 4},
    {SECH2, 0, -1.0, 0x1.ae0dc0f990c45p-2, 4},
    {SIGMOID, 0, -1e-10, 0x1.ffffffff920c8p-2, 4},
    {SOFTPLUS, 0, -1e-10, 0x1.62e42fef35ab7p-1, 4},
    {SECH2, 0, -1e-10, 0x1.0000000000000p+0, 4},
    {SIGMOID, 0, 0.0, 0x1.0000000000000p-1, 4},
    {SOFTPLUS, 0, 0.0, 0x1.62e42fefa39efp-1, 4},
    {SECH2, 0, 0.0, 0x1.0000000000000p+0, 4},
    {SIGMOID, 0, 1e-300, 0x1.0000000000000p-1, 4},
    {SOFTPLUS, 0, 1e-300, 0x1.62e42fefa39efp-1, 4},
    {SECH2, 0, 1e-300, 0x1.0000000000000p+0, 4},
    {SIGMOID, 0, 1e-10, 0x1.0000000036f9cp-1, 4},
    {SOFTPLUS, 0, 1e-10, 0x1.62e42ff011927p-1, 4},
    {SECH2, 0, 1e-10, 0x1.0000000000000p+0, 4},
    {SIGMOID, 0, 0.5, 0x1.3eb2fd4d34391p-1, 4},
    {SOFTPLUS, 0, 0.5, 0x1.f2ba37edae032p-1, 4},
    {SECH2, 0, 0.5, 0x1.92a946fa34394p-1, 4},
    {SIGMOID, 0, 40.0, 0x1.0000000000000p+0, 4},
    {SOFTPLUS, 0, 40.0, 0x1.4000000000000p+5, 4},
    {SECH2, 0, 40.0, 0x1.7fd974d372e45p-114, 4},
    {SIGMOID, 0, 710.0, 0x1.0000000000000p+0, 4},
    {SOFTPLUS, 0, 710.0, 0x1.6300000000000p+9, 4},
    {SIGMOID, 0, 10000.0, 0x1.0000000000000p+0, 4},
    {SOFTPLUS, 0, 10000.0, 0x1.3880000000000p+13, 4},
};

static double call(int function, int order, double x)
{
    switch (function) {
    case POLYGAMMA: return ad_polygamma(order, x);
    case LOG_NORMAL_CDF: return ad_log_normal_cdf(x);
    case MILLS: return ad_mills(x);
    case SIGMOID: return ad_sigmoid(x);
    case SOFTPLUS: return ad_softplus(x);
    default: return ad_sech2(x);
    }
}

START_TEST(functions_keep_their_digits)
{
    double got = call(values[_i].function, values[_i].order, values[_i].x), want = values[_i].value;
    double ulp = nextafter(fabs(want), INFINITY) - fabs(want);
    ck_assert_msg(fabs(got - want) <= values[_i].ulps * ulp, "function %d order %d at %g: %.17g, not %.17g (%.1f ulp)",
                  values[_i].function, values[_i].order, values[_i].x, got, want, (got - want) / ulp);
}
END_TEST

START_TEST(limits_and_ints)
{
    ck_assert(ad_mills(-INFINITY) == INFINITY && ad_mills(INFINITY) == 0 && isnan(ad_mills(NAN)));
    ck_assert(ad_log_normal_cdf(-INFINITY) == -INFINITY && ad_log_normal_cdf(INFINITY) == 0 && isnan(ad_log_normal_cdf(NAN)));
    ck_assert(ad_sigmoid(-INFINITY) == 0 && ad_sigmoid(INFINITY) == 1 && ad_softplus(INFINITY) == INFINITY);
    ck_assert(isnan(ad_max(NAN, 1)) && isnan(ad_max(1, NAN)) && isnan(ad_min(NAN, 1)) && isnan(ad_min(1, NAN)));
    ck_assert(ad_ifloordiv(-7, 2) == -4 && ad_imod(-7, 2) == 1 && ad_imod(7, -2) == -1 && ad_ifloordiv(1, 0) == 0);
    ck_assert(ad_ifloordiv(INT64_MIN, -1) == INT64_MIN && ad_imod(INT64_MIN, -1) == 0);
    ck_assert(ad_floordiv(-7, 2) == -4 && ad_mod(-7, 2) == 1 && ad_mod(7, -2) == -1 && ad_mod(5.5, 2) == 1.5);
    ck_assert(ad_room(0, 8, 1) == 64 && ad_room(0, 8, INT64_MAX) == SIZE_MAX && ad_room(SIZE_MAX, 8, 0) == SIZE_MAX);
    ck_assert(ad_room(0, 8, ad_product(INT64_MAX, 2)) == SIZE_MAX && ad_product(3, 4) == 12);
}
END_TEST

/* ---------------------------------------------------------------- models */

static const struct { const char *name, *text; } models[] = {
    {"factorise", "precision f64\ndim m\ndim n = 4, r = 2\ndata A[m, n]\nparam U[m, r] ~ uniform(0, 1)\nparam V[r, n] ~ uniform(0, 1)\n"
                  "loss J = sum((U @ V - A)^2)\noutput U\n"},
    {"mlp", "precision f64\ndim n batch\ndim f = 4, h = 12, c = 3\ndata X[n, f]\ndata y[n] : index(c)\nparam W1[f, h] ~ uniform(0, 1)\n"
            "param W2[h, c] ~ uniform(0, 1)\nparam b = 0\nlet l = tanh(X @ W1 + b) @ W2\nloss cross_entropy(l, y)\n"
            "metric a = mean(argmax(l, over = c) == y)\n"},
    {"last", "precision f64\ndim T, H\ndata x[T, H]\nparam W[H, H] ~ normal(0, 1)\nparam h0[H] ~ normal(0, 1)\n"
             "let h[t in T, j in H] from h0 = tanh(x[t, j] + sum[q in H] h[t-1, q] * W[q, j])\nloss sum(h[-1]^2)\n"},
    {"inside", "precision f64\ndim T\ndim S = 4\ndata x[T]\nparam a = 0.6\nparam b = 0.2\n"
               "fn solve(c) { let z[i in S] from b = z[i-1] - 0.3 * (z[i-1] - tanh(c * z[i-1])); sum(z^2) + z[-1] + z[0] }\n"
               "fn apart(c) { let z[i in S] from 1 = z[i-1] * cos(a * c); sum(z) }\n"
               "let h[t in T] from b = solve(a * h[t-1] + x[t]) * 0.5 + apart(x[t])\nloss sum(h^2)\noutput h\n"},
    {"all", "precision f64\ndim T\ndata x[T]\nparam a = 0.3\nlet s[t in T] from 0 = a * s[t-1] + x[t]\n"
            "loss sum(sin(s)) + s[-1]^2\noutput s\n"},
    {"two", "precision f64\ndim T\ndata x[T]\nparam a = 0.3\nparam b = 0.2\nscan t in T {\n  let p[t] from 1 = cos(a * q[t-1] + x[t])\n"
            "  let q[t] from b = p[t] * q[t-1] + p[t-1]\n}\nloss sum(p * q)\n"},
    {"gather", "precision f64\ndim k, users\ndim r = 3\ndata u[k] : index(users)\ndata y[k]\nparam P[users, r] ~ normal(0, 1)\n"
               "loss sum((y - sum(P[u]^2, over = r))^2)\n"},
    {"lazy", "precision f64\ndim n\ndata x[n]\nparam a[n] ~ normal(0, 1)\n"
             "let d[i in n] = where(i > 0, (a[i] - a[i-1])^2 * x[i-1], exp(a[i]))\nloss sum(d)\n"},
    {"triangle", "precision f64\ndim n, k\ndata z[n, k]\nparam w[k] ~ normal(0, 1)\n"
                 "loss sum[i in n, j in i+1:n, q in k] (z[i, q] - z[j, q])^2 * exp(w[q])\n"},
    {"gaps", "precision f64\ndim n\ndata x[n]\nparam a[n] ~ normal(0, 1)\nloss sum((a[1:] - a[:-1])^2) + max(a * x) + prod(a[:3])\n"},
};

/* The C of a model, with sizes fixed by "m=5 n=4". */
static char *compiled(const char *text)
{
    Ctx *ctx = ctx_new();
    ctx->pass = "test";
    int file = source_add(ctx, "model.ad", text, (int)strlen(text));
    const Ast *ast = parse(ctx, file);
    Graph *g = lower(ctx, ast, file);
    if (g && error_count(ctx) == 0)
        g = simplify(ctx, differentiate(ctx, g));
    if (!g || error_count(ctx)) {
        diag_print(ctx, stderr);
        ck_abort_msg("the model does not compile");
    }
    g->name = "test";
    g = fuse(ctx, g);
    Str c = {0};
    emit_c(ctx, g, schedule(ctx, g), file, &c);
    ctx_free(ctx);
    return c.text;
}

static char *function_of(const char *c, const char *name)
{
    char head[64];
    snprintf(head, sizeof head, "static void %s(AdRun *run)", name);
    const char *from = strstr(c, head);
    ck_assert(from != NULL);
    return strndup(from, (size_t)(strstr(from, "\n}\n") - from));
}

static int occurrences(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        n++;
    return n;
}

/* One loop over vectors of rows, one over those that are left. */
START_TEST(rows_run_in_one_loop)
{
    char *c = compiled(models[_i].text), *step = function_of(c, "step");
    ck_assert_msg(occurrences(step, "; i < ") == 2 && occurrences(step, "i += LANES") == 1, "%s", step);
    ck_assert_msg(!strstr(step, "run->work"), "%s", step);
    free(step);
    free(c);
}
END_TEST

START_TEST(the_last_step_needs_no_history)
{
    char *c = compiled("precision f64\ndim T, H\ndata x[T, H]\nparam h0[H] ~ normal(0, 1)\n"
                       "let h[t in T, j in H] from h0 = tanh(x[t, j] + h[t-1, j])\nmetric last = sum(h[-1])\nloss sum(h0)\n");
    char *eval = function_of(c, "eval");
    ck_assert_msg(!strstr(eval, "T * H)"), "%s", eval);
    free(eval);
    free(c);
}
END_TEST

START_TEST(the_c_does_not_grow)
{
    char *little = compiled("dim n = 11\ndata x[n]\nparam a[n] ~ normal(0, 1)\nloss sum((a - x)^2) + prod(a)\n");
    char *large = compiled("dim n = 1100000\ndata x[n]\nparam a[n] ~ normal(0, 1)\nloss sum((a - x)^2) + prod(a)\n");
    char *again = compiled("dim n = 11\ndata x[n]\nparam a[n] ~ normal(0, 1)\nloss sum((a - x)^2) + prod(a)\n");
    ck_assert(strlen(large) < strlen(little) + 600);
    ck_assert_str_eq(little, again);
    free(little);
    free(large);
    free(again);
}
END_TEST

START_TEST(long_sums_keep_their_digits)
{
    static const int lengths[] = {0, 1, AD_BLOCK - 1, AD_BLOCK, AD_BLOCK + 1, 1000, 10000000};
    for (int k = 0; k < COUNT(lengths); k++) {
        ad_treef single = {0};
        ad_tree whole = {0};
        for (int i = 0; i < lengths[k]; i++) {
            ad_addf(&single, 0.1f);
            ad_add(&whole, i);
        }
        double n = lengths[k], want = n * (double)0.1f, got = (double)ad_totalf(&single);
        ck_assert_msg(fabs(got - want) <= 1e-6 * want, "%d equal numbers: %.9g, not %.9g", lengths[k], got, want);
        ck_assert(ad_total(&whole) == n * (n - 1) / 2);
    }
}
END_TEST

START_TEST(what_may_be_long_is_a_tree)
{
    char *any = compiled("dim n\ndata x[n]\nparam a ~ normal(0, 1)\nloss sum((a - x)^2)\n"), *any_step = function_of(any, "step");
    char *few = compiled("dim n = 150\ndata x[n]\nparam a ~ normal(0, 1)\nloss sum((a - x)^2)\n"), *few_step = function_of(few, "step");
    ck_assert_msg(strstr(any_step, "ad_addf(&") && strstr(any_step, "ad_totalf(&"), "%s", any_step);
    ck_assert_msg(!strstr(few_step, "ad_add"), "%s", few_step);
    free(any_step);
    free(few_step);
    free(any);
    free(few);
}
END_TEST

/* ---------------------------------------------------------------- running them */

static const char stubs[] =
    "void adrt_fault(AdRun *run, AdFaultKind kind, int line, const char *what, int64_t index, int64_t size, double value)\n"
    "{\n    if (run->fault.kind == AD_OK)\n        run->fault = (AdFault){kind, line, what, index, size, value};\n}\n";

static void *load_model(const char *text, char *directory)
{
    char path[512], command[2048];
    char *c = compiled(text);
    snprintf(path, sizeof path, "%s/model.c", directory);
    FILE *f = fopen(path, "w");
    ck_assert(f != NULL);
    fprintf(f, "%s%s", c, stubs);
    fclose(f);
    free(c);
    const char *cc = getenv("CC") ? getenv("CC") : "cc", *tests = getenv("ADC_TESTS") ? getenv("ADC_TESTS") : "tests";
    snprintf(command, sizeof command, "%s -std=c11 -O1 -Wall -Wextra -Wshadow -Wconversion -Werror -DAD_NO_MAIN -shared -fPIC"
             " -I%s/../runtime %s -o %s/model.so -lm", cc, tests, path, directory);
    ck_assert_msg(system(command) == 0, "%s", command);
    snprintf(path, sizeof path, "%s/model.so", directory);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(library != NULL, "%s", dlerror());
    return library;
}

static int64_t count(const int64_t *dims, int rank, const int *axes)
{
    int64_t n = 1;
    for (int a = 0; a < rank; a++)
        n *= dims[axes[a]];
    return n;
}

enum { SIZE = 5, ARRAYS = 8 };
typedef struct { AdRun run; int64_t dims[16]; const void *data[ARRAYS]; void *param[ARRAYS], *grad[ARRAYS], *output[ARRAYS]; int64_t *rows[ARRAYS]; double draw[4 * ARRAYS], loss[ARRAYS], metric[ARRAYS]; } Bench;

static double noise(int k) { return sin(1.7 * k + 0.3) * 0.8; }

/* Data and params of a model in f64, filled with numbers that nobody would choose. */
static void set_up(Bench *b, const AdModel *m)
{
    *b = (Bench){0};
    for (int k = 0; k < m->ndims; k++)
        b->dims[k] = m->dims[k].kind == AD_DIM_FIXED ? m->dims[k].value : SIZE;
    m->derive(b->dims);
    b->run = (AdRun){.model = m, .dims = b->dims, .total = SIZE, .data = b->data, .param = b->param, .grad = b->grad, .rows = b->rows,
                     .output = b->output, .draw = b->draw, .loss = b->loss, .metric = b->metric};
    for (int d = 0; d < m->ndata; d++) {
        int64_t n = count(b->dims, m->data[d].rank, m->data[d].axes);
        double *reals_ = calloc((size_t)n, sizeof *reals_);
        int64_t *ints = calloc((size_t)n, sizeof *ints);
        for (int k = 0; k < n; k++) {
            reals_[k] = noise(k + 7 * d);
            ints[k] = m->data[d].labels >= 0 ? k * 2 % b->dims[m->data[d].labels] : k;
        }
        b->data[d] = m->data[d].type == AD_REAL ? (void *)reals_ : (void *)ints;
        free(m->data[d].type == AD_REAL ? (void *)ints : (void *)reals_);
    }
    for (int k = 0; k < m->nrows; k++)
        b->rows[k] = calloc((size_t)b->dims[m->rows[k].count], sizeof(int64_t));
    for (int p = 0; p < m->nparams; p++) {
        int64_t n = count(b->dims, m->params[p].rank, m->params[p].axes);
        double *x = b->param[p] = calloc((size_t)n, sizeof *x);
        b->grad[p] = calloc((size_t)n, sizeof(double));
        for (int k = 0; k < n; k++)
            x[k] = noise(3 * k + 11 * p + 5);
    }
    for (int o = 0; o < m->noutputs; o++)
        b->output[o] = calloc((size_t)count(b->dims, m->outputs[o].rank, m->outputs[o].axes), sizeof(double));
    b->run.load = aligned_alloc(64, m->load_bytes(b->dims) + 64);
    size_t work = m->work_bytes(b->dims), trace = m->trace_bytes(b->dims);
    b->run.work = aligned_alloc(64, (work > trace ? work : trace) + 64);
    m->load(&b->run);
}

static double loss_of(Bench *b)
{
    double sum = 0;
    b->run.model->eval(&b->run);
    for (int k = 0; k < b->run.model->nlosses; k++)
        sum += b->loss[k];
    return sum;
}

static void tear_down(Bench *b)
{
    for (int k = 0; k < ARRAYS; k++) {
        free((void *)b->data[k]);
        free(b->param[k]);
        free(b->grad[k]);
        free(b->output[k]);
        free(b->rows[k]);
    }
    free(b->run.load);
    free(b->run.work);
}

START_TEST(gradients_are_differences)
{
    char directory[SCRATCH], command[SCRATCH + 8];
    ck_assert(scratch(directory) != NULL);
    void *library = load_model(models[_i].text, directory);
    const AdModel *m = dlsym(library, "test_model");
    ck_assert(m != NULL);
    Bench b;
    set_up(&b, m);
    m->step(&b.run);
    m->output(&b.run);
    for (int p = 0; p < m->nparams; p++) {
        double *x = b.param[p], *g = b.grad[p];
        for (int64_t k = 0; k < count(b.dims, m->params[p].rank, m->params[p].axes); k++) {
            double x0 = x[k], h = 1e-5;
            x[k] = x0 + h;
            double up = loss_of(&b);
            x[k] = x0 - h;
            double down = loss_of(&b), want = (up - down) / (2 * h);
            x[k] = x0;
            ck_assert_msg(fabs(g[k] - want) <= 1e-6 * (1 + fabs(want)), "%s: gradient of %s[%d] is %.12g, not %.12g",
                          models[_i].name, m->params[p].name, (int)k, g[k], want);
        }
    }
    double loss = loss_of(&b);
    m->trace(&b.run);
    ck_assert_msg(fabs(loss_of(&b) - loss) == 0 && b.run.fault.kind == AD_OK, "%s: fault in line %d", models[_i].name, b.run.fault.line);
    tear_down(&b);
    dlclose(library);
    snprintf(command, sizeof command, "rm -r %s", directory);
    ck_assert(system(command) == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("back");
    TCase *text = tcase_create("text"), *math = tcase_create("math"), *run = tcase_create("run");
    tcase_add_test(text, names_collide_with_nothing);
    tcase_add_loop_test(text, reals_read_back, 0, COUNT(reals));
    tcase_add_test(text, text_stays_inside);
    tcase_add_loop_test(math, functions_keep_their_digits, 0, COUNT(values));
    tcase_add_test(math, limits_and_ints);
    tcase_add_loop_test(run, rows_run_in_one_loop, 0, 2);
    tcase_add_test(run, the_last_step_needs_no_history);
    tcase_add_test(run, the_c_does_not_grow);
    tcase_add_test(run, long_sums_keep_their_digits);
    tcase_add_test(run, what_may_be_long_is_a_tree);
    tcase_add_loop_test(run, gradients_are_differences, 0, COUNT(models));
    tcase_set_timeout(run, 60);
    suite_add_tcase(suite, text);
    suite_add_tcase(suite, math);
    suite_add_tcase(suite, run);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
