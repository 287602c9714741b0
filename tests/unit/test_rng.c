/* The random stream against tests/golden/prng.json: published vectors and what
 * JAX prints. */
#include "model/rng.h"

#include <jansson.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static json_t *golden;

static int load(void **state)
{
    (void)state;
    json_error_t error;
    golden = json_load_file("tests/golden/prng.json", 0, &error);
    return golden ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(golden);
    return 0;
}

static json_t *get(const char *name)
{
    json_t *value = json_object_get(golden, name);
    assert_non_null(value);
    return value;
}

static uint32_t word(json_t *array, size_t i)
{
    json_t *value = json_array_get(array, i);
    assert_true(json_is_integer(value));
    return (uint32_t)json_integer_value(value);
}

static xt_key key_at(json_t *array)
{
    return (xt_key){word(array, 0), word(array, 1)};
}

static void assert_key(xt_key key, json_t *expected)
{
    assert_int_equal(key.hi, word(expected, 0));
    assert_int_equal(key.lo, word(expected, 1));
}

static void threefry_known_answers(void **state)
{
    (void)state;
    json_t *answers = get("known_answers");
    assert_int_equal(json_array_size(answers), 3);
    for (size_t i = 0; i < json_array_size(answers); i++) {
        json_t *row = json_array_get(answers, i), *counter = json_object_get(row, "counter");
        assert_key(xt_threefry(key_at(json_object_get(row, "key")), word(counter, 0), word(counter, 1)),
                   json_object_get(row, "result"));
    }
}

static void check_split(xt_key key, const char *name)
{
    json_t *rows = get(name);
    uint32_t n = (uint32_t)json_array_size(rows);
    for (uint32_t i = 0; i < n; i++)
        assert_key(xt_key_split(key, n, i), json_array_get(rows, i));
}

static void split_depends_on_n(void **state)
{
    (void)state;
    xt_key zero = xt_key_of_seed(0);
    check_split(zero, "split_key0_2");
    check_split(zero, "split_key0_3");
    check_split(zero, "split_key0_4");
    check_split(xt_key_split(zero, 2, 0), "split_of_first");
    check_split(xt_key_of_seed(42), "split_key42");
}

static void fold_in_pair(void **state)
{
    (void)state;
    json_t *expected = get("fold_in_key0_4");
    xt_key folded = xt_key_fold_in(xt_key_of_seed(0), 4);
    (void)expected;
    assert_int_equal(folded.hi, word(expected, 0));
    assert_int_equal(folded.lo, word(expected, 1));
}

static void check_bits(uint64_t seed, const char *name)
{
    json_t *words = get(name);
    size_t n = json_array_size(words);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(xt_bits_at(xt_key_of_seed(seed), n, i), word(words, i));
}

static void bits_even_and_odd(void **state)
{
    (void)state;
    check_bits(0, "bits_key0_1");
    check_bits(0, "bits_key0_3");
    check_bits(1, "bits_key1_1");
}

static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-6 * fabs(expected)))
        fail_msg("%.9g is not %.9g", value, expected);
}

static void normal_values(void **state)
{
    (void)state;
    assert_near((double)xt_normal_at((xt_key){2718843009u, 1272950319u}, 1, 0),
                json_real_value(get("normal_2718843009_1272950319")));
    json_t *four = get("normal_key0_4");
    for (size_t i = 0; i < 4; i++)
        assert_near((double)xt_normal_at(xt_key_of_seed(0), 4, i), json_real_value(json_array_get(four, i)));
}

/* Around the runs in which it draws, and where one word has no partner. */
static void filling_draws_the_elements(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 7, 48, 255, 256, 511, 512, 513, 514, 515, 1023, 1024, 1025, 4999};
    float uniform[5000], normal[5000], truncated[5000];
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t n = sizes[k];
        xt_key key = xt_key_fold_in(xt_key_of_seed((uint64_t)time(NULL)), (uint32_t)n);
        uniform[n] = normal[n] = truncated[n] = 77;
        xt_uniform_fill(key, n, -0.3f, 0.7f, uniform);
        xt_normal_fill(key, n, normal);
        xt_truncated_normal_fill(key, n, -2, 2, truncated);
        for (size_t i = 0; i < n; i++)
            if (uniform[i] != xt_uniform_at(key, n, i, -0.3f, 0.7f) || normal[i] != xt_normal_at(key, n, i) ||
                truncated[i] != xt_truncated_normal_at(key, n, i, -2, 2))
                fail_msg("element %zu of %zu of key %08x%08x is another one", i, n, key.hi, key.lo);
        assert_true(uniform[n] == 77 && normal[n] == 77 && truncated[n] == 77);
    }
}

