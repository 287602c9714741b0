/* The program: the command line in, one exit code out. The only file that
 * exits, and with base/log.c and base/terminal.c the only ones that write to stderr. */
#include "app/json.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/terminal.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/signals.h"
#include "ocl/cache.h"
#include "ocl/context.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A descriptor that is closed would be given to the next file that is opened,
 * and lines for a person would land in it. In its place stands one that fails
 * to write, as the closed one did. */
static void hold_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            _exit(XT_FAILED);
}

static void print_error(xt_err *err)
{
    xt_text_mask(err->text);
    xt_terminal_clear();
    bool placed = err->status == XT_BAD_CONFIG || err->status == XT_BAD_DATA;
    fprintf(stderr, "%s%s\n", placed ? "" : "xortrain: ", err->text);
}

#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#elif defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED
#endif

/* Whether the program ends by _exit. All is synced before, and what was written
 * went out unbuffered; what exit would add are the destructors of an OpenCL
 * driver's compiler: with PoCL's LLVM some milliseconds for memory that goes with
 * the process anyhow. A sanitizer reports at exit, and so do tools that are
 * loaded before us. */
static bool ends_at_once(void)
{
#ifdef SANITIZED
    return false;
#else
    return !getenv("LD_PRELOAD");
#endif
}

static _Noreturn void end(int code)
{
    if (!ends_at_once() || fflush(NULL) != 0)
        exit(code);
    _exit(code);
}

static xt_status run(const xt_options *options, xt_err *err)
{
    xt_buf text = {0};
    xt_status status;
    if (options->help || options->version) {
        if (options->version)
            xt_buf_printf(&text, "xortrain %s\n", XT_VERSION);
        else
            xt_options_help(options->named ? options->command : -1, &text);
        status = xt_print(&text, err);
    } else {
        status = xt_command_at(options->command)->run(options, err);
    }
    xt_buf_clear(&text);
    return status;
}

int main(int argc, char **argv)
{
    static xt_err err;
    xt_options options = {0};
    xt_seconds(); /* from here on */
    hold_standard_descriptors();
    xt_json_watch();
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is a write that fails, as on a full disk */
    if (ends_at_once())
        xt_contexts_end_with_process(true);
    xt_status status = xt_options_parse(argc, argv, &options, &err);
    if (!status) {
        xt_log_set(options.quiet ? XT_QUIET : options.verbose ? XT_VERBOSE : XT_NORMAL);
        if (!options.quiet && !options.no_progress)
            xt_terminal_allow();
        if (options.no_cache)
            xt_cache_forbid();
        status = run(&options, &err);
    }
    if (status)
        print_error(&err);
    xt_terminal_clear();
    xt_options_clear(&options);
    /* Also when it came after the last epoch, or saving failed: a shell's loop is to stop. */
    if (xt_stop)
        xt_signals_die(xt_stop);
    end((int)status);
}
