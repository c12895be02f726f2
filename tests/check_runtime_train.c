/* check_runtime_train.c: the trainer side of the runtime on hand-written models (fake_models.h): options, optimisers,
 * training, restarts, files and exit statuses.
 *
 * A test calls adrt_main() as a trainer's main() would, in a fresh directory, and reads what it printed and wrote.
 * Reference losses of optimisers are PyTorch's in float64 (2.13, 200 steps, the loss seen by the last of them). */
#include "scratch.h"
#include "../runtime/rt.h"
#include "fake_models.h"

#include <check.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- running a trainer ---- */

static char printed[1 << 16];

static void read_file(const char *path, char *text, size_t size, size_t *length)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s was not written", path);
    size_t n = fread(text, 1, size - 1, f);
    text[n] = 0;
    if (length)
        *length = n;
    fclose(f);
}

/* Exit status of `model` with the arguments, a NULL-ended list; what it prints goes to `printed`. */
static int run_model(const AdModel *model, ...)
{
    char *argv[40] = { (char *)"trainer" };
    int argc = 1;
    va_list args;
    va_start(args, model);
    while ((argv[argc] = va_arg(args, char *)))
        argc++;
    va_end(args);
    fflush(stdout);
    int out = dup(1), err = dup(2);
    ck_assert(freopen("stdout.txt", "w", stdout) != NULL);
    ck_assert(freopen("stderr.txt", "w", stderr) != NULL);
    int status = adrt_main(argc, argv, model);
    fflush(stdout);
    fflush(stderr);
    dup2(out, 1);
    dup2(err, 2);
    close(out);
    close(err);
    read_file("stdout.txt", printed, sizeof printed, NULL);
    return status;
}

static double printed_value(const char *name)
{
    size_t n = strlen(name);
    for (const char *s = printed; *s; s += strcspn(s, "\n"), s += *s == '\n')
        if (strncmp(s, name, n) == 0 && s[n] == ' ')
            return strtod(s + n, NULL);
    ck_abort_msg("no '%s' in: %s", name, printed);
    return 0;
}

static bool stderr_has(const char *text)
{
    static char all[1 << 14];
    read_file("stderr.txt", all, sizeof all, NULL);
    return strstr(all, text) != NULL;
}

static bool file_has(const char *path, const char *text)
{
    static char all[1 << 19];
    read_file(path, all, sizeof all, NULL);
    return strstr(all, text) != NULL;
}

static double least_loss(const char *history)
{
    static char all[1 << 16];
    double least = INFINITY;
    read_file(history, all, sizeof all, NULL);
    for (char *s = strchr(all, '\n'); s && s[1]; s = strchr(s + 1, '\n'))
        least = fmin(least, strtod(strchr(strchr(s, ',') + 1, ',') + 1, NULL));
    return least;
}

static void same_files(const char *a, const char *b)
{
    static char x[1 << 18], y[1 << 18];
    size_t n, m;
    read_file(a, x, sizeof x, &n);
    read_file(b, y, sizeof y, &m);
    ck_assert_msg(n == m && memcmp(x, y, n) == 0, "%s and %s differ", a, b);
}

static void write_rows(void)
{
    static const char *const names[] = { "alba", "bruna", "caerulea" };
    FILE *f = fopen("flowers.csv", "w");
    fputs("a,b,c,d,species\n", f);
    for (int i = 0; i < 90; i++) {
        int k = i % 3;
        double u = adrt_uniform(1, 2, 0, i), v = adrt_uniform(1, 3, 0, i);
        fprintf(f, "%.3f,%.3f,%.3f,%.3f,%s\n", 3 + k + u, 2 - 0.5 * k + v, 1 + 2 * k + 0.5 * u, 0.2 + k * v, names[k]);
    }
    fclose(f);
    f = fopen("curve.csv", "w");
    fputs("x,y\n", f);
    for (int i = 0; i < 20; i++)
        fprintf(f, "%d,%.17g\n", i, 2.5 * exp(-0.3 * i));
    fclose(f);
}

static void setup(void)
{
    char dir[SCRATCH];
    ck_assert(scratch(dir) != NULL && chdir(dir) == 0);
    write_rows();
}

static void teardown(void)
{
    static const char *const files[] = {
        "stdout.txt", "stderr.txt", "flowers.csv", "curve.csv", "a.safetensors", "b.safetensors", "c.safetensors",
        "c.safetensors.old", "p.csv", "p.npy", "g.npy", "guess.csv", "r.html", "h.csv", "h.jsonl", "r.json",
    };
    char here[256];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlink(files[i]);
    if (getcwd(here, sizeof here) && chdir("/") == 0)
        rmdir(here);
}

/* ---- settings ---- */

static const struct { const char *text; double value; } numbers[] = {
    { "12", 12 }, { "2/3", 2.0 / 3 }, { "1e-3", 1e-3 }, { "-2^2", -4 }, { "(1 + 2) * 3", 9 }, { "2^-1", 0.5 },
};

START_TEST(spec_reads_a_number)
{
    Err err;
    double v;
    ck_assert_int_eq(spec_number(numbers[_i].text, &v, "x", &err), EXIT_FINE);
    ck_assert_double_eq_tol(v, numbers[_i].value, 1e-15);
}
END_TEST

