/* shrink.h: a smaller model that fails in the same way. */
#ifndef RANDOM_SHRINK_H
#define RANDOM_SHRINK_H

#include "judge.h"

void shrink(Case *small, const Case *failing, const Tools *);

#endif
