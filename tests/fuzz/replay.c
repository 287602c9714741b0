/* Runs a fuzz target on files, without a fuzzer: the corpus as a test.
 *
 *     fuzz_csv FILE|DIRECTORY...
 *
 * A directory stands for the files in it. An input that breaks the target ends
 * the process by a signal or a sanitiser's report. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

/* The bytes in a block of just their size, so that a sanitiser sees a read past
 * the end. */
static bool run_file(const char *path)
{
    bool good = false;
    uint8_t *bytes = NULL;
    FILE *file = fopen(path, "rb");
    struct stat info;
    if (!file || fstat(fileno(file), &info) != 0)
        goto out;
    size_t n_bytes = (size_t)info.st_size;
    bytes = malloc(n_bytes ? n_bytes : 1);
    if (!bytes || fread(bytes, 1, n_bytes, file) != n_bytes)
        goto out;
    LLVMFuzzerTestOneInput(bytes, n_bytes);
    good = true;
out:
    if (!good)
        fprintf(stderr, "cannot read %s: %s\n", path, strerror(errno));
    free(bytes);
    if (file)
        fclose(file);
    return good;
}

static bool run_directory(DIR *dir, const char *path, size_t *n_inputs)
{
    bool good = true;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        good = run_file(name) && good;
        ++*n_inputs;
    }
    return good;
}

int main(int argc, char **argv)
{
    size_t n_inputs = 0;
    bool good = true;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir) {
            good = run_directory(dir, argv[i], &n_inputs) && good;
            closedir(dir);
        } else {
            good = run_file(argv[i]) && good;
            n_inputs++;
        }
    }
    if (!n_inputs)
        fprintf(stderr, "%s: no inputs\n", argv[0]);
    if (!n_inputs || !good)
        return 1;
    printf("%zu passed, 0 failed\n", n_inputs);
    return 0;
}
