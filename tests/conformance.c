/* conformance.c: runs the cases of tests/conformance against an adc executable, as tests/conformance/README.md says.
 *
 *     conformance ADC ROOT [--only good|bad] [--passes agree] [--jobs N] [--shard K/N] [--keep DIR] [NAME ...]
 *
 * --passes agree: the good ones with each optional pass left out, against themselves.
 *
 * Every case runs in a process of its own, with a directory of its own, and answers with one line why it does not hold,
 * or nothing; what it allocates goes with the process. ROOT/run.py does the same with Python alone. */
#define _XOPEN_SOURCE 700
#include "scratch.h"
#include "rt.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WHY = 1024, MAX_WORDS = 256, MAX_JOBS = 64, BUILD_SECONDS = 240, RUN_SECONDS = 240 };

typedef struct { bool good; char *name, *path; } Case;
typedef struct { Case *at; int n; } Cases;
typedef struct { const char *adc, *root, *work; char *why; bool passes; } Place;     /* of one case; why it does not hold, '' when it does */
typedef struct { char *word[MAX_WORDS]; int n; } Words;

static char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *text_of(const char *format, ...)
{
    va_list args;
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        abort();
    va_start(args, format);
    vfprintf(f, format, args);
    va_end(args);
    fclose(f);
    return text;
}

