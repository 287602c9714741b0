/* Failures on demand: linked with --wrap for every __wrap_ function here, so that
 * only our own calls and those of the archives in the program can fail, never
 * those inside an OpenCL driver.
 *
 * XT_FAULT=FAMILY:N makes the Nth call of the family fail, once (a disk that is
 * full stays so for the next write: "short"). XT_FAULT_LOG=FILE gets a line when
 * it did: the function, and the file or the place in the program that called it. */
#define _GNU_SOURCE /* dladdr, dlinfo */
#include <CL/cl.h>
#include <csv.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FAMILIES(row)                                                          \
    row(memory) row(write) row(short) row(sync) row(rename) row(open) row(file) row(room) row(cl) row(load)

#define NUMBER(name) FAMILY_##name,
enum family { FAMILIES(NUMBER) N_FAMILIES };
#undef NUMBER

#define NAME(name) #name,
static const char *const names[N_FAMILIES] = {FAMILIES(NAME)};
#undef NAME

static enum family family = N_FAMILIES;
static unsigned long nth;
static atomic_ulong count;

#define WRAP(name) __typeof__(name) __real_##name, __wrap_##name
WRAP(write);
WRAP(open);
WRAP(close);

__attribute__((constructor)) static void read_wish(void)
{
    const char *wish = getenv("XT_FAULT"), *colon = wish ? strchr(wish, ':') : NULL;
    if (!wish)
        return;
    for (int i = 0; colon && i < N_FAMILIES; i++)
        if (strlen(names[i]) == (size_t)(colon - wish) && strncmp(names[i], wish, strlen(names[i])) == 0)
            family = (enum family)i;
    nth = colon ? strtoul(colon + 1, NULL, 10) : 0;
    if (family == N_FAMILIES || !nth) {
        fprintf(stderr, "XT_FAULT is '%s'; expected FAMILY:N\n", wish);
        _exit(125);
    }
}

/* path: what the call was about; else fd is, and where there is neither the place in the program. */
static void tell(const char *what, const char *path, int fd, const void *caller)
{
    const char *log = getenv("XT_FAULT_LOG");
    char line[512], link[64], target[256] = "";
    Dl_info info;
    int file = log ? __real_open(log, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;
    if (file < 0)
        return;
    if (!path && fd >= 0) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, target, sizeof target - 1);
        target[n < 0 ? 0 : n] = '\0';
        path = target;
    }
    size_t place = 0;
    if (!path && dladdr(caller, &info))
        place = (size_t)((const char *)caller - (const char *)info.dli_fbase);
    int n = path ? snprintf(line, sizeof line, "%s %s\n", what, path)
                 : snprintf(line, sizeof line, "%s 0x%zx\n", what, place);
    __real_write(file, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
    __real_close(file);
}

static bool strikes(enum family of, const char *what, const char *path, int fd, const void *caller)
{
    if (of != family || atomic_fetch_add(&count, 1) + 1 != nth)
        return false;
    tell(what, path, fd, caller);
    return true;
}

#define STRIKES(of, what, path, fd) strikes(FAMILY_##of, #what, path, fd, __builtin_return_address(0))

/* ---- memory ---- */

#define MEMORY(type, name, parameters, arguments)                              \
    WRAP(name);                                                                \
    type __wrap_##name parameters                                              \
    {                                                                          \
        if (STRIKES(memory, name, NULL, -1)) {                                 \
            errno = ENOMEM;                                                    \
            return NULL;                                                       \
        }                                                                      \
        return __real_##name arguments;                                        \
    }
MEMORY(void *, malloc, (size_t n), (n))
MEMORY(void *, calloc, (size_t n, size_t size), (n, size))
MEMORY(void *, realloc, (void *old, size_t n), (old, n))
MEMORY(char *, strdup, (const char *text), (text))
MEMORY(char *, realpath, (const char *path, char *out), (path, out))

/* libcsv is a shared library, but asks whom to take memory from. */
WRAP(csv_init);
int __wrap_csv_init(struct csv_parser *parser, unsigned char options)
{
    int failed = __real_csv_init(parser, options);
    csv_set_realloc_func(parser, __wrap_realloc);
    return failed;
}

/* ---- files ---- */

static int fail(int number)
{
    errno = number;
    return -1;
}

static int full = -1; /* the descriptor whose disk has become full */

ssize_t __wrap_write(int fd, const void *bytes, size_t n)
{
    if (fd == full) {
        full = -1;
        return fail(ENOSPC);
    }
    if (STRIKES(write, write, NULL, fd))
        return fail(ENOSPC);
    if (n > 1 && STRIKES(short, write, NULL, fd)) {
        full = fd;
        n /= 2;
    }
    return __real_write(fd, bytes, n);
}

