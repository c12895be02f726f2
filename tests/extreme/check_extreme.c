/* check_extreme.c: scalar functions at extreme arguments against 40-digit arithmetic.
 *
 *     check_extreme extreme.csv [--exceptions FILE] [--print]
 *
 * The table (tests/reference/make_extreme.py) has an expression in x, an argument, the value and two derivatives in each
 * row. One model holds all expressions: data x -> f(x), grad(sum f(x)), grad(sum grad). It is compiled in this process,
 * built by $CC, loaded and run. Value and first derivative agree within 4 ulp where the result is a normal number, the
 * second derivative to 1e-13; where the true value is finite there is no nan or inf. Rows named in the file of exceptions
 * ("expression;argument;order") may be off, and must be: one that holds is reported, so that the list stays true. */
#include "../scratch.h"
#include "adc.h"
#include "adrt.h"

#include <dlfcn.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { char text[512], argument[512]; double x, want[3]; bool has[3]; } Row;
typedef struct { const char *text; int first, n; } Function;
typedef struct { Arena *arena; VEC(Row) rows; VEC(Function) functions; } Table;
typedef struct { char text[256], argument[256]; int order; bool seen; } Exception;
typedef struct { Arena *arena; VEC(Exception) at; } Exceptions;

/* ---------------------------------------------------------------- the table */

static bool read_row(char *line, Row *r) {
    char *field[5];
    line[strcspn(line, "\n")] = '\0';
    for (int k = 0; k < 5; k++) {
        field[k] = line;
        char *end = strchr(line, ';');
        if (!end && k < 4)
            return false;
        if (end)
            *end = '\0';
        line = end ? end + 1 : line;
    }
    snprintf(r->text, sizeof r->text, "%s", field[0]);
    snprintf(r->argument, sizeof r->argument, "%s", field[1]);
    r->x = strtod(field[1], NULL);
    for (int k = 0; k < 3; k++) {
        r->has[k] = *field[2 + k] != '\0';
        r->want[k] = strtod(field[2 + k], NULL);
    }
    return true;
}

static bool read_table(Table *t, const char *path) {
    char line[512];
    FILE *f = fopen(path, "r");
    if (!f || !fgets(line, sizeof line, f))
        return false;
    while (fgets(line, sizeof line, f)) {
        Row r;
        if (!read_row(line, &r))
            continue;
        vec_push(t, &t->rows, r);
    }
    fclose(f);
    for (int i = 0; i < t->rows.n; i++) {
        Function *last = t->functions.n ? &t->functions.at[t->functions.n - 1] : NULL;
        if (!last || strcmp(last->text, t->rows.at[i].text) != 0) {
            Function fn = {arena_strdup(t->arena, t->rows.at[i].text), i, 0};
            vec_push(t, &t->functions, fn);
            last = &t->functions.at[t->functions.n - 1];
        }
        last->n++;
    }
    return true;
}

static void read_exceptions(Exceptions *e, const char *path) {
    char line[256];
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        Exception x = {.order = -1};
        char *second = strchr(line, ';'), *third = second ? strchr(second + 1, ';') : NULL;
        if (*line == '#' || !third)
            continue;
        *second = *third = '\0';
        snprintf(x.text, sizeof x.text, "%s", line);
        snprintf(x.argument, sizeof x.argument, "%s", second + 1);
        x.order = atoi(third + 1);
        vec_push(e, &e->at, x);
    }
    if (f)
        fclose(f);
}

/* ---------------------------------------------------------------- the model */

/* The expression with its x called x7. */
static void add_expression(Str *s, const char *text, int k) {
    for (const char *c = text; *c; c++) {
        bool inside = c > text && (c[-1] == '_' || (c[-1] >= 'a' && c[-1] <= 'z'));
        if (*c == 'x' && !inside && !(c[1] >= 'a' && c[1] <= 'z'))
            str_add(s, "x%d", k);
        else
            str_addn(s, c, 1);
    }
}