static const struct { const char *text, *message; } bad_specs[] = {
    { "rmsporp()", "did you mean 'rmsprop'?" }, { "sgd(momentun = 1)", "did you mean 'momentum'?" },
    { "sgd(lr = x)", "'lr' of sgd is x, but must be a positive number" }, { "sgd(lr = 0)", "is 0, but must be a positive number" },
    { "sgd(lr = -1)", "is -1, but" }, { "sgd(nesterov = true)", "needs a momentum" }, { "sgd(true)", "a positive number" },
    { "adam(beta1=1)", "'beta1' of adam is 1, but must be a number from 0 up and below 1" }, { "adam(eps = 1/0)", "from 0 up" },
    { "lbfgs(line_search=foo)", "'line_search' of lbfgs is foo, but must be \"wolfe\" or \"none\"" },
    { "sgd(lr = )", "'lr' of sgd needs a value: a positive number" },
    { "sgd(lr = 1", "does not read" }, { "adam(1, 0, 0, 4, 5, 1, 7)", "at most" }, { "", "is no optimizer" },
    { "lbfgs(history = 2.5)", "whole number" }, { "sgd(0.1, 0.9, 3)", "true or false" }, { "sgd(lr = 1, lr = 2)", "twice" },
    { "adam(0.1, lr = 1)", "twice" },
};

START_TEST(spec_refuses)
{
    Err err;
    OptimSpec spec;
    ck_assert_int_eq(spec_optimizer(bad_specs[_i].text, &spec, "x", &err), EXIT_USAGE);
    ck_assert_msg(strstr(err.text, bad_specs[_i].message) != NULL, "%s", err.text);
}
END_TEST

static const struct { const char *text; int64_t now, all; double factor; } schedules_at[] = {
    { "constant()", 7, 10, 1 }, { "step(every = 3, factor = 0.5)", 7, 10, 0.25 }, { "exponential(0.9)", 2, 10, 0.81 },
    { "cosine()", 5, 10, 0.5 }, { "cosine(warmup = 4)", 1, 10, 0.5 }, { "cosine(warmup = 5)", 5, 10, 1 },
    { "linear(final = 0.2)", 5, 10, 0.6 },
};

START_TEST(schedule_at)
{
    Err err;
    ScheduleSpec spec;
    ck_assert_int_eq(spec_schedule(schedules_at[_i].text, &spec, "x", &err), EXIT_FINE);
    ck_assert_double_eq_tol(schedule_factor(&spec, schedules_at[_i].now, schedules_at[_i].all), schedules_at[_i].factor, 1e-15);
}
END_TEST

static const struct { const char *flag, *value, *message; } bad_flags[] = {
    { "--epoch", "3", "did you mean '--epochs'?" }, { "--epochs", "many", "is not a number" }, { "--epochs", "1.5", "whole number" },
    { "--epochs", "9999999999999999999", "'9999999999999999999' is too large" }, { "--on-nan", "foo", "'foo' is not stop or continue" },
    { "--lr", "1e999", "is not a finite number" }, { "--data", "--epochs", "--data needs a value: FILE" }, { "--lr", "0/0", "finite" },
    { "--freeze", "x,y", "--freeze x,y leaves no param that learns" },
    { "--epochs", "0", "'0' is not a whole number from 1 up" }, { "--steps", "0", "from 1 up" },
    { "--split", "0.5,0.4", "add up to 0.9" }, { "--freeze", "z", "no param 'z'" }, { "--set", "a=1", "has no hyper" },
    { "--grad", "x=g.npy", "belongs to the command eval" }, { "--batch", "-1", "whole number" }, { "--seed", "x", "whole number" },
    { "--quiet=1", NULL, "takes no value" }, { "--lr", NULL, "needs a value" }, { "lr", NULL, "unknown command" },
    { "--progress", "line", "'line' is not auto, bar, lines or none" }, { "--optimizer", "lm()", "this trainer has no lm(): its loss is no sum of squares" },
    { "--seed", "18446744073709551616", "whole number" }, { "--restarts", "1e12", "at most 10000000" },
};

START_TEST(flag_is_refused)
{
    ck_assert_int_eq(run_model(&fake_bowl, bad_flags[_i].flag, bad_flags[_i].value, NULL), EXIT_USAGE);
    ck_assert_msg(stderr_has(bad_flags[_i].message), "%s", bad_flags[_i].flag);
}
END_TEST

static const struct { const AdModel *model; const char *argument[5], *message; } bad_combinations[] = {
    { &fake_bowl, { "eval", "--epochs", "5" }, "--epochs belongs to the command train, not to eval" },
    { &fake_bowl, { "check-grad", "--lr=5" }, "--lr belongs to the commands train, bench, not to check-grad" },
    { &fake_bowl, { "info", "--model", "m.safetensors" }, "belongs to the commands train, eval, not to info" },
    { &fake_bowl, { "--restarts", "4", "--restart", "4" }, "--restart 4: counted from 0, the last of 4 restarts is 3" },
    { &fake_logistic, { "--data", "flowers.csv", "--set", "unused=1e999" }, "--set: '1e999' is not a finite number" },
    { &fake_bowl, { "--optimizer", "lbfgs()", "--batch", "5" }, "--batch cannot go with lbfgs(), which takes all rows at once" },
    { &fake_curve, { "--lr", "5" }, "--lr cannot go with lm(), which finds the length of its steps" },
    { &fake_factorise, { "--holdout", "cells(A, 0.1)" }, "holdout: 'A' (factorise.ad:6) is not declared 'missing'" },
    { &fake_bowl, { "--model", "m.npy" }, "--model: 'm.npy' is not written: give a name that ends in .safetensors" },
    { &fake_bowl, { "--history", "h.txt" }, "ends in .csv or .jsonl" }, { &fake_bowl, { "--report", "r.pdf" }, "ends in .html" },
    { &fake_factorise, { "--out", "U=u.tsv" }, "ends in .npy or .csv" },
    { &fake_factorise, { "--out", "U=u.csv", "--history", "u.csv" }, "--out and --history both write 'u.csv'" },
    { &fake_factorise, { "--holdout", "cells(B, 0.1)" }, "no data 'B'" },
};

