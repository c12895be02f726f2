/* main.c: adrt_main(), all that an emitted main() calls: options, data, one command, one exit status.
 *
 * Messages of the library come without a name in front when they begin with a place (FILE:LINE:COLUMN:, FILE: error:)
 * and get the model's name otherwise:
 *
 *     ratings.csv:1042:9: error: 'abc' is not a number (column "rating")
 *     factorise: error: loss is inf at epoch 6 (last finite 8.1e11 at epoch 5); parameters of the best epoch kept */
#include "rt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int run_command(Session *s, const char *command, Err *err)
{
    static const struct { const char *name; int (*run)(Session *, Err *); } commands[] = {
        { "train", command_train }, { "eval", command_eval }, { "predict", command_predict },
        { "check-grad", command_checkgrad }, { "bench", command_bench },
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(command, commands[i].name) == 0)
            return commands[i].run(s, err);
    return err_set(err, EXIT_USAGE, "unknown command '%s'", command);
}

int adrt_main(int argc, char **argv, const AdModel *m)
{
    Options o;
    Session s;
    Err err = { "" };
    int status = options_parse(&o, m, argc, argv, &err);
    if (!status && strcmp(o.command, "info") == 0)
        status = command_info(m, &o, stdout);
    else if (!status && strcmp(o.command, "help") != 0) {
        status = targets_probe(&o, m, &err);
        if (!status) {
            status = session_open(&s, m, &o, &err);
            if (!status)
                status = run_command(&s, o.command, &err);
            session_close(&s);
        }
    }
    options_free(&o);
    if (status)
        err_say(m, err.text);
    if (fflush(stdout) != 0 && !status) {
        status = err_set(&err, EXIT_IO, "cannot write standard output: %s", strerror(errno));
        err_say(m, err.text);
    }
    return status;
}
