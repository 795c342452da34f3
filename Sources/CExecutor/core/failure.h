/// Error sentences for the caller.
#ifndef ECHELON_FAILURE_H
#define ECHELON_FAILURE_H

#include "CExecutor.h"

#include <stdarg.h>
#include <stdio.h>

/// Writes a sentence to `message` and returns false, so that a check can `return ech_fail(...)`.
__attribute__((format(printf, 2, 3))) static inline bool ech_fail(char message[ECH_MESSAGE_SIZE], const char *format,
                                                                  ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, ECH_MESSAGE_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

#endif
