/// The records of operations, formats and elements: each number has one, and formats read what was packed.
#include "harness.h"

#include "core/session.h"
#include "instructions/operation.h"

#include <stdlib.h>
#include <string.h>

static void test_operations(void) {
    for (int opcode = 0; opcode < ECH_OPCODE_COUNT; opcode++) {
        const ech_opcode_form *form = ech_opcode_describe(opcode);
        CHECK(form && form->name && *form->name, "opcode %d has no name", opcode);
        if (!form || !form->name) continue;
        for (int other = 0; other < opcode; other++)
            CHECK(strcmp(form->name, ech_opcode_describe(other)->name) != 0, "two opcodes are named %s", form->name);
        CHECK(ech_operations[opcode].check && ech_operations[opcode].run, "%s lacks a function", form->name);
        CHECK((form->outputs > 0) == (form->stored != 0), "%s stores elements without an output", form->name);
        CHECK(!form->reads_matrix || form->division == ECH_BY_OUTPUTS, "%s reads a matrix by rows", form->name);
        CHECK((form->division == ECH_BY_ROWS) || !(form->stored >> ECH_Q8 & 1),
              "%s writes q8 rows, and no thread has a whole row", form->name);
    }
    const ech_opcode_form *form = ech_opcode_describe(ECH_PROJECT_ROPE_WRITE);
    CHECK(form->inputs == 4 && form->outputs == 1 && form->weights == 3 && form->optional_weights == 1 && form->cache &&
              form->integers == 1 && form->floats == 1 && form->division == ECH_BY_OUTPUTS && form->reads_matrix &&
              form->stored == 1 << ECH_F32,
          "project_rope_write is described differently");
    CHECK(!ech_opcode_describe(-1) && !ech_opcode_describe(ECH_OPCODE_COUNT), "unknown opcodes are described");
}

static void test_elements(void) {
    static const int64_t bytes_of_33[] = {132, 132, 128, 192};
    for (int element = ECH_F32; element <= ECH_Q8; element++) {
        CHECK(ech_element_name(element), "element %d has no name", element);
        CHECK(ech_element_bytes_per_row(element, 33) == bytes_of_33[element],
              "33 columns of element %d take %lld bytes", element, (long long)ech_element_bytes_per_row(element, 33));
    }
    CHECK(!ech_element_name(-1) && !ech_element_name(ECH_Q8 + 1), "unknown elements have names");
    CHECK(ech_element_bytes_per_row(-1, 1) == 0, "an unknown element has a size");
    for (int format = 0; format < ECH_CACHE_FORMAT_COUNT; format++)
        CHECK(ech_cache_format_name(format), "cache format %d has no name", format);
    CHECK(!ech_cache_format_name(-1) && !ech_cache_format_name(ECH_CACHE_FORMAT_COUNT),
          "unknown cache formats have names");
}

/// What the executor says of a cache's bytes is what a session maps.
static void test_cache_bytes(void) {
    const ech_cache caches[] = {{3, 40, 1}, {2, 96, 0}};
    static const int64_t entry_bytes[][2] = {
        {3 * 2 * 48 * 4, 2 * 2 * 96 * 4}, {3 * 2 * 48 * 2, 2 * 2 * 96 * 2}, {3 * 2 * (48 + 4), 2 * 2 * (96 + 4)}};
    enum { SLOTS = 2, CONTEXT = 65, POSITIONS = 128, BUDGET = 5, EXTRAS = SLOTS * CONTEXT * 5 + 64 };
    for (int format = 0; format < ECH_CACHE_FORMAT_COUNT; format++) {
        int64_t bytes = 0;
        for (int k = 0; k < 2; k++) {
            const int64_t known = ech_cache_entry_bytes(&caches[k], format);
            CHECK(known == entry_bytes[format][k], "cache %d in format %d: %lld bytes", k, format, (long long)known);
            bytes += known * (caches[k].recurrent ? BUDGET : 1);
        }
        char message[ECH_MESSAGE_SIZE] = "";
        ech_session *session = ech_session_create(caches, 2, SLOTS, CONTEXT, BUDGET, format, message);
        CHECK(session, "%s", message);
        if (!session) continue;
        CHECK(session->cache_memory.bytes == SLOTS * POSITIONS * bytes + EXTRAS, "format %d maps %lld bytes", format,
              (long long)session->cache_memory.bytes);
        const char *begin = session->cache_memory.data;
        CHECK((const char *)session->depth - begin == SLOTS * POSITIONS * bytes, "format %d places %lld bytes", format,
              (long long)((const char *)session->depth - begin));
        ech_session_destroy(session);
    }
    const ech_cache none = {0, 40, 1};
    CHECK(ech_cache_entry_bytes(&none, ECH_CACHE_F32) == 0, "a cache of no heads takes memory");
    CHECK(ech_cache_entry_bytes(&caches[0], ECH_CACHE_FORMAT_COUNT) == 0, "an unknown format takes memory");
}