START_TEST(combination_is_refused)
{
    const char *const *a = bad_combinations[_i].argument;
    ck_assert_int_eq(run_model(bad_combinations[_i].model, a[0], a[1], a[2], a[3], a[4], NULL), EXIT_USAGE);
    ck_assert_msg(stderr_has(bad_combinations[_i].message), "%s", bad_combinations[_i].message);
}
END_TEST

/* What is shown to be in force is what is in force. */
START_TEST(help_shows_what_is_in_force)
{
    static const AdSetting block[] = { { "lr", "0.5", 7 }, { "batch", "16", 8 }, { "optimizer", "sgd()", 9 } };
    AdModel model = fake_logistic;
    model.settings = block;
    model.nsettings = 3;
    ck_assert_int_eq(run_model(&model, "info", NULL), EXIT_FINE);
    ck_assert(strstr(printed, "setting lr = 0.5 (logistic.ad:7)") != NULL);
    ck_assert_int_eq(run_model(&model, "info", "--optimizer", "sgd(lr = 0.1)", NULL), EXIT_FINE);
    ck_assert(strstr(printed, "setting lr") == NULL);
    ck_assert_int_eq(run_model(&model, "--set", "unused=3", "--data", "X=x.npy", "--data", "y=y.npy", "--help", NULL), EXIT_FINE);
    ck_assert(strstr(printed, "unused = 3   (command line)") != NULL);
    ck_assert(strstr(printed, "= X=x.npy, y=y.npy   (command line)") != NULL);
    ck_assert_int_eq(run_model(&model, "--data", "flowers.csv", "--optimizer", "lbfgs()", "--epochs", "3", "--record", "r.json", NULL),
                     EXIT_FINE);
    ck_assert(stderr_has("logistic.ad:8: note: batch is ignored: lbfgs() takes all rows at once"));
    ck_assert(!file_has("r.json", "\"lr\"") && !file_has("r.json", "\"batch\""));
}
END_TEST

/* ---- optimisers ---- */

static const struct { const char *optimizer; double loss; } trajectories[] = {
    { "sgd(lr = 1e-4)", 4.0761360528977404 },
    { "sgd(lr = 1e-4, momentum = 0.9, weight_decay = 0.01)", 3.3785401918923106 },
    { "sgd(lr = 1e-4, momentum = 0.9, nesterov = true)", 3.4501776475849306 },
    { "adam(lr = 0.01)", 4.0293683540143173 },
    { "adamw(lr = 0.01, weight_decay = 0.1)", 3.4935007328131094 },
    { "rmsprop(lr = 0.01)", 3.3441785143223424 },
    { "rmsprop(lr = 1e-3, momentum = 0.9)", 3.8589016127283688 },
    { "adagrad(lr = 0.1)", 3.7300034886291069 },
    { "lbfgs()", 4.5007091469964303e-13 },
};

START_TEST(optimizer_follows_pytorch)
{
    static char text[1 << 16];
    ck_assert_int_eq(run_model(&fake_bowl, "--optimizer", trajectories[_i].optimizer, "--steps", "200", "--history", "h.csv",
                               "--quiet", NULL), EXIT_FINE);
    read_file("h.csv", text, sizeof text, NULL);
    char *last = strrchr(text, '\n');
    while (last > text && last[-1] != '\n')
        last--;
    last = strchr(strchr(last, ',') + 1, ',') + 1;
    ck_assert_double_eq_tol(strtod(last, NULL) / trajectories[_i].loss, 1, 1e-9);
}
END_TEST

START_TEST(lbfgs_finds_the_minimum)
{
    ck_assert_int_eq(run_model(&fake_bowl, "--optimizer", "lbfgs()", "--steps", "100", NULL), EXIT_FINE);
    ck_assert(printed_value("f") < 1e-11);
}
END_TEST

START_TEST(lm_finds_the_curve)
{
    ck_assert_int_eq(run_model(&fake_curve, "--data", "curve.csv", NULL), EXIT_FINE);
    ck_assert(printed_value("sse") < 1e-24);
}
END_TEST

/* ---- training ---- */

#define RESUMABLE "--data", "flowers.csv", "--restarts", "1", "--batch", "8", "--split", "1"

START_TEST(factorise_nears_the_svd)
{
    ck_assert_int_eq(run_model(&fake_factorise, "--data", "flowers.csv", "--optimizer", "lbfgs()", "--epochs", "400", NULL), EXIT_FINE);
    double ratio = printed_value("J") / printed_value("svd");
    ck_assert(ratio >= 1 - 1e-12 && ratio < 1.02);
}
END_TEST