static void write_model(const Table *t, Str *s) {
    str_add(s, "precision f64\n");
    for (int k = 0; k < t->functions.n; k++)
        str_add(s, "dim n%d\ndata x%d[n%d]\n", k, k, k);
    str_add(s, "param w = 0\nloss w\n");
    for (int k = 0; k < t->functions.n; k++) {
        str_add(s, "output a%d = ", k);
        add_expression(s, t->functions.at[k].text, k);
        str_add(s, "\noutput b%d = grad(sum(", k);
        add_expression(s, t->functions.at[k].text, k);
        str_add(s, "), x%d)\noutput c%d = grad(sum(b%d), x%d)\n", k, k, k, k);
    }
}

static bool compile(const Str *text, Str *code) {
    Ctx *ctx = ctx_new();
    int file = source_add(ctx, "extreme.ad", text->text, (int)text->n);
    Ast *ast = parse(ctx, file);
    Graph *g = error_count(ctx) ? NULL : lower(ctx, ast, file);
    if (g && error_count(ctx) == 0)
        g = differentiate(ctx, g);
    if (g && error_count(ctx) == 0) {
        g = fuse(ctx, simplify(ctx, g));
        Loops *loops = schedule(ctx, g);
        emit_c(ctx, g, loops, file, code);
    }
    bool fine = error_count(ctx) == 0 && code->n > 0;
    diag_print(ctx, stderr);
    ctx_free(ctx);
    return fine;
}

static const AdModel *load_model(const Str *code, char *directory) {
    char path[SCRATCH + 16], command[1024];
    const char *cc = getenv("CC"), *flags = getenv("CFLAGS");
    snprintf(path, sizeof path, "%s/extreme.c", directory);
    FILE *f = fopen(path, "w");
    if (!f)
        return NULL;
    fwrite(code->text, 1, code->n, f);
    fclose(f);
    snprintf(command, sizeof command, "%s %s -std=c11 -shared -fPIC -DAD_NO_MAIN -I%s %s -o %s/extreme.so -lm", cc ? cc : "cc",
             flags ? flags : "-O1", ADC_RUNTIME_INCLUDE, path, directory);
    if (system(command) != 0)
        return NULL;
    snprintf(path, sizeof path, "%s/extreme.so", directory);
    void *handle = dlopen(path, RTLD_NOW);
    if (!handle)
        fprintf(stderr, "%s\n", dlerror());
    return handle ? dlsym(handle, "extreme_model") : NULL;
}

/* Runs the model; got[order][row]. */
static void run_model(const Table *t, const AdModel *m, double *got[3]) {
    AdRun run = {.model = m, .seed = 1};
    size_t many = (size_t)(m->ndims + m->ndata + m->noutputs + 16);
    run.dims = arena_alloc(t->arena, sizeof(int64_t) * many);
    run.data = arena_alloc(t->arena, sizeof(void *) * many);
    run.mask = arena_alloc(t->arena, sizeof(void *) * many);
    run.output = arena_alloc(t->arena, sizeof(void *) * many);
    run.param = arena_alloc(t->arena, sizeof(void *) * many);
    run.grad = arena_alloc(t->arena, sizeof(void *) * many);
    run.draw = arena_alloc(t->arena, sizeof(double) * many);
    run.loss = arena_alloc(t->arena, sizeof(double) * many);
    run.metric = arena_alloc(t->arena, sizeof(double) * many);
    run.param[0] = arena_alloc(t->arena, 64);
    run.grad[0] = arena_alloc(t->arena, 64);
    for (int i = 0; i < m->ndims; i++)
        run.dims[i] = m->dims[i].name[0] == 'n' ? t->functions.at[atoi(m->dims[i].name + 1)].n : m->dims[i].value;
    m->derive(run.dims);
    for (int i = 0; i < m->ndata; i++) {
        const Function *f = &t->functions.at[atoi(m->data[i].name + 1)];
        double *x = arena_alloc(t->arena, sizeof(double) * (size_t)f->n);
        for (int k = 0; k < f->n; k++)
            x[k] = t->rows.at[f->first + k].x;
        run.data[i] = x;
    }
    for (int i = 0; i < m->noutputs; i++)
        run.output[i] = got[m->outputs[i].name[0] - 'a'] + t->functions.at[atoi(m->outputs[i].name + 1)].first;
    size_t load = m->load_bytes(run.dims), work = m->work_bytes(run.dims);
    run.load = aligned_alloc(64, (load + 127) / 64 * 64);
    run.work = aligned_alloc(64, (work + 127) / 64 * 64);
    m->load(&run);
    m->output(&run);
    free(run.load);
    free(run.work);
}

