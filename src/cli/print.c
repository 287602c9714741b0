#include "base/file.h"
#include "base/terminal.h"
#include "cli/commands.h"

#include <unistd.h>

xt_status xt_print(const xt_buf *text, xt_err *err)
{
    if (text->failed)
        return xt_fail_memory(err, "the output", text->len);
    xt_terminal_clear();
    return xt_write_all(STDOUT_FILENO, "standard output", xt_buf_text(text), text->len, err);
}