START_TEST(divergence_keeps_the_best)
{
    ck_assert_int_eq(run_model(&fake_factorise, "--data", "flowers.csv", "--lr", "1", "--record", "r.json", NULL), EXIT_DIVERGED);
    ck_assert(stderr_has("factorise: error: loss is "));
    ck_assert(stderr_has("parameters of the best epoch kept"));
    ck_assert(stderr_has("first non-finite value: 'J' at factorise.ad:9"));
    ck_assert(isfinite(printed_value("J")));
    ck_assert_int_eq(access("r.json", R_OK), 0);
}
END_TEST

START_TEST(trained_model_evaluates_alike)
{
    ck_assert_int_eq(run_model(&fake_factorise, "--data", "flowers.csv", "--lr", "0.002", "--model", "a.safetensors", NULL), EXIT_FINE);
    double loss = printed_value("loss");
    ck_assert_int_eq(run_model(&fake_factorise, "eval", "--init", "a.safetensors", "--data", "flowers.csv", "--grad", "U=g.npy", NULL),
                     EXIT_FINE);
    ck_assert_double_eq(printed_value("loss"), loss);
    ck_assert_int_eq(access("g.npy", R_OK), 0);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    ck_assert_int_eq(run_model(&fake_logistic, "--data", "flowers.csv", "--threads", "1", "--model", "a.safetensors",
                               "--out", "p=p.npy", NULL), EXIT_FINE);
    ck_assert_int_eq(rename("stdout.txt", "p.csv"), 0);
    ck_assert_int_eq(run_model(&fake_logistic, "--data", "flowers.csv", "--threads", "3", "--model", "b.safetensors", NULL), EXIT_FINE);
    same_files("p.csv", "stdout.txt");
    same_files("a.safetensors", "b.safetensors");
    ck_assert(printed_value("best_accuracy") > 0.6);
    ck_assert(printed_value("test_accuracy") > 0.6);
}
END_TEST

START_TEST(predict_writes_labels)
{
    char text[4096];
    ck_assert_int_eq(run_model(&fake_logistic, "--data", "flowers.csv", "--restarts", "1", "--model", "a.safetensors", NULL), EXIT_FINE);
    ck_assert_int_eq(run_model(&fake_logistic, "predict", "--init", "a.safetensors", "--data", "flowers.csv", "--out", "p=p.csv",
                               "--out", "guess=guess.csv", NULL), EXIT_FINE);
    read_file("p.csv", text, sizeof text, NULL);
    ck_assert(strncmp(text, "alba,bruna,caerulea\n", 20) == 0);
    read_file("guess.csv", text, sizeof text, NULL);
    ck_assert(strncmp(text, "guess\nalba\n", 11) == 0);
}
END_TEST

/* New data has no labels: predict does without the column. */
START_TEST(predict_needs_no_targets)
{
    static char with[1 << 15], without[1 << 15];
    FILE *in, *out;
    ck_assert_int_eq(run_model(&fake_logistic, "--data", "flowers.csv", "--restarts", "1", "--model", "a.safetensors", NULL), EXIT_FINE);
    ck_assert_int_eq(run_model(&fake_logistic, "predict", "--init", "a.safetensors", "--data", "flowers.csv", "--out", "p=p.csv", NULL),
                     EXIT_FINE);
    read_file("p.csv", with, sizeof with, NULL);
    in = fopen("flowers.csv", "r");
    out = fopen("h.csv", "w");
    while (fgets(without, sizeof without, in)) {
        *strrchr(without, ',') = 0;
        fprintf(out, "%s\n", without);
    }
    fclose(in);
    fclose(out);
    const char *const data[] = { "h.csv", "X=h.csv", "X=flowers.csv#0:4", "X=flowers.csv#a,b,c,d" };
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(run_model(&fake_logistic, "predict", "--init", "a.safetensors", "--data", data[i], "--out", "p=p.csv", NULL),
                         EXIT_FINE);
        ck_assert(stderr_has("warning: no data for 'y' (logistic.ad:4): zeros take its place"));
        read_file("p.csv", without, sizeof without, NULL);
        ck_assert_str_eq(with, without);
    }
}
END_TEST

START_TEST(batches_pass_over_all_rows)
{
    ck_assert_int_eq(run_model(&fake_logistic, "--data", "flowers.csv", "--restarts", "1", "--split", "[0.8, 0.2]", "--batch", "7",
                               "--epochs", "30", "--patience", "5", "--schedule", "cosine(warmup=3)", "--clip", "1",
                               "--history", "h.jsonl", "--optimizer", "adam(lr=0.05)", NULL), EXIT_FINE);
    ck_assert(printed_value("validation_accuracy") > 0.6);
}
END_TEST

static int64_t recorded(const char *key)
{
    static char text[1 << 16];
    char quoted[64];
    read_file("r.json", text, sizeof text, NULL);
    snprintf(quoted, sizeof quoted, "\n  \"%s\": ", key);         /* not the setting of that name */
    const char *at = strstr(text, quoted);
    ck_assert_msg(at != NULL, "no %s in the record", key);
    return strtoll(at + strlen(quoted), NULL, 10);
}

