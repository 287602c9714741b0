/* What the OpenCL loader sees, told to a person who has no device. */
#include "ocl/device.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *default_dir = "/etc/OpenCL/vendors";

/* Whether the library loads; the loader's own words when not. Loading is what
 * the OpenCL loader has just done too, so nothing new runs. */
static void describe_library(const char *library, xt_buf *out)
{
    void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (handle) {
        xt_buf_printf(out, "%s loads, but offers no device", library);
        dlclose(handle);
        return;
    }
    const char *why = dlerror();
    xt_buf_printf(out, "%s", why ? why : library);
}

static void describe_file(const char *path, xt_buf *out)
{
    xt_buf_printf(out, "\n  %s: ", path);
    FILE *file = fopen(path, "r");
    char line[512];
    if (!file) {
        xt_buf_puts(out, "cannot be read");
        return;
    }
    bool got = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    line[got ? strcspn(line, "\r\n") : 0] = '\0';
    if (line[0])
        describe_library(line, out);
    else
        xt_buf_puts(out, "names no library");
}

static int is_icd(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".icd") == 0;
}

void xt_icd_describe(xt_buf *out)
{
    const char *place = getenv("OCL_ICD_VENDORS");
    if (!place || !*place)
        place = getenv("OPENCL_VENDOR_PATH");
    if (!place || !*place)
        place = default_dir;
    struct stat info;
    if (stat(place, &info) == 0 && S_ISREG(info.st_mode)) {
        describe_file(place, out);
        return;
    }
    struct dirent **entries = NULL;
    int n = scandir(place, &entries, is_icd, alphasort);
    if (n < 0)
        xt_buf_printf(out, "\n  %s: %s", place, strerror(errno));
    else if (n == 0)
        xt_buf_printf(out, "\n  %s: holds no .icd file", place);
    for (int i = 0; i < n; i++) {
        xt_buf path = {0};
        xt_buf_printf(&path, "%s/%s", place, entries[i]->d_name);
        describe_file(xt_buf_text(&path), out);
        xt_buf_clear(&path);
        free(entries[i]);
    }
    free(entries);
}
