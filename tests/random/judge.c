/* judge.c: compiles a model in this process, runs its functions, and compares them with the interpreter's tape.
 *
 * What is allowed: 1e-12 of the largest entry of an array, or some times the bound that the tape gives for rounding,
 * whichever is larger. A compiler that aborts or runs for ten seconds is caught by a signal and is a failure like others. */
#include "judge.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const verdict_names[VERDICTS] = {
    "fine", "undecided", "too long", "not finite", "rejected", "crashed", "C error", "differs", "faulted", "unknown",
};

bool is_failure(Verdict v) { return v >= REJECTED; }

void case_open(Case *c, uint64_t seed, int skip, const char *text) {
    memset(c, 0, sizeof *c);
    c->seed = seed;
    c->skip = skip;
    c->arena = arena_new();
    c->text = arena_strdup(c->arena, text);
    snprintf(c->name, sizeof c->name, "m%llu", (unsigned long long)seed);
}

void case_close(Case *c) {
    str_free(&c->code);
    arena_free(c->arena);
}

static void verdict(Case *c, Verdict v, const char *message) {
    c->verdict = v;
    snprintf(c->message, sizeof c->message, "%s", message ? message : "");
}

/* ---------------------------------------------------------------- what dies is caught */

static sigjmp_buf landing;
static volatile sig_atomic_t airborne;

static void on_signal(int signo) {
    if (airborne)
        siglongjmp(landing, signo);
    signal(signo, SIG_DFL);
    raise(signo);
}

static void catch_signals(void) {
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
    static const int all[] = {SIGABRT, SIGSEGV, SIGFPE, SIGALRM, SIGBUS};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        sigaction(all[k], &act, NULL);
}

/* ---------------------------------------------------------------- the interpreter's side */

static char *first_error(Ctx *ctx, Arena *arena) {
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    diag_print(ctx, f);
    fclose(f);
    char *copy = arena_strdup(arena, text ? text : "");
    free(text);
    return copy;
}

static bool finite_cells(const Interp *I, const Val *v) {
    for (int64_t i = 0; v->type == T_REAL && i < val_count(v); i++)
        if (!isfinite(I->tape.cell.at[v->at[i]].value) || !isfinite(I->tape.cell.at[v->at[i]].error)
            || fabsl(I->tape.cell.at[v->at[i]].value) > 1e12L)
            return false;
    return true;
}

static bool all_finite(const Interp *I) {
    for (int i = 0; i < I->losses.n; i++)
        if (!finite_cells(I, &I->losses.at[i].value))
            return false;
    for (int i = 0; i < I->metrics.n; i++)
        if (!finite_cells(I, &I->metrics.at[i].value))
            return false;
    for (int i = 0; i < I->outputs.n; i++)
        if (!finite_cells(I, &I->outputs.at[i].value))
            return false;
    for (int i = 0; i < I->params.n; i++)
        if (!finite_cells(I, &I->params.at[i].grad))
            return false;
    return true;
}

static bool interpret_safely(Case *c, const Ast *ast) {
    volatile bool fine = false;
    catch_signals();
    airborne = 1;
    alarm(20);
    if (sigsetjmp(landing, 1) == 0)
        fine = interpret(&c->interp, ast);
    else
        c->interp.failed = "the interpreter died";
    alarm(0);
    airborne = 0;
    return fine;
}