static bool fails(const Place *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fails(const Place *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(p->why, WHY, format, args);
    va_end(args);
    return false;
}

/* ---------------------------------------------------------------- JSON: just enough for expect.json, which is trusted */

typedef struct Json Json;
struct Json { char *name, *text; double number; Json *first, *next; };     /* text: of a string or a number as written */

static const char *skip_blanks(const char *at)
{
    while (*at && strchr(" \t\r\n,:", *at))
        at++;
    return at;
}

static Json *json_value(const char **at, const char *end)
{
    Json *j = rt_alloc(sizeof *j);
    *at = skip_blanks(*at);
    if (**at == '{' || **at == '[') {
        bool named = **at == '{';
        Json **tail = &j->first;
        for (*at = skip_blanks(*at + 1); **at && !strchr("]}", **at); *at = skip_blanks(*at)) {
            char *name = named ? json_get(at, end) : NULL;
            *tail = json_value(at, end);
            (*tail)->name = name;
            tail = &(*tail)->next;
        }
        *at += **at != '\0';
    } else if (**at == '"') {
        j->text = json_get(at, end);
    } else {
        size_t n = strcspn(*at, " \t\r\n,:]}");
        j->text = text_of("%.*s", (int)n, *at);
        j->number = strtod(j->text, NULL);
        *at += n;
    }
    return j;
}

static const Json *member(const Json *j, const char *name)
{
    for (const Json *m = j ? j->first : NULL; m; m = m->next)
        if (m->name && strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

static const Json *first_of(const Json *j, const char *name)
{
    const Json *m = member(j, name);
    return m ? m->first : NULL;
}

/* ---------------------------------------------------------------- commands */

static void add(Words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(Words *w, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (w->n < MAX_WORDS - 1)
        w->word[w->n++] = text_of("%s", text);
    w->word[w->n] = NULL;
}

static void add_all(Words *w, const Words *more)
{
    for (int i = 0; i < more->n; i++)
        add(w, "%s", more->word[i]);
}

static char *whole(const char *directory, const char *name)
{
    char *text;
    size_t size;
    Err err;
    return file_read(text_of("%s/%s", directory, name), &text, &size, &err) ? text_of("%s", "") : text;
}

/* The exit status; 124 when there was no answer in time, 128 + the signal when one ended it. Output in work/out, work/err. */
static int run(const Place *p, const Words *w, unsigned seconds)
{
    pid_t pid = fork();
    if (pid == 0) {
        const char *name[] = { "out", "err" };
        if (chdir(p->work))
            _exit(127);
        for (int i = 0; i < 2; i++) {
            int to = open(name[i], O_WRONLY | O_CREAT | O_TRUNC, 0666);
            if (to < 0 || dup2(to, i + 1) < 0)
                _exit(127);
        }
        close(0);
        (void)!open("/dev/null", O_RDONLY);
        alarm(seconds);                         /* outlives exec */
        execv(w->word[0], w->word);
        _exit(127);
    }
    int state;
    while (waitpid(pid, &state, 0) < 0)
        if (errno != EINTR)
            return 127;
    if (WIFSIGNALED(state))
        return WTERMSIG(state) == SIGALRM ? 124 : 128 + WTERMSIG(state);
    return WEXITSTATUS(state);
}

static const char *first_line(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t n = strcspn(text, "\n");
    return n ? text_of("%.*s", n > 200 ? 200 : (int)n, text) : "(no message)";
}

/* The number behind the first line 'name number' of a trainer's output. */
static bool printed(const char *out, const char *name, double *value)
{
    size_t n = strlen(name);
    for (const char *line = out; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *at = line + strspn(line, " \t");
        if (strncmp(at, name, n) || !strchr(" \t", at[n]) || !at[n])
            continue;
        char *end;
        *value = strtod(at + n, &end);
        if (end != at + n && isspace((unsigned char)*end))
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- good cases */

static bool close_to(double a, double b, double tol, double scale)
{
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= tol * fmax(fmax(fabs(b), scale), 1e-300);
}

static double largest(const Array *a)
{
    double most = 0;
    for (int64_t i = 0; i < array_count(a); i++)
        if (isfinite(array_get(a, i)))
            most = fmax(most, fabs(array_get(a, i)));
    return most;
}

static const char *shape_of(const Array *a)
{
    char *text = text_of("%s", "(");
    for (int k = 0; k < a->rank; k++)
        text = text_of("%s%s%lld", text, k ? ", " : "", (long long)a->shape[k]);
    return text_of("%s)", text);
}

static bool same_shape(const Array *a, const Array *b)
{
    return a->rank == b->rank && memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0;
}

/* One array against that of a directory. Entries are as exact as the largest one of the array lets them be, and no more
 * exact than `floor`. */
static bool same_array(const Place *p, const char *expected, const char *kind, const char *name, double tol, double floor)
{
    Array want, got;
    Err err;
    if (npy_read(text_of("%s/%s_%s.npy", expected, kind, name), &want, &err) ||
        npy_read(text_of("%s/%s_%s.npy", p->work, kind, name), &got, &err))
        return fails(p, "%s %s: %s", kind, name, err.text);
    if (!same_shape(&got, &want))
        return fails(p, "%s %s has shape %s, not %s", kind, name, shape_of(&got), shape_of(&want));
    double scale = fmax(largest(&want), floor);
    for (int64_t i = 0; i < array_count(&want); i++) {
        double a = array_get(&got, i), b = array_get(&want, i);
        if (!close_to(a, b, tol, scale))
            return fails(p, "%s %s, element %lld of shape %s: %.17g, not %.17g", kind, name, (long long)i, shape_of(&want), a, b);
    }
    return true;
}

/* A gradient that is exactly 0 comes out as the rounding of what cancelled in it, on either side: entries count from
 * 1e-5 tol of the largest gradient of the case. */
static double gradient_floor(const char *here, const Json *expect)
{
    double most = 0;
    for (const Json *g = first_of(expect, "grad"); g; g = g->next) {
        Array a;
        Err err;
        if (npy_read(text_of("%s/expect/grad_%s.npy", here, g->text), &a, &err) == EXIT_FINE)
            most = fmax(most, largest(&a));
    }
    return 1e-5 * most;
}

static bool same_value(const Place *p, const char *out, const char *name, double want, double tol)
{
    double got;
    if (!printed(out, name, &got))
        return fails(p, "eval printed no '%s'", name);
    return close_to(got, want, tol, 1e-6) || fails(p, "%s is %.17g, not %.17g", name, got, want);
}

/* Everything at the given params, as files in p->work. */
static bool evaluate(const Place *p, const char *here, const Json *e, const Words *common)
{
    Words w = {0};
    add(&w, "%s/exe", p->work);
    add(&w, "eval");
    add(&w, "--init");
    add(&w, "%s/init.safetensors", here);
    add_all(&w, common);
    for (const Json *g = first_of(e, "grad"); g; g = g->next)
        add(&w, "--grad"), add(&w, "%s=%s/grad_%s.npy", g->text, p->work, g->text);
    for (const Json *o = first_of(e, "outputs"); o; o = o->next)
        add(&w, "--out"), add(&w, "%s=%s/out_%s.npy", o->text, p->work, o->text);
    int code = run(p, &w, RUN_SECONDS);
    if (code)
        return fails(p, "eval: exit %d: %s", code, first_line(whole(p->work, "err")));
    return true;
}

static bool same_arrays(const Place *p, const char *expected, const Json *e, double tol, double floor)
{
    for (const Json *g = first_of(e, "grad"); g; g = g->next)
        if (!same_array(p, expected, "grad", g->text, tol, floor))
            return false;
    for (const Json *o = first_of(e, "outputs"); o; o = o->next)
        if (!same_array(p, expected, "out", o->text, tol, 0))
            return false;
    return true;
}

static bool evaluates(const Place *p, const char *here, const Json *e, const Words *common)
{
    double tol = member(e, "tol")->number;
    if (!evaluate(p, here, e, common))
        return false;
    const char *out = whole(p->work, "out");
    if (!same_value(p, out, member(e, "loss_name")->text, member(e, "loss")->number, tol))
        return false;
    for (const Json *m = first_of(e, "metrics"); m; m = m->next)
        if (!same_value(p, out, m->name, m->number, tol))
            return false;
    return same_arrays(p, text_of("%s/expect", here), e, tol, gradient_floor(here, e));
}

static bool trains(const Place *p, const char *here, const Json *e, const Words *common)
{
    const Json *t = member(e, "train");
    if (!t || !t->first)
        return true;
    const char *optimizer = member(t, "optimizer")->text, *steps = member(t, "steps")->text;
    double want = member(t, "loss")->number, got = NAN;
    Words w = {0};
    add(&w, "%s/exe", p->work);
    add(&w, "train");
    add(&w, "--init");
    add(&w, "%s/init.safetensors", here);
    add_all(&w, common);
    add(&w, "--optimizer"), add(&w, "%s", optimizer);
    add(&w, "--steps"), add(&w, "%s", steps);
    add(&w, "--model"), add(&w, "%s/trained.safetensors", p->work);
    int code = run(p, &w, RUN_SECONDS);
    if (code)
        return fails(p, "train: exit %d: %s", code, first_line(whole(p->work, "err")));
    w = (Words){0};
    add(&w, "%s/exe", p->work);
    add(&w, "eval");
    add(&w, "--init"), add(&w, "%s/trained.safetensors", p->work);
    add_all(&w, common);
    code = run(p, &w, RUN_SECONDS);
    if (code)
        return fails(p, "eval of the trained model: exit %d: %s", code, first_line(whole(p->work, "err")));
    printed(whole(p->work, "out"), member(e, "loss_name")->text, &got);
    return close_to(got, want, fmax(member(e, "tol")->number, 1e-8), 1e-6) ||
           fails(p, "loss after %s steps of %s is %.17g, not %.17g", steps, optimizer, got, want);
}

static bool builds(const Place *p, const char *here, const Json *e, const char *option)
{
    Words build = {0};
    add(&build, "%s", p->adc);
    add(&build, "build");
    add(&build, "%s/model.ad", here);
    add(&build, "-o"), add(&build, "%s/exe", p->work);
    if (*option)
        add(&build, "%s", option);
    for (const Json *d = first_of(e, "dims"); d; d = d->next)
        add(&build, "-D%s=%s", d->name, d->text);
    int code = run(p, &build, BUILD_SECONDS);
    const char *err = whole(p->work, "err");
    return (code == 0 && !strstr(err, "error")) || fails(p, "adc build %s: exit %d: %s", option, code, first_line(err));
}

/* With a pass left out, or all that may be, the answers are the same: as exact as rounding lets them be. */
static bool passes_agree(const Place *p, const char *here, const Json *e, const Words *common)
{
    static const char *const options[] = { "--skip=simplify", "--skip=share", "--skip=fuse", "--skip=simplify,share,fuse", "--keep=0", "--large" };
    char *plain = text_of("%s/plain", p->work), *work = text_of("%s/other", p->work);
    Place first = { p->adc, p->root, plain, p->why, false }, other = { p->adc, p->root, work, p->why, false };
    mkdir(plain, 0777);
    mkdir(work, 0777);
    if (!builds(&first, here, e, "") || !evaluate(&first, here, e, common))
        return false;
    const char *out = whole(plain, "out");
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        double want = NAN, floor = gradient_floor(here, e) * 1e5;
        if (!builds(&other, here, e, options[i]) || !evaluate(&other, here, e, common))
            return false;
        const char *now = whole(work, "out"), *loss = member(e, "loss_name")->text;
        printed(out, loss, &want);
        bool same = same_value(p, now, loss, want, 1e-12);
        for (const Json *m = first_of(e, "metrics"); m && same; m = m->next) {
            printed(out, m->name, &want);
            same = same_value(p, now, m->name, want, 1e-12);
        }
        if (!same || !same_arrays(&other, plain, e, 1e-12, floor))
            return fails(p, "%s with %s", text_of("%s", p->why), options[i]);
    }
    return true;
}

static bool good(const Place *p, const char *here)
{
    const char *text = whole(here, "expect.json");
    const Json *e = json_value(&text, text + strlen(text));
    if (!member(e, "loss") || !member(e, "loss_name") || !member(e, "tol"))
        return fails(p, "expect.json has no loss, loss_name or tol");
    Words common = {0};
    for (const Json *d = first_of(e, "data"); d; d = d->next)
        add(&common, "--data"), add(&common, "%s=%s/data/%s.npy", d->text, here, d->text);
    for (const Json *s = first_of(e, "sets"); s; s = s->next)
        add(&common, "--set"), add(&common, "%s=%s", s->name, s->text);
    for (const Json *a = first_of(e, "args"); a; a = a->next)
        add(&common, "%s", a->text);
    if (p->passes)
        return passes_agree(p, here, e, &common);
    return builds(p, here, e, "") && evaluates(p, here, e, &common) && trains(p, here, e, &common);
}

/* ---------------------------------------------------------------- bad cases */

typedef struct { int line; bool error; char *text; } Block;     /* a diagnostic with its notes, in lower case */
typedef struct { Block at[512]; int n; } Blocks;

static char *lower_case(char *text)
{
    for (char *c = text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return text;
}

/* Reads 'm.ad:LINE[:COLUMN]: error|warning' at the start of a line, a directory before it allowed. */
static bool opens_block(const char *line, Block *block)
{
    int used = 0, column;
    const char *name = strstr(line, "m.ad:");
    if (!name || (name != line && name[-1] != '/') || sscanf(name, "m.ad:%d%n", &block->line, &used) != 1)
        return false;
    const char *at = name + used;
    if (sscanf(at, ":%d%n", &column, &used) == 1)
        at += used;
    if (strncmp(at, ": ", 2))
        return false;
    at += 2;
    at += strncmp(at, "fatal ", 6) ? 0 : 6;
    block->error = strncmp(at, "error", 5) == 0;
    return block->error || strncmp(at, "warning", 7) == 0;
}

static bool is_excerpt(const char *line)
{
    const char *at = line + strspn(line, " \t");
    const char *end = at + strspn(at, "0123456789");
    return end > at && strncmp(end, " |", 2) == 0;
}

/* Quoted source lines are left out: they would hold the words looked for. */
static void read_blocks(const char *err, Blocks *blocks)
{
    for (const char *at = err; *at; ) {
        size_t n = strcspn(at, "\n");
        char *line = text_of("%.*s", (int)n, at);
        Block block = { .text = NULL };
        if (blocks->n < 512 && opens_block(line, &block)) {
            block.text = text_of("%s", "");
            blocks->at[blocks->n++] = block;
        }
        if (blocks->n && !is_excerpt(line)) {
            Block *last = &blocks->at[blocks->n - 1];
            last->text = text_of("%s%s\n", last->text, lower_case(line));
        }
        at += n + (at[n] != '\0');
    }
}

/* word, "a phrase", word: comma-separated, in lower case */
static int read_words(const char *at, char **word, int most)
{
    int n = 0;
    while (*at && n < most) {
        const char *quoted = *at == '"' ? strchr(at + 1, '"') : NULL;
        size_t size = quoted ? (size_t)(quoted - at) + 1 : strcspn(at, ",");
        const char *from = at, *to = at + size;
        while (from < to && strchr(" \t\"\r", *from))
            from++;
        while (to > from && strchr(" \t\"\r", to[-1]))
            to--;
        if (to > from)
            word[n++] = lower_case(text_of("%.*s", (int)(to - from), from));
        at += size;
        at += *at == ',';
    }
    return n;
}

static int missing_word(const Block *block, char *const *word, int n)
{
    for (int i = 0; i < n; i++)
        if (!strstr(block->text, word[i]))
            return i;
    return -1;
}

/* One '#! LINE error: words' against what was found. */
static bool is_reported(const Place *p, const Blocks *found, int line, bool error, const char *words)
{
    char *word[32];
    int n = read_words(words, word, 32);
    const Block *here = NULL;
    for (int i = 0; i < found->n; i++) {
        const Block *b = &found->at[i];
        if (b->line != line || b->error != error)
            continue;
        here = here ? here : b;
        if (missing_word(b, word, n) < 0)
            return true;
    }
    const char *kind = error ? "error" : "warning";
    if (!here && found->n)
        return fails(p, "no %s at line %d, the first message is: %s", kind, line, first_line(found->at[0].text));
    if (!here)
        return fails(p, "no %s at line %d", kind, line);
    return fails(p, "the %s at line %d does not mention '%s': %s", kind, line, word[missing_word(here, word, n)],
                 first_line(here->text));
}

static bool bad(const Place *p, const char *path)
{
    Err err;
    char *text;
    size_t size;
    if (file_read(path, &text, &size, &err))
        return fails(p, "%s", err.text);
    FILE *copy = fopen(text_of("%s/m.ad", p->work), "wb");     /* the file's own name would hold the words looked for */
    if (!copy || fwrite(text, 1, size, copy) != size || fclose(copy))
        return fails(p, "cannot write '%s/m.ad'", p->work);
    Words w = {0};
    add(&w, "%s", p->adc);
    add(&w, "check");
    add(&w, "m.ad");
    int code = run(p, &w, RUN_SECONDS), lines[64], nlines = 0, status = 0;
    Blocks *found = rt_alloc(sizeof *found);
    read_blocks(whole(p->work, "err"), found);
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        int line, used = 0;
        char kind[8];
        if (sscanf(at, "#! %d %7[a-z]: %n", &line, kind, &used) < 2 || used == 0)
            continue;
        bool error = strcmp(kind, "error") == 0;
        status |= error;
        lines[nlines++ % 64] = line;
        if (!is_reported(p, found, line, error, text_of("%.*s", (int)strcspn(at + used, "\n"), at + used)))
            return false;
    }
    if (nlines == 0 || code != status)
        return fails(p, "exit %d, not %d: %s", code, status, first_line(whole(p->work, "err")));
    for (int i = 0; i < found->n; i++) {
        bool expected = !found->at[i].error;
        for (int k = 0; k < nlines && k < 64; k++)
            expected |= lines[k] == found->at[i].line;
        if (!expected)
            return fails(p, "an error too many: %s", first_line(found->at[i].text));
    }
    return true;
}

/* ---------------------------------------------------------------- all of them */

static int by_name(const void *a, const void *b)
{
    const Case *x = a, *y = b;
    return x->good != y->good ? (x->good ? -1 : 1) : strcmp(x->name, y->name);
}

static void list(Cases *cases, const char *root, bool are_good)
{
    DIR *d = opendir(text_of("%s/%s", root, are_good ? "cases" : "bad"));
    for (struct dirent *f; d && (f = readdir(d)); ) {
        char *dot = strrchr(f->d_name, '.');
        if (f->d_name[0] == '.' || (!are_good && (!dot || strcmp(dot, ".ad"))))
            continue;
        Case c = { are_good, text_of("%s", f->d_name), text_of("%s/%s/%s", root, are_good ? "cases" : "bad", f->d_name) };
        if (!are_good)
            *strrchr(c.name, '.') = '\0';
        cases->at = realloc(cases->at, (size_t)(cases->n + 1) * sizeof c);
        cases->at[cases->n++] = c;
    }
    if (d)
        closedir(d);
    if (cases->n)
        qsort(cases->at, (size_t)cases->n, sizeof *cases->at, by_name);
}

static void make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    mkdir(path, 0777);
}

typedef struct { pid_t pid; int answer; const Case *c; } Job;

static Job start(const char *adc, const char *root, const char *top, bool passes, const Case *c)
{
    int pipe_of[2];
    if (pipe(pipe_of))
        return (Job){ -1, -1, c };
    pid_t pid = fork();
    if (pid == 0) {
        char why[WHY] = "";
        char *work = text_of("%s/%s/%s", top, c->good ? "good" : "bad", c->name);
        make_directories(work);
        Place p = { adc, root, work, why, passes };
        bool holds = c->good ? good(&p, c->path) : bad(&p, c->path);
        ssize_t n = holds ? 0 : write(pipe_of[1], why, strlen(why));
        _exit(n < 0 || !holds);
    }
    close(pipe_of[1]);
    return (Job){ pid, pipe_of[0], c };
}

/* Waits for any of the jobs; true when its case held. Its place is free afterwards. */
static bool finish(Job *job, int n)
{
    char why[WHY];
    int state;
    pid_t pid = wait(&state);
    for (int i = 0; i < n; i++) {
        if (job[i].pid != pid)
            continue;
        ssize_t size = read(job[i].answer, why, sizeof why - 1);
        close(job[i].answer);
        job[i].pid = 0;
        if (WIFEXITED(state) && WEXITSTATUS(state) == 0)
            return true;
        why[size > 0 ? size : 0] = '\0';
        printf("%s %s: %s\n", job[i].c->good ? "good" : "bad", job[i].c->name, size > 0 ? why : "the runner broke");
        fflush(stdout);
    }
    return false;
}

typedef struct { const char *adc, *root, *keep, *only; int jobs, shard, shards; bool passes; char **name; int nnames; } Settings;

static bool selected(const Settings *s, const Case *c, int place)
{
    if (place % s->shards != s->shard - 1)
        return false;
    for (int i = 0; i < s->nnames; i++)
        if (strcmp(s->name[i], c->name) == 0)
            return true;
    return s->nnames == 0;
}

static int run_cases(const Settings *s, const Cases *cases, const char *top)
{
    Job job[MAX_JOBS] = {{0}};
    int passed = 0, failed = 0, running = 0;
    for (int i = 0; i < cases->n || running; ) {
        if (i < cases->n && !selected(s, &cases->at[i], i)) {
            i++;
        } else if (i < cases->n && running < s->jobs) {
            int k = 0;
            while (job[k].pid)
                k++;
            job[k] = start(s->adc, s->root, top, s->passes, &cases->at[i++]);
            running++;
        } else {
            bool held = finish(job, s->jobs);
            *(held ? &passed : &failed) += 1;
            running--;
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed || passed == 0;
}

static bool take_option(Settings *s, const char *option, const char *value)
{
    if (strcmp(option, "--only") == 0)
        s->only = value;
    else if (strcmp(option, "--jobs") == 0)
        s->jobs = atoi(value);
    else if (strcmp(option, "--passes") == 0)
        return s->passes = strcmp(value, "agree") == 0;
    else if (strcmp(option, "--keep") == 0)
        s->keep = value;
    else if (strcmp(option, "--shard") == 0)
        return sscanf(value, "%d/%d", &s->shard, &s->shards) == 2 && s->shards > 0;
    else
        return false;
    return true;
}

static bool read_settings(Settings *s, int argc, char **argv)
{
    *s = (Settings){ .jobs = 2, .shard = 1, .shards = 1, .name = argv };
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0) {
            if (i + 1 == argc || !take_option(s, argv[i], argv[i + 1]))
                return false;
            i++;
        } else if (!s->adc) {
            s->adc = argv[i];
        } else if (!s->root) {
            s->root = argv[i];
        } else {
            s->name[s->nnames++] = argv[i];     /* never beyond what was read */
        }
    }
    return s->adc && s->root && s->jobs > 0 && s->jobs <= MAX_JOBS;
}

int main(int argc, char **argv)
{
    Settings s;
    Cases cases = {0};
    char made[SCRATCH];
    if (!read_settings(&s, argc, argv)) {
        fprintf(stderr, "usage: conformance ADC ROOT [--only good|bad] [--passes agree] [--jobs N] [--shard K/N] [--keep DIR] [NAME ...]\n");
        return 2;
    }
    s.adc = realpath(s.adc, NULL);
    s.root = realpath(s.root, NULL);
    if (s.keep)
        make_directories(text_of("%s", s.keep));
    const char *top = s.keep ? realpath(s.keep, NULL) : scratch(made);
    if (!s.adc || !s.root || !top) {
        fprintf(stderr, "conformance: no such file or directory\n");
        return 2;
    }
    if (!s.only || strcmp(s.only, "good") == 0)
        list(&cases, s.root, true);
    if (!s.only || strcmp(s.only, "bad") == 0)
        list(&cases, s.root, false);
    int status = run_cases(&s, &cases, top);
    if (!s.keep && system(text_of("rm -r %s", made)))
        fprintf(stderr, "conformance: cannot remove '%s'\n", made);
    fflush(stdout);
    _exit(status);                              /* names and paths were never to be given back */
}
