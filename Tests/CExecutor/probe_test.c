/// The probes measure something believable, and refuse what cannot be measured.
#include "CExecutorProbe.h"
#include "harness.h"

#include <math.h>

enum { BYTES = 64 << 20, REPEATS = 3 };

static void test_read(void) {
    char message[ECH_MESSAGE_SIZE];
    for (int threads = 1; threads <= 3; threads++) {
        double rate = 0;
        CHECK(ech_probe_read(BYTES, threads, REPEATS, &rate, message), "%s", message);
        // From a loop under sanitizers to the fastest memory of any processor.
        CHECK(isfinite(rate) && rate > 0.01 && rate < 10000, "%d threads read %g GB/s", threads, rate);
    }
}

static void test_peak(void) {
    char message[ECH_MESSAGE_SIZE];
    int isas[ECH_ISA_COUNT];
    const int count = available_isas(isas);
    for (int i = 0; i < count; i++)
        for (int product = 0; product < ECH_PROBE_PRODUCT_COUNT; product++)
            for (int threads = 1; threads <= 2; threads++) {
                double rate = 0;
                CHECK(ech_probe_peak(isas[i], product, threads, REPEATS, &rate, message), "%s", message);
                CHECK(isfinite(rate) && rate > 1e-6 && rate < 1000, "%s, product %d, %d threads: %g TFLOP/s",
                      ech_isa_name(isas[i]), product, threads, rate);
            }
}

static void test_threads_add_up(void) {
    // Two threads do at most twice as much as one. Others use the machine too, so allow a factor of two more, and say
    // nothing about the least: there may be one core.
    char message[ECH_MESSAGE_SIZE];
    double one = 0, two = 0;
    CHECK(ech_probe_peak(ECH_ISA_PORTABLE, ECH_PROBE_F32, 1, 5, &one, message), "%s", message);
    CHECK(ech_probe_peak(ECH_ISA_PORTABLE, ECH_PROBE_F32, 2, 5, &two, message), "%s", message);
    CHECK(two < 4 * one, "one thread multiplies at %g TFLOP/s, two at %g", one, two);
}

static void test_refusals(void) {
    char message[ECH_MESSAGE_SIZE];
    double rate = 0;
#define REFUSED(call)                                                                                                  \
    do {                                                                                                               \
        message[0] = 0;                                                                                                \
        CHECK(!(call), "%s succeeds", #call);                                                                          \
        CHECK(message[0] != 0, "%s fails without a message", #call);                                                   \
    } while (0)
    REFUSED(ech_probe_read(0, 1, 1, &rate, message));
    REFUSED(ech_probe_read(-1, 1, 1, &rate, message));
    REFUSED(ech_probe_read(INT64_MAX, 1, 1, &rate, message));
    REFUSED(ech_probe_read(BYTES, 0, 1, &rate, message));
    REFUSED(ech_probe_read(BYTES, 1 << 20, 1, &rate, message));
    REFUSED(ech_probe_read(BYTES, 1, 0, &rate, message));
    REFUSED(ech_probe_read(BYTES, 1, 1 << 20, &rate, message));
    REFUSED(ech_probe_peak(-1, ECH_PROBE_F32, 1, 1, &rate, message));
    REFUSED(ech_probe_peak(99, ECH_PROBE_F32, 1, 1, &rate, message));
    REFUSED(ech_probe_peak(ECH_ISA_PORTABLE, -1, 1, 1, &rate, message));
    REFUSED(ech_probe_peak(ECH_ISA_PORTABLE, ECH_PROBE_PRODUCT_COUNT, 1, 1, &rate, message));
    REFUSED(ech_probe_peak(ECH_ISA_PORTABLE, ECH_PROBE_F32, 0, 1, &rate, message));
}

int main(void) {
    run_test("reading has a believable rate for every number of threads", test_read);
    run_test("multiplying has a believable rate for every instruction set", test_peak);
    run_test("two threads multiply at most twice as fast", test_threads_add_up);
    run_test("what cannot be probed is refused with a sentence", test_refusals);
    return tests_finished();
}