void interpret_case(Case *c) {
    Ctx *ctx = ctx_new();
    int file = source_add(ctx, "model.ad", c->text, (int)strlen(c->text));
    Ast *ast = parse(ctx, file);
    c->interp = (Interp){.arena = c->arena, .seed = c->seed};
    if (error_count(ctx) > 0) {
        verdict(c, REJECTED, first_error(ctx, c->arena));
    } else if (!interpret_safely(c, ast)) {
        if (c->interp.tape.too_long)
            verdict(c, TOO_LONG, NULL);
        else {
            char message[256];
            snprintf(message, sizeof message, "%s at %d:%d", c->interp.failed, span_line(ctx, c->interp.where), span_column(ctx, c->interp.where));
            verdict(c, UNKNOWN, message);
        }
    } else if (c->interp.tape.undecided) {
        verdict(c, UNDECIDED, NULL);
    } else if (!all_finite(&c->interp)) {
        verdict(c, NOT_FINITE, NULL);
    }
    /* names in results point into the context's arena: copy them */
    VEC(Result) *lists[] = {(void *)&c->interp.dims, (void *)&c->interp.data, (void *)&c->interp.params, (void *)&c->interp.losses,
                            (void *)&c->interp.metrics, (void *)&c->interp.outputs};
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
        for (int i = 0; i < lists[k]->n; i++)
            lists[k]->at[i].name = arena_strdup(c->arena, lists[k]->at[i].name ? lists[k]->at[i].name : "");
    ctx_free(ctx);
}

/* ---------------------------------------------------------------- the compiler's side */

static void passes(Ctx *ctx, Case *c, int file) {
    ctx->pass = "parse";
    Ast *ast = parse(ctx, file);
    ctx->pass = "lower";
    Graph *g = error_count(ctx) ? NULL : lower(ctx, ast, file);
    if (!g || error_count(ctx))
        return;
    ctx->pass = "lower";
    verify(ctx, g);
    ctx->pass = "differentiate";
    g = differentiate(ctx, g);
    g = mask_products(ctx, g);
    if (error_count(ctx))
        return;
    verify(ctx, g);
    ctx->pass = "simplify";
    if (!(c->skip & SKIP_SIMPLIFY))
        g = simplify(ctx, g);
    verify(ctx, g);
    ctx->pass = "share";
    if (!(c->skip & SKIP_SHARE))
        g = share(ctx, g);
    verify(ctx, g);
    ctx->pass = "fuse";
    if (!(c->skip & SKIP_FUSE))
        g = fuse(ctx, g);
    verify(ctx, g);
    ctx->pass = "schedule";
    Loops *loops = schedule(ctx, g);
    ctx->pass = "emit";
    if (error_count(ctx) == 0)
        emit_c(ctx, g, loops, file, &c->code);
}

void compile_case(Case *c) {
    char path[64];
    snprintf(path, sizeof path, "%s.ad", c->name);
    catch_signals();
    Ctx *volatile ctx = ctx_new();
    int file = source_add(ctx, path, c->text, (int)strlen(c->text));
    ctx->options.verify = true;
    ctx->options.level = 2;
    ctx->options.keep = c->skip & RECOMPUTE ? 1 : 0;
    fflush(stderr);
    FILE *aside = tmpfile();                /* what a crash says; of this process alone */
    int saved = dup(2), signo;
    if (aside)
        dup2(fileno(aside), 2);
    airborne = 1;
    alarm(10);
    if ((signo = sigsetjmp(landing, 1)) == 0)
        passes(ctx, c, file);
    alarm(0);
    airborne = 0;
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    if (signo) {
        char said[300] = "";
        ssize_t n = aside ? pread(fileno(aside), said, sizeof said - 1, 0) : 0;
        (void)n;
        char message[400];
        snprintf(message, sizeof message, "signal %d: %s", signo, said);
        verdict(c, CRASHED, message);
    } else {
        const char *said = error_count(ctx) > 0 ? first_error(ctx, c->arena) : NULL;
        if (said)                       /* E0901: what the reference says is refused */
            verdict(c, strstr(said, "[E0901]") ? UNDECIDED : REJECTED, said);
        ctx_free(ctx);                  /* after a crash its memory is left as it is */
    }
    if (aside)
        fclose(aside);
}

bool write_case(const Case *c, const Tools *t) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s.c", t->directory, c->name);
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    fwrite(c->code.text, 1, c->code.n, f);
    return fclose(f) == 0;
}

int run_cc(const Tools *t, const char *flags, const char *files, const char *output, const char *log) {
    Str s = {0};
    str_add(&s, "cd %s && %s -DAD_NO_MAIN -I%s %s %s -o %s >%s 2>&1", t->directory, t->cc, t->include, flags, files, output, log);
    int rc = system(s.text);
    str_free(&s);
    return rc;
}

