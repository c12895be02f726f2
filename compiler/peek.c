/* peek.c: reads the data at hand as a trainer would, by the same code, to see what sizes it binds.
 *
 * The model comes as the tables a trainer would hand to the runtime, with nothing but dims and data in them; so tables,
 * columns, text labels and ids mean here exactly what they will mean when the trainer runs. */
#include "peek.h"
#include "../runtime/rt.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Where NAME ends in NAME=FILE; 0 when the word is a file alone. */
static size_t name_length(const char *word)
{
    size_t n = 0;
    while (isalnum((unsigned char)word[n]) || word[n] == '_')
        n++;
    return word[n] == '=' ? n : 0;
}

static DataArg *data_args(const char *const *data, int ndata)
{
    DataArg *args = calloc((size_t)ndata + 1, sizeof *args);
    for (int i = 0; args && i < ndata; i++) {
        size_t n = name_length(data[i]);
        char *name = n ? calloc(n + 1, 1) : NULL;
        if (name)
            memcpy(name, data[i], n);
        args[i] = (DataArg){.name = name, .file = data[i] + (n ? n + 1 : 0)};
    }
    return args;
}

int peek_dims(const AdModel *model, const char *const *data, int ndata, const int64_t *given, int64_t *dims,
              char *message, size_t size)
{
    Dataset dataset = {0};
    Err err = {""};
    DataArg *args = data_args(data, ndata);
    if (!args)
        abort();
    int status = dataset_load(&dataset, model, args, ndata, given, NULL, &err);
    if (status == EXIT_FINE)
        memcpy(dims, dataset.dims, sizeof *dims * (size_t)model->ndims);
    else
        snprintf(message, size, "%s", err.text);
    dataset_free(&dataset);
    for (int i = 0; i < ndata; i++)
        free((char *)(uintptr_t)args[i].name);
    free(args);
    return status;
}