/* What cannot be written is found before training, and what fails at the end keeps nothing else from being written. */
START_TEST(files_are_probed_and_all_tried)
{
    ck_assert_int_eq(run_model(&fake_bowl, "--epochs", "1000000000", "--checkpoint", "none/c.safetensors", NULL), EXIT_IO);
    ck_assert_int_eq(run_model(&fake_bowl, "--record", "none/r.json", "--epochs", "1000000000", NULL), EXIT_IO);
    ck_assert_int_eq(run_model(&fake_bowl, "--model", "a.safetensors", "--history", "/dev/full", "--record", "r.json", NULL), EXIT_IO);
    ck_assert(stderr_has("/dev/full"));
    ck_assert(isfinite(printed_value("f")));
    ck_assert_int_eq(access("a.safetensors", R_OK) + access("r.json", R_OK), 0);
    ck_assert_int_eq(run_model(&fake_bowl, "--epochs", "3", "--history", "-", NULL), EXIT_FINE);
    ck_assert(strncmp(printed, "epoch,step,loss", 15) == 0);
    ck_assert_int_ne(access("-", F_OK), 0);
}
END_TEST

/* A restart can be run again by itself, with the rows split as they were. */
START_TEST(one_restart_alone)
{
    char number[32];
    ck_assert_int_eq(run_model(&fake_logistic, "--data", "flowers.csv", "--model", "a.safetensors", NULL), EXIT_FINE);
    double loss = printed_value("best_loss");
    ck_assert_int_eq(sscanf(strstr(printed, "--restart "), "--restart %31s", number), 1);
    ck_assert_int_eq(run_model(&fake_logistic, "--data", "flowers.csv", "--restart", number, "--model", "b.safetensors", NULL), EXIT_FINE);
    ck_assert_double_eq(printed_value("loss"), loss);
    same_files("a.safetensors", "b.safetensors");
}
END_TEST

START_TEST(tol_stops_when_the_loss_stands_still)
{
    ck_assert_int_eq(run_model(&fake_factorise, "--data", "flowers.csv", "--lr", "0.002", "--tol", "1e-3", "--record", "r.json", NULL),
                     EXIT_FINE);
    ck_assert_int_gt(recorded("epochs"), 10);
    ck_assert_int_lt(recorded("epochs"), 1000);
    ck_assert_int_eq(run_model(&fake_factorise, "--data", "flowers.csv", "--lr", "0.002", "--tol", "1", "--record", "r.json", NULL),
                     EXIT_FINE);
    ck_assert_int_eq(recorded("epochs"), 2);
    ck_assert(stderr_has("note: stopped by tol: ") && stderr_has(", after epoch 2 of 1000"));
    ck_assert(file_has("r.json", "\"stopped\": \"tol: "));
}
END_TEST

/* The loss goes up and down; whether patience runs out or not, what is left is the best that was seen, the last included. */
START_TEST(patience_keeps_the_best)
{
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(run_model(&fake_bowl, "--optimizer", "sgd(lr = 1e-4)", "--epochs", "50", "--patience", i ? "3" : "100", NULL),
                         EXIT_FINE);
        double with = printed_value("f");
        ck_assert_int_eq(run_model(&fake_bowl, "--optimizer", "sgd(lr = 1e-4)", "--epochs", "50", NULL), EXIT_FINE);
        ck_assert_double_eq(with, printed_value("f"));          /* it only falls: the last params are the best */
    }
    ck_assert_int_eq(run_model(&fake_bowl, "--optimizer", "adam(lr = 1)", "--epochs", "300", "--patience", "4", "--history",
                               "h.csv", NULL), EXIT_FINE);
    ck_assert(stderr_has("note: stopped by patience: no better loss in 4 epochs, after epoch "));
    ck_assert_double_eq(printed_value("f"), least_loss("h.csv"));
}
END_TEST

/* Steps that end within an epoch leave it open for the run that goes on. */
START_TEST(resume_within_an_epoch)
{
    ck_assert_int_eq(run_model(&fake_logistic, RESUMABLE, "--steps", "40", "--model", "a.safetensors", NULL), EXIT_FINE);
    ck_assert_int_eq(run_model(&fake_logistic, RESUMABLE, "--steps", "17", "--checkpoint", "c.safetensors", NULL), EXIT_FINE);
    ck_assert_int_eq(run_model(&fake_logistic, RESUMABLE, "--steps", "40", "--resume", "c.safetensors", "--model", "b.safetensors",
                               NULL), EXIT_FINE);
    same_files("a.safetensors", "b.safetensors");
}
END_TEST

START_TEST(resume_changes_nothing)
{
    ck_assert_int_eq(run_model(&fake_logistic, RESUMABLE, "--optimizer", "adam(lr = 0.01)", "--epochs", "12", "--model",
                               "a.safetensors", NULL), EXIT_FINE);
    ck_assert_int_eq(run_model(&fake_logistic, RESUMABLE, "--optimizer", "adam(0.01, beta1 = 0.9)", "--epochs", "5",
                               "--checkpoint", "c.safetensors", NULL), EXIT_FINE);
    ck_assert_int_eq(run_model(&fake_logistic, RESUMABLE, "--optimizer", "adam()", "--lr", "1e-2", "--epochs", "12",
                               "--resume", "c.safetensors", "--model", "b.safetensors", NULL), EXIT_FINE);
    same_files("a.safetensors", "b.safetensors");
}
END_TEST

/* A file on standard output has it for itself. */
START_TEST(results_leave_standard_output_to_a_file)
{
    ck_assert_int_eq(run_model(&fake_bowl, "--epochs", "3", "--quiet", "--history", "-", NULL), EXIT_FINE);
    ck_assert_msg(strncmp(printed, "epoch,step,loss", 15) == 0 && !strstr(printed, "f "), "%s", printed);
    ck_assert(stderr_has("f "));
    ck_assert_int_eq(run_model(&fake_bowl, "eval", "--record", "-", NULL), EXIT_FINE);
    ck_assert_msg(printed[0] == '{', "%s", printed);
}
END_TEST

