/// What the benchmarks share: the clock, quantiles, and memory.
#ifndef ECHELON_BENCH_H
#define ECHELON_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/// The value at a fraction of the sorted values. Sorts them.
static inline double quantile(double *values, int count, double fraction) {
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[(int)(fraction * (count - 1))];
}

static inline double median(double *values, int count) { return quantile(values, count, 0.5); }

/// Ends the program with a message unless `fine`.
static inline void require(bool fine, const char *message) {
    if (fine) return;
    fprintf(stderr, "%s\n", message);
    exit(1);
}

static inline void *allocate(size_t bytes) {
    void *memory = malloc(bytes);
    require(memory, "There is not enough memory for the benchmark.");
    return memory;
}

/// xorshift64 (Marsaglia 2003).
static inline uint64_t random_bits(void) {
    static uint64_t state = 88172645463325252u;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}

#endif
