/* compare.c: are two lists of numbers the same? For tests/check_reference.sh.
 *
 *     compare each 1e-12 h.csv:loss ref.npy         each number, relative to itself
 *     compare largest 1e-11 H.npy ref.npy           relative to the largest number of the reference
 *     compare symmetric 1e-12 H.npy                 H' = H, relative to its largest number
 *
 * A file is a .npy of float64 or float32, or a column of a .csv by name. The first may be shorter than the reference:
 * then it is compared with the beginning. Prints the worst error; the status says whether it is within the bound. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { double *at; size_t n; } List;

static _Noreturn void give_up(const char *path, const char *why)
{
    printf("%s: %s\n", path, why);
    exit(2);
}

static void push(List *list, double x)
{
    if ((list->n & (list->n - 1)) == 0) {
        list->at = realloc(list->at, (list->n ? 2 * list->n : 1) * sizeof *list->at);
        if (!list->at)
            abort();
    }
    list->at[list->n++] = x;
}

/* NPY 1.0: 6 bytes of magic, 2 of version, 2 of header length, the header as text, values. */
static List read_npy(const char *path, FILE *f)
{
    List list = { 0 };
    unsigned char head[10];
    char text[4096] = "";
    if (fread(head, 1, 10, f) != 10 || memcmp(head, "\x93NUMPY", 6) != 0)
        give_up(path, "not a .npy file");
    size_t length = (size_t)head[8] + 256 * (size_t)head[9];
    if (length >= sizeof text || fread(text, 1, length, f) != length)
        give_up(path, "its header is cut off");
    int is_double = strstr(text, "<f8") != NULL;
    if (!is_double && !strstr(text, "<f4"))
        give_up(path, "neither float64 nor float32");
    for (;;) {
        double x;
        float narrow;
        if (is_double ? fread(&x, 8, 1, f) != 1 : fread(&narrow, 4, 1, f) != 1)
            return list;
        push(&list, is_double ? x : (double)narrow);
    }
}

/* A table without quotes: the column's place from the header, then that field of each line. */
static List read_column(const char *path, FILE *f, const char *column)
{
    List list = { 0 };
    char line[4096];
    int place = -1;
    if (!fgets(line, sizeof line, f))
        give_up(path, "empty");
    int i = 0;
    for (char *word = strtok(line, ",\n"); word; word = strtok(NULL, ",\n"), i++)
        if (strcmp(word, column) == 0)
            place = i;
    if (place < 0)
        give_up(path, "no such column");
    while (fgets(line, sizeof line, f)) {
        char *field = line;
        for (i = 0; i < place && field; i++)
            field = strchr(field, ',') ? strchr(field, ',') + 1 : NULL;
        push(&list, field ? strtod(field, NULL) : NAN);
    }
    return list;
}

static List read_list(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s", name);
    char *column = strrchr(path, ':');
    if (column)
        *column++ = 0;
    FILE *f = fopen(path, "rb");
    if (!f)
        give_up(path, "cannot be read");
    List list = column ? read_column(path, f, column) : read_npy(path, f);
    fclose(f);
    if (list.n == 0)
        give_up(path, "no numbers");
    return list;
}

static double largest_of(List list)
{
    double most = 0;
    for (size_t i = 0; i < list.n; i++)
        most = fmax(most, fabs(list.at[i]));
    return most;
}

static int verdict(double worst, size_t at, double bound)
{
    printf("worst error %.2g at %zu, bound %g\n", worst, at + 1, bound);
    return worst <= bound ? 0 : 1;
}

static int compare(List a, List b, double bound, int each)
{
    double worst = 0, largest = largest_of(b);
    size_t where = 0;
    for (size_t i = 0; i < a.n; i++) {
        double scale = each ? fabs(b.at[i]) : largest, error = fabs(a.at[i] - b.at[i]);
        error = error > 0 ? error / scale : 0;
        if (isnan(a.at[i]))
            error = INFINITY;
        if (error > worst) {
            worst = error;
            where = i;
        }
    }
    return verdict(worst, where, bound);
}

static int symmetric(List a, double bound)
{
    size_t n = (size_t)(sqrt((double)a.n) + 0.5), where = 0;
    double worst = 0, largest = largest_of(a);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            double error = fabs(a.at[i * n + j] - a.at[j * n + i]) / largest;
            if (!(error <= worst)) {
                worst = error;
                where = i * n + j;
            }
        }
    return verdict(n * n == a.n ? worst : INFINITY, where, bound);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "symmetric") == 0)
        return symmetric(read_list(argv[3]), strtod(argv[2], NULL));
    if (argc != 5 || (strcmp(argv[1], "each") != 0 && strcmp(argv[1], "largest") != 0)) {
        fprintf(stderr, "usage: compare each|largest BOUND FILE REFERENCE, compare symmetric BOUND FILE\n");
        return 2;
    }
    List a = read_list(argv[3]), b = read_list(argv[4]);
    if (a.n > b.n)
        give_up(argv[3], "more numbers than the reference");
    return compare(a, b, strtod(argv[2], NULL), argv[1][0] == 'e');
}