static int steps_to_signal;

static void bowl_signal(AdRun *r)
{
    if (--steps_to_signal == 0)
        raise(SIGINT);
    bowl_step(r);
}

/* Of ten runs of five steps: a run that was cut off counts only when there is no other. */
START_TEST(signal_among_restarts)
{
    static const struct { int steps; const char *said, *recorded; } cases[] = {
        { 12, "# 2 of 10 restarts: name mean", "\"epochs\": 12" }, { 2, "# 0 of 10 restarts were over: what", "\"f\": []" },
    };
    AdModel model = fake_bowl;
    model.step = bowl_signal;
    steps_to_signal = cases[_i].steps;
    ck_assert_int_eq(run_model(&model, "--restarts", "10", "--epochs", "5", "--threads", "1", "--record", "r.json", NULL),
                     EXIT_INTERRUPTED);
    ck_assert_msg(strstr(printed, cases[_i].said) != NULL, "%s", printed);
    ck_assert(file_has("r.json", cases[_i].recorded));
    ck_assert(isfinite(printed_value("best_f")));
}
END_TEST

static const struct { const char *flag, *value, *message; } other_runs[] = {
    { "--batch", "9", "the run had batch = 8, now it is 9" }, { "--lr", "0.3", "lr = 0.1, now it is 0.3\n" },
    { "--optimizer", "sgd(lr = 0.1, momentum = 0.9)", "momentum = 0, " }, { "--schedule", "cosine()", "over 100 epochs" },
    { "--clip", "1", "clip = inf, now it is 1" }, { "--set", "unused=2", "hyper unused = 0.5, now it is 2" },
    { "--freeze", "b", "params that learn = W, b, now it is W" }, { "--init", "a.safetensors", "param 'T', which does not learn" },
    { "--seed", "3", "seed = 0" }, { "--shuffle", "false", "shuffle = true" }, { "--split", "[0.5, 0.5]", "split = (none)" },
};

START_TEST(resume_refuses_another_run)
{
    Tensors t;
    Err err;
    ck_assert_int_eq(run_model(&fake_logistic, RESUMABLE, "--epochs", "2", "--checkpoint", "c.safetensors", "--model",
                               "a.safetensors", NULL), EXIT_FINE);
    ck_assert_int_eq(tensors_read("a.safetensors", &t, &err), EXIT_FINE);
    ((float *)tensors_find(&t, "T")->array.data)[0] = 2;
    ck_assert_int_eq(tensors_write("a.safetensors", &t, &err), EXIT_FINE);
    tensors_free(&t);
    ck_assert_int_eq(run_model(&fake_logistic, RESUMABLE, "--resume", "c.safetensors", other_runs[_i].flag, other_runs[_i].value,
                               NULL), EXIT_USAGE);
    ck_assert_msg(stderr_has(other_runs[_i].message), "%s", other_runs[_i].flag);
}
END_TEST

static void damage(const char *path)
{
    FILE *f = fopen(path, "r+b");
    ck_assert(f != NULL && fseek(f, -3, SEEK_END) == 0);
    fputc('!', f);
    fclose(f);
}

/* A damaged checkpoint must not push out the good one before it. */
START_TEST(good_checkpoint_outlives_a_damaged_one)
{
    static char before[1 << 16], after[1 << 16];
    size_t n, m;
    for (int epochs = 2; epochs <= 3; epochs++)
        ck_assert_int_eq(run_model(&fake_logistic, RESUMABLE, "--epochs", epochs == 2 ? "2" : "3", "--checkpoint", "c.safetensors",
                                   NULL), EXIT_FINE);
    read_file("c.safetensors.old", before, sizeof before, &n);
    damage("c.safetensors");
    ck_assert_int_eq(run_model(&fake_logistic, RESUMABLE, "--epochs", "4", "--resume", "c.safetensors", "--checkpoint",
                               "c.safetensors", NULL), EXIT_FINE);
    ck_assert(stderr_has("going on from c.safetensors.old"));
    read_file("c.safetensors.old", after, sizeof after, &m);
    ck_assert(n == m && memcmp(before, after, n) == 0);
}
END_TEST

START_TEST(frozen_params_stay)
{
    Tensors t;
    Err err;
    ck_assert_int_eq(run_model(&fake_bowl, "--freeze", "x", "--epochs", "5", "--model", "a.safetensors", NULL), EXIT_FINE);
    ck_assert_int_eq(tensors_read("a.safetensors", &t, &err), EXIT_FINE);
    ck_assert_double_eq(array_get(&tensors_find(&t, "x")->array, 0), -1.2);
    ck_assert_double_ne(array_get(&tensors_find(&t, "y")->array, 0), 1);
    tensors_free(&t);
}
END_TEST

START_TEST(report_escapes_and_stands_alone)
{
    static char text[1 << 19];
    ck_assert_int_eq(run_model(&fake_logistic, "--data", "flowers.csv", "--report", "r.html", "--record", "r.json", NULL), EXIT_FINE);
    read_file("r.html", text, sizeof text, NULL);
    ck_assert(strstr(text, "reports &lt;&amp;&gt;&quot;&#39;") != NULL);
    ck_assert(strstr(text, "http") == NULL && strstr(text, "<script") == NULL);
    ck_assert(strstr(text, "</html>") != NULL);
    ck_assert(strstr(text, "<b>p</b> each y (down) and what it is taken for (across); ") != NULL);
    ck_assert(strstr(text, "<b>guess</b> each y (down) and what it is taken for (across); ") != NULL);
    char right[64];
    snprintf(right, sizeof right, "; %.0f of 30 test rows right", 30 * printed_value("best_test_accuracy"));
    ck_assert_msg(strstr(text, right) != NULL, "%s", right);
    ck_assert(strstr(text, "<th title=\"bruna\">bruna</th>") != NULL);
    ck_assert(strstr(text, "<b>accuracy</b> counts; median") != NULL);
}
END_TEST