/// Rows and columns inside and at the ends of strips and blocks.
static void test_read_row(void) {
    static const int sizes[][2] = {{1, 1}, {32, 64}, {33, 65}, {70, 130}};
    for (int format = 0; format < ECH_FORMAT_COUNT; format++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            const int rows = sizes[s][0], columns = sizes[s][1];
            float *data = random_floats((int64_t)rows * columns), *row = malloc((size_t)columns * sizeof *row);
            tape t = {0};
            const ech_weight weight = t.weights[tape_weight(&t, format, rows, columns, data)];
            round_weight(format, rows, columns, data);
            CHECK(ech_format_bytes(format, rows, columns) == weight.bytes, "format %d: %lld bytes, not %lld", format,
                  (long long)ech_format_bytes(format, rows, columns), (long long)weight.bytes);
            for (int i = 0; i < rows; i++) {
                CHECK(ech_format_read_row(format, weight.data, weight.bytes, rows, columns, i, row),
                      "row %d is refused", i);
                CHECK(memcmp(row, data + i * columns, (size_t)columns * sizeof *row) == 0,
                      "format %d: row %d of %d × %d differs", format, i, rows, columns);
            }
            CHECK(!ech_format_read_row(format, weight.data, weight.bytes, rows, columns, rows, row),
                  "a row too many is read");
            CHECK(!ech_format_read_row(format, weight.data, weight.bytes, rows, columns, -1, row), "row -1 is read");
            CHECK(!ech_format_read_row(format, weight.data, weight.bytes - 1, rows, columns, 0, row),
                  "short data is read");
            CHECK(!ech_format_read_row(format, NULL, weight.bytes, rows, columns, 0, row), "no data is read");
            CHECK(!ech_format_read_row(ECH_FORMAT_COUNT, weight.data, weight.bytes, rows, columns, 0, row),
                  "an unknown format is read");
            tape_free(&t);
            free(data), free(row);
        }
}

static void test_format_limits(void) {
    for (int format = 0; format < ECH_FORMAT_COUNT; format++) {
        const ech_format_form *form = ech_format_describe(format);
        CHECK(form->name && form->input == input_element(format), "format %d is described differently", format);
        CHECK(ech_format_bytes(format, ECH_WIDTH_LIMIT, ECH_WIDTH_LIMIT) > 0, "format %d overflows", format);
        CHECK(ech_format_bytes(format, 0, 1) == 0 && ech_format_bytes(format, 1, ECH_WIDTH_LIMIT + 1) == 0,
              "format %d has bytes for sizes out of range", format);
    }
    CHECK(!ech_format_describe(-1) && !ech_format_describe(ECH_FORMAT_COUNT), "unknown formats are described");
    CHECK(ech_format_bytes(-1, 1, 1) == 0, "an unknown format has bytes");
}

int main(void) {
    run_test("every opcode has a record", test_operations);
    run_test("every element and cache format has a record", test_elements);
    run_test("a cache takes the bytes that the executor says", test_cache_bytes);
    run_test("a format reads the rows that were packed", test_read_row);
    run_test("every format has a record, and sizes out of range have no bytes", test_format_limits);
    return tests_finished();
}
