/* peek.h: the compiler's one window on the runtime's readers (peek.c): what sizes does this data bind? Kept apart from
 * adc.h and rt.h, which each have their own idea of a Setting and a Table. */
#ifndef ADC_PEEK_H
#define ADC_PEEK_H

#include "../runtime/adrt.h"

/* data: FILE, NAME=FILE or NAME=FILE#COLUMNS, as the trainer's --data. given: sizes known already, or -1. Fills dims
 * (the sample axis with all rows). The status that the trainer would end with; when it is not 0, a message of one line. */
int peek_dims(const AdModel *, const char *const *data, int ndata, const int64_t *given, int64_t *dims,
              char *message, size_t size);

#endif