START_TEST(report_says_what_values_mean)
{
    ck_assert_int_eq(run_model(&fake_factorise, "--data", "flowers.csv", "--report", "r.html", NULL), EXIT_FINE);
    ck_assert(file_has("r.html", "</tr><tr><td class=\"w why\" colspan=\"2\"><small>sum((lowrank(A, rank) - A)^2)</small></td></tr>"));
}
END_TEST

START_TEST(report_fits_its_cards)
{
    ck_assert_int_eq(run_model(&fake_bowl, "--optimizer", "sgd(lr = 1e-300)", "--epochs", "1", "--report", "r.html", NULL), EXIT_FINE);
    ck_assert(!file_has("r.html", "<b class=\"long\">"));
    ck_assert_int_eq(run_model(&fake_curve, "--data", "curve.csv", "--epochs", "1", "--report", "r.html", NULL), EXIT_FINE);
    ck_assert_msg(file_has("r.html", "<b class=\"long\">"), "%s", printed);
}
END_TEST

START_TEST(report_names_who_named_the_data)
{
    static const AdSetting settings[] = { { "data", "\"flowers.csv\"", 5 } };
    AdModel model = fake_logistic;
    model.nsettings = 1;
    model.settings = settings;
    ck_assert_int_eq(run_model(&model, "--data", "./flowers.csv", "--report", "r.html", NULL), EXIT_FINE);
    ck_assert(file_has("r.html", "<code>./flowers.csv</code></td><td class=\"sub\">logistic.ad:5<"));
    ck_assert_int_eq(run_model(&model, "--data", "X=flowers.csv#0:4", "--data", "y=flowers.csv#species", "--report", "r.html", NULL),
                     EXIT_FINE);
    ck_assert(file_has("r.html", "#species</code></td><td class=\"sub\">command line<"));
}
END_TEST

START_TEST(report_says_the_rate_in_force)
{
    static const struct { const char *optimizer, *lr, *said; } rates[] = {
        { "sgd(lr = 0.1)", "1e3", "sgd(lr = 1e3) " }, { "sgd(lr = 0.1)", NULL, "sgd(lr = 0.1) " },
        { "adam", "0.5", "adam(lr = 0.5) " }, { "adam( 0.2 , beta1=0.8)", "0.5", "adam(lr = 0.5, beta1=0.8) " },
        { "adamw(weight_decay = 0.1)", NULL, "adamw(lr = 0.001, weight_decay = 0.1) " }, { "lbfgs(5)", NULL, "lbfgs(5) " },
    };
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        ck_assert_int_ne(run_model(&fake_bowl, "--epochs", "1", "--report", "r.html", "--optimizer", rates[i].optimizer,
                                   rates[i].lr ? "--lr" : NULL, rates[i].lr, NULL), EXIT_USAGE);
        ck_assert_msg(file_has("r.html", rates[i].said), "%s", rates[i].said);
    }
}
END_TEST

START_TEST(axes_can_be_read)
{
    double tick[16];
    Axis loss = axis_of(1.8, 2.1e302, true, 340, 12), same = axis_of(0.25, 0.25 + 1e-16, false, 0, 100), epochs = { 1, 2, 0, 100, false, true };
    int n = axis_ticks(&loss, tick);
    ck_assert(n >= 4 && n <= 12 && axis_place(&loss, 1.8) < 340 && axis_place(&loss, 2.1e302) > 12);
    for (int i = 0; i < n; i++)
        ck_assert(isfinite(tick[i]) && axis_place(&loss, tick[i]) >= 12 && axis_place(&loss, tick[i]) <= 340);
    ck_assert_double_eq_tol(axis_place(&same, 0.25 + 1e-16), axis_place(&same, 0.25), 1e-9);
    ck_assert_int_eq(axis_ticks(&epochs, tick), 2);
    ck_assert(tick[0] == 1 && tick[1] == 2);
}
END_TEST

/* ---- gradients and files ---- */

static void wrong_step(AdRun *run)
{
    bowl_step(run);
    *(double *)run->grad[1] *= 1.001;
}

START_TEST(check_grad_tells_right_from_wrong)
{
    AdModel wrong = fake_bowl;
    wrong.step = wrong_step;
    ck_assert_int_eq(run_model(&fake_bowl, "check-grad", NULL), EXIT_FINE);
    ck_assert(printed_value("x") < 1e-9);
    ck_assert_int_eq(run_model(&fake_factorise, "check-grad", "--data", "flowers.csv", NULL), EXIT_FINE);
    ck_assert_int_eq(run_model(&fake_logistic, "check-grad", "--data", "flowers.csv", NULL), EXIT_USAGE);
    ck_assert(stderr_has("adc run --precision=f64 logistic.ad -- check-grad"));
    ck_assert_int_eq(run_model(&wrong, "check-grad", NULL), EXIT_GRADIENT);
    ck_assert(stderr_has("the gradient in 'y'"));
    ck_assert(!stderr_has("which may be why"));
    wrong.own_slope = "'step' has a vjp of its own";
    ck_assert_int_eq(run_model(&wrong, "check-grad", NULL), EXIT_GRADIENT);
    ck_assert(stderr_has("; 'step' has a vjp of its own, which may be why"));
}
END_TEST

