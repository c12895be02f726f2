/* scratch.h: directories that tests work in, in $TMPDIR or the system's place for what may go at any time. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stdio.h>
#include <stdlib.h>

enum { SCRATCH = 256 };

/* A new, empty directory; its name goes into the buffer. NULL: none could be made. */
static inline char *scratch(char buffer[SCRATCH])
{
    const char *place = getenv("TMPDIR");
    int n = snprintf(buffer, SCRATCH, "%s/adc-test-XXXXXX", place && *place ? place : "/tmp");
    return n > 0 && n < SCRATCH ? mkdtemp(buffer) : NULL;
}

#endif
