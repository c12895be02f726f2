/* temps.c: names for values that are used twice, and invariants out of loops.
 *
 * In: statements whose expressions share parts. Out: declarations before them: a part with two uses is named where it
 * is first needed; a part that costs something, or that reads memory, and does not depend on the loop it stands in is
 * named outside of that loop. Parts that are valid only where control reaches (has_guarded) never leave their branch:
 * a where whose branch shares such a part becomes an if statement, in whose blocks the part has its name. Last, when all
 * statements are there, which items anything reads at all. */
#include "loops.h"
#include <stdlib.h>

typedef struct { const Block *at; Block *home; } Home_;
typedef struct {
    Program *p;
    int *uses; bool *seen; Home_ *home; int cap;            /* by expression id */
} Share;

static void room(Share *s, const Ex *e) {
    if (e->id < s->cap)
        return;
    int cap = 2 * e->id + 64;
    int *uses = NEWN(s->p->ctx, int, cap);
    bool *seen = NEWN(s->p->ctx, bool, cap);
    Home_ *home = NEWN(s->p->ctx, Home_, cap);
    for (int k = 0; k < s->cap; k++)
        uses[k] = s->uses[k], seen[k] = s->seen[k];
    s->uses = uses, s->seen = seen, s->home = home, s->cap = cap;
}

/* A read of what is a name already: nothing to save. */
static bool is_name(const Program *p, const Ex *e) { return is_read(e) && read_item(p, e)->nkept == 0; }

/* The parts of an expression that its text will have: of a read, the indices that its storage still has. */
static int text_parts(const Program *p, const Ex *e, const Ex **part) {
    int n = 0;
    if (!is_read(e)) {
        for (int k = 0; k < e->nargs; k++)
            part[n++] = e->arg[k];
        return n;
    }
    const Item *it = read_item(p, e);
    for (int k = 0; k < it->nkept; k++)
        part[n++] = e->arg[it->kept[k]];
    return n;
}

/* ---------------------------------------------------------------- counting */

static void count(Share *s, const Ex *e) {
    const Ex *part[MAX_RANK + 3];
    room(s, e);
    s->uses[e->id]++;
    if (s->seen[e->id])
        return;
    s->seen[e->id] = true;
    for (int k = text_parts(s->p, e, part) - 1; k >= 0; k--)
        count(s, part[k]);
}

static int stmt_parts(Stmt *st, const Ex **part) {
    int n = 0;
    if (st->value)
        part[n++] = st->value;
    if (st->arg)
        part[n++] = st->arg;
    if (st->kind == S_FOR) {
        part[n++] = st->lo;
        part[n++] = st->hi;
    }
    if (st->item && (st->kind == S_ASSIGN || st->kind == S_ACCUMULATE) && !(st->total && st->kind == S_ACCUMULATE))
        for (int k = 0; k < st->item->nkept; k++)
            part[n++] = st->index[st->item->kept[k]];
    return n;
}

static void count_block(Share *s, Block *b) {
    const Ex *part[MAX_RANK + 4];
    for (Stmt *st = b ? b->first : NULL; st; st = st->next) {
        for (int k = stmt_parts(st, part) - 1; k >= 0; k--)
            count(s, part[k]);
        count_block(s, st->body);
        count_block(s, st->otherwise);
    }
}

/* ---------------------------------------------------------------- where a part can be computed first */

static Block *common_block(Block *at, const Block *other) {
    while (at->up && !block_within(other, at))
        at = at->up;
    return at;
}

static Block *home_of(Share *s, const Ex *e, Block *at) {
    room(s, e);
    if (s->home[e->id].at == at)
        return s->home[e->id].home;
    Block *home = s->p->body;
    if (e->op == OP_VAR)
        home = s->p->loop.at[e->var - LOOP_VAR]->body;
    if (is_read(e) && read_item(s->p, e)->done)
        home = common_block(at, read_item(s->p, e)->done);
    for (int k = 0; k < e->nargs; k++) {
        Block *h = home_of(s, e->arg[k], at);
        home = h->depth > home->depth ? h : home;
    }
    s->home[e->id] = (Home_){at, home};
    return home;
}