/* ---------------------------------------------------------------- running */

static Result *named(Result *at, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(at[i].name, name) == 0)
            return &at[i];
    return NULL;
}

static void *array_of(const Interp *I, const Val *v, Arena *arena) {
    int64_t n = val_count(v);
    double *real = arena_alloc(arena, sizeof(double) * (size_t)(n + 8));
    int64_t *ints = (int64_t *)real;
    uint8_t *bools = (uint8_t *)real;
    for (int64_t i = 0; i < n; i++) {
        if (v->type == T_REAL)
            real[i] = (double)I->tape.cell.at[v->at[i]].value;
        else if (v->type == T_INT)
            ints[i] = v->at[i];
        else
            bools[i] = (uint8_t)v->at[i];
    }
    return real;
}

static void compare(Case *c, const char *kind, const char *name, const Val *v, AdType type, const void *got) {
    const Cell *cell = c->interp.tape.cell.at;
    double largest = 0;
    int64_t n = val_count(v);
    for (int64_t i = 0; v->type == T_REAL && i < n; i++)
        largest = fmax(largest, fabs((double)cell[v->at[i]].value));
    for (int64_t i = 0; i < n && c->verdict == FINE; i++) {
        double want = v->type == T_REAL ? (double)cell[v->at[i]].value : (double)v->at[i];
        double have = type == AD_REAL ? ((const double *)got)[i] : type == AD_INT ? (double)((const int64_t *)got)[i] : ((const uint8_t *)got)[i];
        double bound = v->type == T_REAL ? 32 * cell[v->at[i]].error : 0, allowed = fmax(fmax(1e-12 * largest, bound), 1e-290);
        c->loose = c->loose || bound > 1e-12 * largest;
        double off = fabs(want - have) / allowed;
        if (!(off <= 1)) {
            char message[300];
            snprintf(message, sizeof message, "%s %s[%lld]: %.17g, should be %.17g (off by %.1e, bound %.1e)", kind, name, (long long)i, have, want,
                     fabs(want - have), allowed);
            verdict(c, DIFFERS, message);
        }
        c->worst = fmax(c->worst, off);
    }
}

/* What a run writes to: zeros, with eight times -0.0 on either side, which even adding 0 changes. */
enum { ASIDE = 8 };
static const double aside = -0.0;

static void *written_array(const Val *v, Arena *arena) {
    size_t bytes = (size_t)val_count(v) * (v->type == T_BOOL ? 1 : sizeof(double));
    unsigned char *all = arena_alloc(arena, bytes + 2 * ASIDE * sizeof aside), *array = all + ASIDE * sizeof aside;
    for (size_t i = 0; i < ASIDE; i++) {
        memcpy(all + i * sizeof aside, &aside, sizeof aside);
        memcpy(array + bytes + i * sizeof aside, &aside, sizeof aside);
    }
    return array;
}

static bool written_aside(const void *array, const Val *v) {
    const unsigned char *begin = array, *end = begin + (size_t)val_count(v) * (v->type == T_BOOL ? 1 : sizeof(double));
    for (size_t i = 0; i < ASIDE; i++)
        if (memcmp(begin - (i + 1) * sizeof aside, &aside, sizeof aside) || memcmp(end + i * sizeof aside, &aside, sizeof aside))
            return true;
    return false;
}

static void prepare(Case *c, AdRun *run) {
    const AdModel *m = run->model;
    Interp *I = &c->interp;
    for (int i = 0; i < m->ndims; i++) {
        Result *d = named(I->dims.at, I->dims.n, m->dims[i].name);
        run->dims[i] = d ? d->value.at[0] : m->dims[i].value;
    }
    if (m->derive)
        m->derive(run->dims);
    for (int i = 0; i < m->ndata; i++)
        run->data[i] = array_of(I, &named(I->data.at, I->data.n, m->data[i].name)->value, c->arena);
    for (int i = 0; i < m->nparams; i++) {
        const Val *v = &named(I->params.at, I->params.n, m->params[i].name)->value;
        run->param[i] = array_of(I, v, c->arena);
        run->grad[i] = written_array(v, c->arena);
    }
    for (int i = 0; i < m->noutputs; i++)
        run->output[i] = written_array(&named(I->outputs.at, I->outputs.n, m->outputs[i].name)->value, c->arena);
}

