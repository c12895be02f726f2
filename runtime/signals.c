/* signals.c: SIGINT and SIGTERM ask a run to finish its step, save and stop; a second one ends the process at once.
 *
 * A handler can talk to the program through nothing but a global, so here is the runtime's only mutable one. */
#include "rt.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t signal_number;

static void signal_arrived(int number)
{
    if (signal_number)
        _exit(128 + number);
    signal_number = number;
}

void signals_watch(void)
{
    struct sigaction action = { .sa_handler = signal_arrived };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int signals_seen(void)
{
    return (int)signal_number;
}