static void nan_eval(AdRun *run)
{
    run->loss[0] = -NAN;
}

START_TEST(nan_has_no_sign)
{
    AdModel model = fake_bowl;
    model.eval = nan_eval;
    ck_assert_int_eq(run_model(&model, "eval", "--report", "r.html", NULL), EXIT_FINE);
    ck_assert_str_eq(printed, "loss nan\nf nan\n");
    ck_assert(file_has("r.html", ">nan<"));
}
END_TEST

START_TEST(init_must_fit)
{
    ck_assert_int_eq(run_model(&fake_bowl, "--model", "a.safetensors", NULL), EXIT_FINE);
    ck_assert_int_eq(run_model(&fake_factorise, "eval", "--init", "a.safetensors", "--data", "flowers.csv", NULL), EXIT_BAD_DATA);
    ck_assert(stderr_has("no tensor 'U'"));
    ck_assert_int_eq(run_model(&fake_bowl, "eval", "--init", "none.safetensors", NULL), EXIT_IO);
}
END_TEST

START_TEST(info_and_help_need_no_data)
{
    ck_assert_int_eq(run_model(&fake_bowl, "--version", NULL), EXIT_FINE);
    ck_assert_str_eq(printed, "bowl: a trainer of bowl.ad in f64, made by adc\n");
    ck_assert_int_eq(run_model(&fake_bowl, "info", NULL), EXIT_FINE);
    ck_assert(strstr(printed, "setting on_nan = stop (default)\n") != NULL);
    ck_assert_int_eq(run_model(&fake_curve, "-h", NULL), EXIT_FINE);
    ck_assert(strstr(printed, "lbfgs() lm()\n") != NULL);
    ck_assert_int_eq(run_model(&fake_bowl, "--help", NULL), EXIT_FINE);
    ck_assert(strstr(printed, "lbfgs()\n") != NULL);
    ck_assert_int_eq(run_model(&fake_factorise, "info", NULL), EXIT_FINE);
    ck_assert(strstr(printed, "param U[m, rank]") != NULL);
    ck_assert_int_eq(run_model(&fake_factorise, "--help", NULL), EXIT_FINE);
    ck_assert(strstr(printed, "sgd(lr = 0.01)   (factorise.ad:14)") != NULL);
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof *(table)))

int main(void)
{
    Suite *suite = suite_create("runtime: training");
    TCase *spec = tcase_create("settings"), *train = tcase_create("training");
    tcase_add_loop_test(spec, spec_reads_a_number, 0, ROWS(numbers));
    tcase_add_loop_test(spec, spec_refuses, 0, ROWS(bad_specs));
    tcase_add_loop_test(spec, schedule_at, 0, ROWS(schedules_at));
    tcase_add_checked_fixture(train, setup, teardown);
    tcase_add_loop_test(train, flag_is_refused, 0, ROWS(bad_flags));
    tcase_add_loop_test(train, combination_is_refused, 0, ROWS(bad_combinations));
    tcase_add_test(train, help_shows_what_is_in_force);
    tcase_add_test(train, one_restart_alone);
    tcase_add_test(train, files_are_probed_and_all_tried);
    tcase_add_loop_test(train, optimizer_follows_pytorch, 0, ROWS(trajectories));
    tcase_add_test(train, lbfgs_finds_the_minimum);
    tcase_add_test(train, lm_finds_the_curve);
    tcase_add_test(train, factorise_nears_the_svd);
    tcase_add_test(train, divergence_keeps_the_best);
    tcase_add_test(train, trained_model_evaluates_alike);
    tcase_add_test(train, threads_do_not_matter);
    tcase_add_test(train, predict_writes_labels);
    tcase_add_test(train, predict_needs_no_targets);
    tcase_add_test(train, batches_pass_over_all_rows);
    tcase_add_test(train, tol_stops_when_the_loss_stands_still);
    tcase_add_test(train, patience_keeps_the_best);
    tcase_add_test(train, results_leave_standard_output_to_a_file);
    tcase_add_loop_test(train, signal_among_restarts, 0, 2);
    tcase_add_test(train, resume_within_an_epoch);
    tcase_add_test(train, resume_changes_nothing);
    tcase_add_loop_test(train, resume_refuses_another_run, 0, ROWS(other_runs));
    tcase_add_test(train, good_checkpoint_outlives_a_damaged_one);
    tcase_add_test(train, frozen_params_stay);
    tcase_add_test(train, report_escapes_and_stands_alone);
    tcase_add_test(train, report_says_what_values_mean);
    tcase_add_test(train, report_fits_its_cards);
    tcase_add_test(train, report_names_who_named_the_data);
    tcase_add_test(train, report_says_the_rate_in_force);
    tcase_add_test(train, axes_can_be_read);
    tcase_add_test(train, check_grad_tells_right_from_wrong);
    tcase_add_test(train, nan_has_no_sign);
    tcase_add_test(train, init_must_fit);
    tcase_add_test(train, info_and_help_need_no_data);
    suite_add_tcase(suite, spec);
    suite_add_tcase(suite, train);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