static bool wrote_aside(Case *c, const AdRun *run) {
    const AdModel *m = run->model;
    Interp *I = &c->interp;
    bool found = false;
    for (int i = 0; i < m->nparams; i++)
        found |= written_aside(run->grad[i], &named(I->params.at, I->params.n, m->params[i].name)->value);
    for (int i = 0; i < m->noutputs; i++)
        found |= written_aside(run->output[i], &named(I->outputs.at, I->outputs.n, m->outputs[i].name)->value);
    return found;
}

/* A gradient with rows is 0 everywhere but in them. */
static bool beside_rows(const AdRun *run, int p, int64_t count) {
    const AdModel *m = run->model;
    bool has_rows = false;
    int64_t width = m->params[p].rank ? count / run->dims[m->params[p].axes[0]] : 1;
    double *g = run->grad[p];
    for (int k = 0; k < m->nrows; k++)
        for (int64_t i = 0; m->rows[k].param == p && run->rows[k] && i < run->dims[m->rows[k].count]; i++) {
            memset(g + run->rows[k][i] * width, 0, sizeof(double) * (size_t)width);
            has_rows = true;
        }
    for (int64_t i = 0; has_rows && i < count; i++)
        if (g[i] != 0)
            return true;
    return false;
}

static void call_all(Case *c, AdRun *run) {
    const AdModel *m = run->model;
    Interp *I = &c->interp;
    if (m->load)
        m->load(run);
    m->step(run);
    for (int i = 0; i < m->nlosses; i++)
        compare(c, "loss", m->losses[i].name ? m->losses[i].name : "", &I->losses.at[i].value, AD_REAL, &run->loss[i]);
    for (int i = 0; i < m->nparams; i++)
        compare(c, "gradient", m->params[i].name, &named(I->params.at, I->params.n, m->params[i].name)->grad, AD_REAL, run->grad[i]);
    for (int i = 0; i < m->nparams; i++)
        if (beside_rows(run, i, val_count(&named(I->params.at, I->params.n, m->params[i].name)->value)))
            verdict(c, DIFFERS, "a gradient beside its rows");
    for (int i = 0; i < m->nlosses; i++)
        run->loss[i] = NAN;
    m->eval(run);
    for (int i = 0; i < m->nlosses; i++)
        compare(c, "evaluated loss", m->losses[i].name ? m->losses[i].name : "", &I->losses.at[i].value, AD_REAL, &run->loss[i]);
    for (int i = 0; i < m->nmetrics; i++)
        compare(c, "metric", m->metrics[i].name, &I->metrics.at[i].value, AD_REAL, &run->metric[i]);
    m->output(run);
    for (int i = 0; i < m->noutputs; i++)
        compare(c, "output", m->outputs[i].name, &named(I->outputs.at, I->outputs.n, m->outputs[i].name)->value, m->outputs[i].type, run->output[i]);
    if (c->verdict == FINE && m->trace)
        m->trace(run);
}

enum { MARGIN = 4096 };

/* All nan, should it be read before it is written. */
static void *memory(size_t n) {
    size_t all = (n + 63) / 64 * 64 + MARGIN;
    return memset(aligned_alloc(64, all), 0xff, all);
}

static bool untouched(const void *memory_, size_t n) {
    const unsigned char *margin = (const unsigned char *)memory_ + (n + 63) / 64 * 64;
    for (int i = 0; i < MARGIN; i++)
        if (margin[i] != 0xff)
            return false;
    return true;
}