static mode_t mode_of(int flags, va_list arguments)
{
    return flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return STRIKES(open, open, path, -1) ? fail(EMFILE) : __real_open(path, flags, mode);
}

WRAP(openat);
int __wrap_openat(int dir, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return STRIKES(open, openat, NULL, dir) ? fail(EMFILE) : __real_openat(dir, path, flags, mode);
}

WRAP(fopen);
FILE *__wrap_fopen(const char *path, const char *mode)
{
    if (!STRIKES(open, fopen, path, -1))
        return __real_fopen(path, mode);
    errno = EMFILE;
    return NULL;
}

WRAP(fdopendir);
DIR *__wrap_fdopendir(int fd)
{
    if (!STRIKES(open, fdopendir, NULL, fd))
        return __real_fdopendir(fd);
    errno = ENOMEM;
    return NULL;
}

/* Linux gives the descriptor back whatever close returns. */
int __wrap_close(int fd)
{
    bool fails = STRIKES(file, close, NULL, fd);
    int failed = __real_close(fd);
    return fails ? fail(EIO) : failed;
}

#define CALL(of, type, name, parameters, arguments, path, fd, number)          \
    WRAP(name);                                                                \
    type __wrap_##name parameters                                              \
    {                                                                          \
        return STRIKES(of, name, path, fd) ? fail(number) : __real_##name arguments; \
    }
CALL(sync, int, fsync, (int fd), (fd), NULL, fd, EIO)
CALL(sync, int, fdatasync, (int fd), (fd), NULL, fd, EIO)
CALL(rename, int, rename, (const char *from, const char *to), (from, to), to, -1, ENOSPC)
CALL(rename, int, renameat, (int from_dir, const char *from, int to_dir, const char *to),
     (from_dir, from, to_dir, to), NULL, to_dir, ENOSPC)
CALL(file, int, access, (const char *path, int mode), (path, mode), path, -1, EIO)
CALL(file, int, fchmod, (int fd, mode_t mode), (fd, mode), NULL, fd, EIO)
CALL(file, int, flock, (int fd, int how), (fd, how), NULL, fd, ENOLCK)
CALL(file, int, fstat, (int fd, struct stat *out), (fd, out), NULL, fd, EIO)
CALL(file, int, fstatat, (int dir, const char *path, struct stat *out, int flags), (dir, path, out, flags), NULL, dir,
     EIO)
CALL(room, int, fstatvfs, (int fd, struct statvfs *out), (fd, out), NULL, fd, EIO)
CALL(file, int, ftruncate, (int fd, off_t length), (fd, length), NULL, fd, EIO)
CALL(file, int, futimens, (int fd, const struct timespec *times), (fd, times), NULL, fd, EIO)
CALL(file, off_t, lseek, (int fd, off_t at, int whence), (fd, at, whence), NULL, fd, EIO)
CALL(file, int, lstat, (const char *path, struct stat *out), (path, out), path, -1, EIO)
CALL(file, int, mkdir, (const char *path, mode_t mode), (path, mode), path, -1, EIO)
CALL(file, int, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode), NULL, dir, EIO)
CALL(file, ssize_t, read, (int fd, void *to, size_t n), (fd, to, n), NULL, fd, EIO)
CALL(file, int, stat, (const char *path, struct stat *out), (path, out), path, -1, EIO)
CALL(file, int, statvfs, (const char *path, struct statvfs *out), (path, out), path, -1, EIO)
CALL(file, int, unlink, (const char *path), (path), path, -1, EIO)
CALL(file, int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags), NULL, dir, EIO)

/* ---- OpenCL: all that src/ocl calls but what releases ---- */

#define CL(name, parameters, arguments)                                        \
    WRAP(name);                                                                \
    cl_int __wrap_##name parameters                                            \
    {                                                                          \
        return STRIKES(cl, name, NULL, -1) ? CL_OUT_OF_RESOURCES : __real_##name arguments; \
    }
#define CL_OBJECT(type, name, parameters, arguments)                           \
    WRAP(name);                                                                \
    type __wrap_##name parameters                                              \
    {                                                                          \
        if (!STRIKES(cl, name, NULL, -1))                                      \
            return __real_##name arguments;                                    \
        *code = CL_OUT_OF_RESOURCES;                                           \
        return NULL;                                                           \
    }
#define WAIT cl_uint n_wait, const cl_event *wait, cl_event *event
#define INFO cl_uint what, size_t n, void *out, size_t *used

CL(clBuildProgram,
   (cl_program program, cl_uint n, const cl_device_id *devices, const char *options,
    void(CL_CALLBACK *notify)(cl_program, void *), void *data),
   (program, n, devices, options, notify, data))