/* ---------------------------------------------------------------- the judgement */

static double ulp(double x) { return fabs(x) < DBL_MIN ? 0x1p-1074 : nextafter(fabs(x), INFINITY) - fabs(x); }

/* How far off, in parts of what is allowed. Beyond the normal numbers only the size counts. */
static double badness(double got, double want, int order) {
    if (isinf(want))
        return got == want ? 0 : INFINITY;
    if (!isfinite(got))
        return INFINITY;
    if (fabs(want) < DBL_MIN)
        return fabs(got) < 2 * DBL_MIN ? 0 : INFINITY;
    return fabs(got - want) / (order < 2 ? 4 * ulp(want) : 1e-13 * fabs(want));
}

static bool excepted(Exceptions *e, const Row *r, int order) {
    for (int i = 0; i < e->at.n; i++)
        if (e->at.at[i].order == order && strcmp(e->at.at[i].text, r->text) == 0
            && (e->at.at[i].argument[0] == '*' || strtod(e->at.at[i].argument, NULL) == r->x)) {
            e->at.at[i].seen = true;
            return true;
        }
    return false;
}

int main(int argc, char **argv) {
    static char directory[SCRATCH];
    Table t = {.arena = arena_new()};
    Exceptions e = {.arena = t.arena};
    Str text = {0}, code = {0};
    int checked = 0, bad = 0, stale = 0;
    double *got[3];
    if (argc < 2 || !read_table(&t, argv[1])) {
        fprintf(stderr, "check_extreme: needs the table\n");
        return 2;
    }
    if (argc > 3 && strcmp(argv[2], "--exceptions") == 0)
        read_exceptions(&e, argv[3]);
    write_model(&t, &text);
    const AdModel *m = scratch(directory) && compile(&text, &code) ? load_model(&code, directory) : NULL;
    if (!m) {
        fprintf(stderr, "check_extreme: no model, see %s\n", directory);
        return 1;
    }
    for (int k = 0; k < 3; k++)
        got[k] = arena_alloc(t.arena, sizeof(double) * (size_t)(t.rows.n + 1));
    run_model(&t, m, got);
    for (int i = 0; i < t.rows.n; i++)
        for (int k = 0; k < 3; k++) {
            const Row *r = &t.rows.at[i];
            double off = r->has[k] ? badness(got[k][i], r->want[k], k) : 0;
            checked += r->has[k];
            if (off <= 1 || excepted(&e, r, k))
                continue;
            bad++;
            printf("%s;%s;%d  at %.17g: %.17g, should be %.17g (%.3g %s)\n", r->text, r->argument, k, r->x, got[k][i], r->want[k],
                   k < 2 ? 4 * off : 1e-13 * off, k < 2 ? "ulp" : "relative");
        }
    for (int i = 0; i < e.at.n; i++)
        if (!e.at.at[i].seen) {
            printf("%s;%s;%d holds by now: no exception is needed\n", e.at.at[i].text, e.at.at[i].argument, e.at.at[i].order);
            stale++;
        }
    char command[SCRATCH + 8];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    if (system(command) != 0)
        fprintf(stderr, "cannot remove %s\n", directory);
    printf("%d numbers of %d expressions: %d off, %d exceptions\n", checked, t.functions.n, bad, e.at.n);
    str_free(&text);
    str_free(&code);
    arena_free(t.arena);
    return bad || stale ? 1 : 0;
}