Temp *temp_find(const Program *p, const Ex *e, const Block *at) {
    for (Temp *t = e->id < p->temp_cap ? p->temp_of[e->id] : NULL; t; t = t->older)
        if (t->ready && block_within(at, t->block))
            return t;
    return NULL;
}

void temp_declared(const Program *p, const Stmt *s) {
    for (Temp *t = s->value && s->value->id < p->temp_cap ? p->temp_of[s->value->id] : NULL; t; t = t->older)
        if (t->item == s->item)
            t->ready = true;
}

/* ---------------------------------------------------------------- naming */

static bool reads_memory(const Program *p, const Ex *e) {
    const Ex *part[MAX_RANK + 3];
    if (is_read(e))
        return !is_name(p, e);
    for (int k = text_parts(p, e, part) - 1; k >= 0; k--)
        if (reads_memory(p, part[k]))
            return true;
    return false;
}

static bool can_name(const Program *p, const Ex *e) {
    if (is_read(e))
        return !is_name(p, e);
    if (e->nargs == 0 || e->op == OP_NEG || e->op == OP_NOT)
        return false;
    if (e->type == T_INT)
        return op_has(e->op, P_COSTLY) || e->op == OP_CHECK || e->op == OP_DIVISOR || (e->op == OP_WHERE && e->has_read);
    if (e->op == OP_REALOF)
        return false;
    return e->type == T_REAL || e->has_read || op_has(e->op, P_COSTLY);
}

static bool hoistable(Program *p, const Ex *e) {
    return can_name(p, e) && (reads_memory(p, e) || is_costly(e));
}

static Stmt *child_holding(Block *block, Stmt *st) {
    while (st->in != block)
        st = st->in->owner;
    return st;
}

static Temp *temp_new(Share *s, const Ex *e, Block *block) {
    Program *p = s->p;
    Temp *t = NEW(p->ctx, Temp);
    if (e->id >= p->temp_cap) {
        int cap = 2 * e->id + 64;
        Temp **of = NEWN(p->ctx, Temp *, cap);
        for (int k = 0; k < p->temp_cap; k++)
            of[k] = p->temp_of[k];
        p->temp_of = of;
        p->temp_cap = cap;
    }
    *t = (Temp){.value = e, .block = block, .ready = true, .older = p->temp_of[e->id]};
    p->temp_of[e->id] = t;
    vec_push(p->ctx, &p->temp, t);
    return t;
}

static void prepare(Share *s, const Ex *e, Stmt *st, bool lazy);
static void prepare_block(Share *s, Block *b);

static void prepare_parts(Share *s, const Ex *e, Stmt *st, bool lazy) {
    const Ex *part[MAX_RANK + 3];
    int n = text_parts(s->p, e, part);
    bool branches = e->op == OP_WHERE || e->op == OP_AND || e->op == OP_OR;
    for (int k = 0; k < n; k++)
        prepare(s, part[k], st, lazy || (branches && k > 0));
}

static void name_it(Share *s, const Ex *e, Stmt *before) {
    prepare_parts(s, e, before, false);
    Stmt *d = stmt_new(s->p, S_DECLARE, NULL);
    block_insert(before, d);
    d->value = e;
    d->temp = temp_new(s, e, before->in);
}

/* Some part of the branch is used twice, is dear, and must not leave the branch. */
static bool shares_guarded(Share *s, const Ex *e, Block *at) {
    const Ex *part[MAX_RANK + 3];
    if (!e->has_guarded || temp_find(s->p, e, at))
        return false;
    if (s->uses[e->id] > 1 && can_name(s->p, e) && ex_cost(e) > 2)
        return true;
    for (int k = text_parts(s->p, e, part) - 1; k >= 0; k--)
        if (shares_guarded(s, part[k], at))
            return true;
    return false;
}

static Block *branch(Share *s, Stmt *st, Temp *t, const Ex *value) {
    Block *b = block_new(s->p->ctx, st->in, st);
    Stmt *set = stmt_new(s->p, S_SET, NULL);
    set->temp = t;
    set->value = value;
    block_add(b, set);
    return b;
}