CL(clEnqueueFillBuffer,
   (cl_command_queue queue, cl_mem buffer, const void *pattern, size_t pattern_bytes, size_t at, size_t n, WAIT),
   (queue, buffer, pattern, pattern_bytes, at, n, n_wait, wait, event))
CL(clEnqueueNDRangeKernel,
   (cl_command_queue queue, cl_kernel kernel, cl_uint n_dims, const size_t *offset, const size_t *global,
    const size_t *local, WAIT),
   (queue, kernel, n_dims, offset, global, local, n_wait, wait, event))
CL(clEnqueueReadBuffer, (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t at, size_t n, void *to, WAIT),
   (queue, buffer, blocking, at, n, to, n_wait, wait, event))
CL(clEnqueueUnmapMemObject, (cl_command_queue queue, cl_mem buffer, void *at, WAIT),
   (queue, buffer, at, n_wait, wait, event))
CL(clEnqueueWriteBuffer,
   (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t at, size_t n, const void *from, WAIT),
   (queue, buffer, blocking, at, n, from, n_wait, wait, event))
CL(clFinish, (cl_command_queue queue), (queue))
CL(clFlush, (cl_command_queue queue), (queue))
CL(clGetDeviceIDs, (cl_platform_id platform, cl_device_type type, cl_uint n, cl_device_id *out, cl_uint *n_out),
   (platform, type, n, out, n_out))
CL(clGetDeviceInfo, (cl_device_id device, INFO), (device, what, n, out, used))
CL(clGetKernelWorkGroupInfo, (cl_kernel kernel, cl_device_id device, INFO), (kernel, device, what, n, out, used))
CL(clGetPlatformIDs, (cl_uint n, cl_platform_id *out, cl_uint *n_out), (n, out, n_out))
CL(clGetPlatformInfo, (cl_platform_id platform, INFO), (platform, what, n, out, used))
CL(clGetProgramBuildInfo, (cl_program program, cl_device_id device, INFO), (program, device, what, n, out, used))
CL(clGetProgramInfo, (cl_program program, INFO), (program, what, n, out, used))
CL(clSetKernelArg, (cl_kernel kernel, cl_uint i, size_t size, const void *value), (kernel, i, size, value))
CL_OBJECT(cl_mem, clCreateBuffer, (cl_context context, cl_mem_flags flags, size_t n, void *host, cl_int *code),
          (context, flags, n, host, code))
CL_OBJECT(cl_command_queue, clCreateCommandQueue,
          (cl_context context, cl_device_id device, cl_command_queue_properties properties, cl_int *code),
          (context, device, properties, code))
CL_OBJECT(cl_context, clCreateContext,
          (const cl_context_properties *properties, cl_uint n, const cl_device_id *devices,
           void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *data, cl_int *code),
          (properties, n, devices, notify, data, code))
CL_OBJECT(void *, clEnqueueMapBuffer,
          (cl_command_queue queue, cl_mem buffer, cl_bool blocking, cl_map_flags how, size_t at, size_t n, WAIT,
           cl_int *code),
          (queue, buffer, blocking, how, at, n, n_wait, wait, event, code))
CL_OBJECT(cl_kernel, clCreateKernel, (cl_program program, const char *name, cl_int *code), (program, name, code))
CL_OBJECT(cl_program, clCreateProgramWithBinary,
          (cl_context context, cl_uint n, const cl_device_id *devices, const size_t *sizes, const unsigned char **texts,
           cl_int *accepted, cl_int *code),
          (context, n, devices, sizes, texts, accepted, code))
CL_OBJECT(cl_program, clCreateProgramWithSource,
          (cl_context context, cl_uint n, const char **texts, const size_t *sizes, cl_int *code),
          (context, n, texts, sizes, code))

/* ---- libraries and threads ---- */

static bool told; /* that dlerror is to say what it would of a real failure */

#define LOAD(name, parameters, arguments)                                      \
    WRAP(name);                                                                \
    void *__wrap_##name parameters                                             \
    {                                                                          \
        told = STRIKES(load, name, NULL, -1);                                  \
        return told ? NULL : __real_##name arguments;                          \
    }
LOAD(dlopen, (const char *name, int flags), (name, flags))
LOAD(dlsym, (void *library, const char *name), (library, name))

WRAP(dlerror);
char *__wrap_dlerror(void)
{
    static char text[] = "cannot be loaded";
    return told ? text : __real_dlerror();
}

WRAP(pthread_create);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*function)(void *), void *argument)
{
    return STRIKES(load, pthread_create, NULL, -1) ? EAGAIN : __real_pthread_create(thread, how, function, argument);
}