void run_case(Case *c, const AdModel *m) {
    if (!m->f64) {                      /* a shrunk model that lost its first line */
        verdict(c, UNKNOWN, "not in double precision");
        return;
    }
    Arena *a = c->arena;
    AdRun run = {.model = m};
    run.dims = arena_alloc(a, sizeof(int64_t) * (size_t)(m->ndims + 1));
    run.data = arena_alloc(a, sizeof(void *) * (size_t)(m->ndata + 1));
    run.mask = arena_alloc(a, sizeof(void *) * (size_t)(m->ndata + 1));
    run.param = arena_alloc(a, sizeof(void *) * (size_t)(m->nparams + 1));
    run.grad = arena_alloc(a, sizeof(void *) * (size_t)(m->nparams + 1));
    run.rows = arena_alloc(a, sizeof(int64_t *) * (size_t)(m->nrows + 1));
    run.draw = arena_alloc(a, sizeof(double) * (size_t)(4 * m->nparams + 4));
    run.output = arena_alloc(a, sizeof(void *) * (size_t)(m->noutputs + 1));
    run.loss = arena_alloc(a, sizeof(double) * (size_t)(m->nlosses + 1));
    run.metric = arena_alloc(a, sizeof(double) * (size_t)(m->nmetrics + 1));
    run.seed = 1;
    prepare(c, &run);
    for (int k = 0; k < m->nrows && c->seed % 2; k++)       /* the others do without lists */
        run.rows[k] = arena_alloc(a, sizeof(int64_t) * (size_t)run.dims[m->rows[k].count]);
    size_t load = m->load_bytes(run.dims), work = m->work_bytes(run.dims), trace = m->trace_bytes(run.dims);
    work = work > trace ? work : trace;
    run.load = memory(load);
    run.work = memory(work);
    int signo;
    airborne = 1;
    alarm(10);
    if ((signo = sigsetjmp(landing, 1)) == 0)
        call_all(c, &run);
    alarm(0);
    airborne = 0;
    char message[200];
    if (signo) {
        snprintf(message, sizeof message, "the trainer's functions died of signal %d", signo);
        verdict(c, FAULTED, message);
    } else if (run.fault.kind != AD_OK && run.fault.kind != AD_FAULT_NOT_FINITE) {      /* the trace names an element that nothing else asked for */
        snprintf(message, sizeof message, "fault %d at line %d: %s, index %lld of %lld", (int)run.fault.kind, run.fault.line, run.fault.what,
                 (long long)run.fault.index, (long long)run.fault.size);
        verdict(c, FAULTED, message);
    }
    if (wrote_aside(c, &run))
        verdict(c, FAULTED, "wrote beside a gradient or an output");
    if (!untouched(run.load, load) || !untouched(run.work, work))
        verdict(c, FAULTED, "wrote behind the memory that it asked for");
    free(run.load);
    free(run.work);
}

void judge(Case *c, const Tools *t) {
    interpret_case(c);
    if (c->verdict != FINE)
        return;
    compile_case(c);
    if (c->verdict != FINE)
        return;
    char so[600], source[64], symbol[64];
    snprintf(so, sizeof so, "%s/%s.so", t->directory, c->name);
    snprintf(source, sizeof source, "%s.c", c->name);
    snprintf(symbol, sizeof symbol, "%s_model", c->name);
    if (!write_case(c, t) || run_cc(t, "-shared -fPIC", source, so, "log") != 0) {
        verdict(c, C_ERROR, "the C compiler refused it");
        return;
    }
    void *handle = dlopen(so, RTLD_NOW | RTLD_LOCAL);
    const AdModel *m = handle ? dlsym(handle, symbol) : NULL;
    if (m)
        run_case(c, m);
    else
        verdict(c, C_ERROR, handle ? "no model in the library" : dlerror());
    if (handle)
        dlclose(handle);
    unlink(so);
    snprintf(so, sizeof so, "%s/%s.c", t->directory, c->name);
    unlink(so);
    snprintf(so, sizeof so, "%s/log", t->directory);
    unlink(so);
}