static void split(Share *s, const Ex *e, Stmt *before) {
    prepare(s, e->arg[0], before, false);
    Stmt *d = stmt_new(s->p, S_DECLARE, NULL), *st = stmt_new(s->p, S_IF, NULL);
    block_insert(before, d);
    block_insert(before, st);
    d->changes = true;
    d->temp = temp_new(s, e, before->in);
    st->value = e->arg[0];
    st->body = branch(s, st, d->temp, e->arg[1]);
    st->otherwise = branch(s, st, d->temp, e->arg[2]);
    prepare_block(s, st->body);
    prepare_block(s, st->otherwise);
}

static void prepare(Share *s, const Ex *e, Stmt *st, bool lazy) {
    Block *at = st->in;
    room(s, e);
    if (e->nargs == 0 || is_name(s->p, e) || temp_find(s->p, e, at))
        return;
    if (e->has_guarded) {
        bool where = e->op == OP_WHERE && !lazy;
        if (where && (shares_guarded(s, e->arg[1], at) || shares_guarded(s, e->arg[2], at)))
            split(s, e, st);
        else if (!lazy && s->uses[e->id] > 1 && can_name(s->p, e))
            name_it(s, e, st);
        else
            prepare_parts(s, e, st, lazy);
        return;
    }
    Block *home = home_of(s, e, at);
    bool twice = s->uses[e->id] > 1 && can_name(s->p, e);
    if (home->loops < at->loops && (twice || hoistable(s->p, e)))
        name_it(s, e, child_holding(home, st));
    else if (twice)
        name_it(s, e, st);
    else
        prepare_parts(s, e, st, lazy);
}

/* A value that has a name of its own is found under it by whoever needs the same expression. */
static void prepare_stmt(Share *s, Stmt *st) {
    const Ex *part[MAX_RANK + 4];
    bool named = st->kind == S_DECLARE && st->item && !st->changes && st->value && st->value->nargs > 0;
    if (named && !temp_find(s->p, st->value, st->in) && !is_name(s->p, st->value)) {
        if (st->value->op == OP_WHERE && st->value->has_guarded)
            prepare(s, st->value, st, false);
        else
            prepare_parts(s, st->value, st, false);
        if (!temp_find(s->p, st->value, st->in))
            temp_new(s, st->value, st->in)->item = st->item;
        return;
    }
    if (st->kind == S_SET && st->value->op != OP_WHERE && !is_name(s->p, st->value) && !temp_find(s->p, st->value, st->in)) {
        room(s, st->value);
        if (home_of(s, st->value, st->in)->loops == st->in->loops) {
            prepare_parts(s, st->value, st, false);     /* all of its branch: it needs no second name */
            return;
        }
    }
    int n = stmt_parts(st, part);
    for (int k = 0; k < n; k++)
        prepare(s, part[k], st, false);
    if (st->kind == S_BEST && !temp_find(s->p, st->value, st->in) && !is_name(s->p, st->value) && st->value->nargs > 0)
        name_it(s, st->value, st);
}

static void prepare_block(Share *s, Block *b) {
    for (Stmt *st = b ? b->first : NULL; st; st = st->next) {
        prepare_stmt(s, st);
        prepare_block(s, st->body);
        prepare_block(s, st->otherwise);
    }
}

void share_values(Program *p) {
    Share s = {.p = p};
    count_block(&s, p->body);
    prepare_block(&s, p->body);
    for (int k = 0; k < p->temp.n; k++)
        p->temp.at[k]->ready = false;                       /* again when its declaration has been written */
}

/* ---------------------------------------------------------------- what is read at all */

static void want_read(void *data, const Ex *x) {
    Item *it = is_read(x) ? read_item(data, x) : NULL;
    Item *of[] = {it, it ? it->first : NULL, it ? it->prev : NULL};
    for (int k = 0; k < 3; k++)
        if (of[k])
            of[k]->wanted = true;
}

static void want_block(Program *p, const Block *b) {
    for (const Stmt *s = b ? b->first : NULL; s; s = s->next) {
        stmt_visit(s, want_read, p);
        if (s->item && s->kind != S_DECLARE && s->kind != S_ACCUMULATE && s->kind != S_BEST)
            s->item->wanted = true;
        if (s->sink)
            s->sink->item->wanted = true;
        want_block(p, s->body);
        want_block(p, s->otherwise);
    }
}

void find_wanted(Program *p) { want_block(p, p->body); }