static void erfinv_inverts_erf(void **state)
{
    (void)state;
    for (int i = -999; i < 1000; i += 7) {
        float x = (float)i / 1000.0f;
        if (fabs(erf((double)xt_erfinv(x)) - (double)x) > 3e-7)
            fail_msg("erf(erfinv(%g)) is off", (double)x);
    }
}

static void truncated_normal_stays_inside(void **state)
{
    (void)state;
    double sum = 0, squares = 0;
    enum { N = 20000 };
    for (size_t i = 0; i < N; i++) {
        double z = (double)xt_truncated_normal_at(xt_key_of_seed(7), N, i, -2, 2);
        assert_true(z > -2 && z < 2);
        sum += z;
        squares += z * z;
    }
    assert_true(fabs(sum / N) < 0.02);
    /* the factor that the scaled initialisers divide by */
    assert_true(fabs(sqrt(squares / N) - 0.87962566103423978) < 0.01);
}

static void check_shuffle(uint64_t seed, uint32_t epoch, size_t n, uint32_t *order, uint64_t *work, unsigned char *seen)
{
    xt_key key = xt_key_fold_in(xt_key_fold_in(xt_key_of_seed(seed), 0x5348), epoch);
    xt_shuffle(seed, epoch, n, order, work);
    memset(seen, 0, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(order[i] < n);
        assert_false(seen[order[i]]++);
        uint32_t before = i ? xt_bits_at(key, n, order[i - 1]) : 0, bits = xt_bits_at(key, n, order[i]);
        assert_true(before < bits || (before == bits && (i == 0 || order[i - 1] < order[i])));
    }
}

static void shuffle_is_the_stable_argsort(void **state)
{
    (void)state;
    enum { MOST = 70000, N_LARGE = 5 };
    static const size_t large[N_LARGE] = {1000, 1001, 4096, 65537, MOST};
    static uint32_t order[MOST];
    static uint64_t work[2 * MOST];
    static unsigned char seen[MOST];
    for (size_t n = 1; n < 130; n++)
        check_shuffle(n * 0x100000001u, (uint32_t)n, n, order, work, seen);
    for (size_t i = 0; i < N_LARGE; i++)
        check_shuffle(3, (uint32_t)i, large[i], order, work, seen);
}

/* NUMERICS: an argsort under the purpose's key; from an independent program. */
static void permutations_of_a_purpose(void **state)
{
    (void)state;
    static const uint32_t of_zero[9] = {3, 1, 6, 5, 0, 4, 2, 7, 8}, of_seven[10] = {8, 3, 6, 7, 2, 4, 1, 0, 5, 9};
    uint32_t order[10];
    uint64_t work[20];
    xt_permute(0, XT_FOLD_SPLIT, 0, 9, order, work);
    assert_memory_equal(order, of_zero, sizeof of_zero);
    xt_permute(7, XT_FOLD_SPLIT, 0, 10, order, work);
    assert_memory_equal(order, of_seven, sizeof of_seven);
}

static void epochs_differ(void **state)
{
    (void)state;
    enum { N = 1001 };
    static uint32_t order[N], next[N];
    static uint64_t work[2 * N];
    size_t moved = 0;
    xt_shuffle(3, 0, N, order, work);
    xt_shuffle(3, 1, N, next, work);
    for (size_t i = 0; i < N; i++)
        moved += order[i] != next[i];
    assert_true(moved > N / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threefry_known_answers), cmocka_unit_test(split_depends_on_n),
        cmocka_unit_test(fold_in_pair), cmocka_unit_test(bits_even_and_odd),
        cmocka_unit_test(normal_values), cmocka_unit_test(filling_draws_the_elements),
        cmocka_unit_test(erfinv_inverts_erf), cmocka_unit_test(truncated_normal_stays_inside), cmocka_unit_test(shuffle_is_the_stable_argsort),
        cmocka_unit_test(epochs_differ), cmocka_unit_test(permutations_of_a_purpose),
    };
    return cmocka_run_group_tests_name("rng", tests, load, unload);
}
