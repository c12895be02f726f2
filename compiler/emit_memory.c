/* emit_memory.c: how much memory the emitted functions need.
 *
 * In: a Loops, and which of its items are kept in run->load and run->work. Out: C functions over the dims: those that are
 * made of others, the places of what load stores, the bytes of run->load, of run->work and of what the trace needs; and a
 * comment that says what a recurrence keeps for the way back. */
#include "emit.h"
#include <inttypes.h>

/* A value of a recurrence that has an element for each of its steps. */
static bool keeps_steps(const Item *it) {
    bool found = false;
    for (int k = 0; k < it->nkept && it->nring; k++)
        found |= it->kept[k] == it->ring_index[0];
    return found && in_work(it);
}

/* What the sweep back through a recurrence costs in memory. */
void emit_steps_kept(Emit *e, const Program *p, Out *out) {
    Str text = {0};
    int64_t bytes = 0;
    bool known = true;
    for (int k = 0; k < p->item.n; k++) {
        const Item *it = p->item.at[k];
        if (!keeps_steps(it))
            continue;
        int64_t count = element_bytes(e->g, it->node->type), n;
        for (int a = 0; a < it->nkept; a++)
            known = known && ex_is_int(it->node->axis[it->kept[a]].size, &n) && !__builtin_mul_overflow(count, n, &count);
        known = known && !__builtin_add_overflow(bytes, count, &bytes);
        str_add(&text, "%s%s[", text.n ? ", " : "", it->name);
        for (int a = 0; a < it->nkept; a++) {
            str_add(&text, "%s", a ? " * " : "");
            emit_size(e, it->node->axis[it->kept[a]].size, it->node->axis[it->kept[a]].dim, UNARY, &text);
        }
        str_add(&text, "]");
    }
    if (text.n && known)
        out_line(out, "/* Every step is kept, for the way back, of %s: %" PRId64 " bytes. */", text.text, bytes);
    else if (text.n)
        out_line(out, "/* Every step is kept, for the way back, of %s. */", text.text);
    str_free(&text);
}

/* A function that uses no size says so. */
static void unused_dims(const Emit *e, Out *out) {
    bool used = false;
    for (int k = 0; k < e->row.n; k++)
        used |= e->dim_used[k];
    if (!used)
        out_line(out, "(void)dims;");
}

void emit_offsets(Emit *e, Out *out) {
    Out inside = {.indent = 1};
    const Program *p = e->loops->run[RUN_LOAD];
    emit_begin(e, p);
    for (int k = 0; k < e->loops->slot.n; k++) {
        Str count = {0};
        const Node *n = e->loops->slot.at[k];
        Item it = {.node = (Node *)n, .nkept = n->rank};
        for (int a = 0; a < n->rank; a++)
            it.kept[a] = a;
        emit_count(e, &it, &count);
        out_line(&inside, "at[%d] = ad_room(at[%d], sizeof(%s), %s);    /* %s */", k + 1, k, c_type(n->type), count.text, e->slot[k]);
        str_free(&count);
    }
    if (e->loops->slot.n == 0)
        return;
    out_line(out, "/* Where load keeps its results. */");
    out_line(out, "static void load_offsets(const int64_t *dims, size_t *at)\n{");
    out->indent++;
    emit_size_lines(e, "dims", out);
    unused_dims(e, out);
    out_line(out, "at[0] = 0;");
    out->indent--;
    str_addn(&out->text, inside.text.text, inside.text.n);
    out_line(out, "}\n");
    str_free(&inside.text);
}

static void load_bytes(Emit *e, Out *out) {
    out_line(out, "static size_t load_bytes(const int64_t *dims)\n{");
    out->indent++;
    if (e->loops->slot.n) {
        out_line(out, "size_t at[%d];", e->loops->slot.n + 1);
        out_line(out, "load_offsets(dims, at);");
        out_line(out, "return at[%d];", e->loops->slot.n);
    } else {
        out_line(out, "(void)dims;");
        out_line(out, "return 0;");
    }
    out->indent--;
    out_line(out, "}\n");
}

/* The same allocations, in the same order, as the heads of the functions make. The trace, which keeps every value and runs
 * once if at all, is counted by itself. */
static void work_bytes(Emit *e, bool trace, Out *out) {
    Out inside = {.indent = 1};
    emit_begin(e, NULL);
    for (int k = 0; k < RUNS; k++) {
        const Program *p = e->loops->run[k];
        bool any = false;
        e->p = p;
        for (int i = 0; i < p->item.n && (k == RUN_TRACE) == trace; i++) {
            Str count = {0};
            const Item *it = p->item.at[i];
            if (!in_work(it))
                continue;
            emit_count(e, it, &count);
            out_line(&inside, "used = ad_room(%s, sizeof(%s), %s);    /* %s: %s */", any ? "used" : "0", c_type(it->node->type),
                     count.text, run_name[k], it->name);
            any = true;
            str_free(&count);
        }
        if (any)
            out_line(&inside, "most = used > most ? used : most;");
    }
    out_line(out, "static size_t %s_bytes(const int64_t *dims)\n{", trace ? "trace" : "work");
    out->indent++;
    emit_size_lines(e, "dims", out);
    unused_dims(e, out);
    if (inside.text.n) {
        out_line(out, "size_t used, most = 0;");
        str_addn(&out->text, inside.text.text, inside.text.n);
        out_line(out, "return most;");
    } else {
        out_line(out, "return 0;");
    }
    out->indent--;
    out_line(out, "}\n");
    str_free(&inside.text);
}

static void derive(Emit *e, Out *out) {
    Out inside = {.indent = 1};
    Str text = {0};
    emit_begin(e, NULL);
    for (int k = 0; k < e->row.n; k++) {
        int64_t n;
        if (!e->row.at[k].size || ex_is_int(e->row.at[k].size, &n))
            continue;
        text.n = 0;
        emit_ex(e, e->row.at[k].size, &text);
        out_line(&inside, "dims[%d] = %s;", k, text.text);
    }
    out_line(out, "static void derive(int64_t *dims)\n{");
    out->indent++;
    emit_size_lines(e, "dims", out);
    if (!inside.text.n)
        out_line(out, "(void)dims;");
    out->indent--;
    str_addn(&out->text, inside.text.text ? inside.text.text : "", inside.text.n);
    out_line(out, "}\n");
    str_free(&inside.text);
    str_free(&text);
}

void emit_memory(Emit *e, Out *out) {
    derive(e, out);
    load_bytes(e, out);
    work_bytes(e, false, out);
    work_bytes(e, true, out);
}
