/* labels.c: the texts that stand for the numbers 0, 1, 2, ... of an index(c) axis.
 *
 * Distinct texts of the data in the order of their bytes, so that the numbers do not depend on the order of rows. The
 * map goes with the model as a JSON list and is used again on new data. */
#include "rt.h"
#include <stdlib.h>
#include <string.h>

static int label_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int labels_from(Labels *l, char *const *text, int64_t n)
{
    const char **sorted = rt_alloc((size_t)n * sizeof *sorted);
    for (int64_t i = 0; i < n; i++)
        sorted[i] = text[i];
    qsort(sorted, (size_t)n, sizeof *sorted, label_order);
    int64_t distinct = 0;
    for (int64_t i = 0; i < n; i++)
        if (!i || strcmp(sorted[i], sorted[i - 1]))
            sorted[distinct++] = sorted[i];
    l->n = (int)distinct;
    l->label = rt_alloc((size_t)distinct * sizeof l->label[0]);
    for (int i = 0; i < l->n; i++)
        if (!(l->label[i] = strdup(sorted[i])))
            abort();
    free(sorted);
    return EXIT_FINE;
}

int labels_find(const Labels *l, const char *text)
{
    int lo = 0, hi = l->n;
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2, order = strcmp(text, l->label[mid]);
        if (!order)
            return mid;
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return -1;
}

char *labels_json(const Labels *l)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        abort();
    putc('[', f);
    for (int i = 0; i < l->n; i++) {
        fputs(i ? ", " : "", f);
        json_put(f, l->label[i]);
    }
    putc(']', f);
    fclose(f);
    return text;
}

/* Strict: what labels_json writes, in ascending order (labels_find depends on it). */
int labels_parse(Labels *l, const char *json)
{
    const char *s = json, *end = json + strlen(json);
    int room = 0;
    l->n = 0;
    l->label = NULL;
    if (*s++ != '[')
        return EXIT_BAD_DATA;
    while (*s != ']') {
        if (l->n && *s++ != ',')
            return EXIT_BAD_DATA;
        while (*s == ' ')
            s++;
        char *one = json_get(&s, end);
        if (!one)
            return EXIT_BAD_DATA;
        if (l->n == room) {
            room = 2 * room + 16;
            l->label = realloc(l->label, (size_t)room * sizeof l->label[0]);
            if (!l->label)
                abort();
        }
        l->label[l->n++] = one;
        if (l->n > 1 && strcmp(l->label[l->n - 2], one) >= 0)
            return EXIT_BAD_DATA;
    }
    return s[1] ? EXIT_BAD_DATA : EXIT_FINE;
}

void labels_free(Labels *l)
{
    for (int i = 0; i < l->n; i++)
        free(l->label[i]);
    free(l->label);
    l->label = NULL;
    l->n = 0;
}
