#include "config/config.h"
#include "cli/commands.h"

xt_status xt_cmd_config(const xt_options *options, xt_err *err)
{
    xt_config *config = NULL;
    xt_buf text = {0};
    xt_status status = XT_OK;
    if (options->document) {
        xt_config_document(&text);
    } else {
        status = xt_config_open(options->sources, options->n_sources, &config, err);
        if (!status && options->json) {
            xt_config_print_json(config, &text);
            xt_buf_puts(&text, "\n");
        } else if (!status) {
            xt_config_print(config, options->origins, &text);
        }
    }
    if (!status)
        status = xt_print(&text, err);
    xt_config_close(&config);
    xt_buf_clear(&text);
    return status;
}
