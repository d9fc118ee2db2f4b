/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* attach: pages for a guest, as a new segment of a given size or as a share of an existing one. */
#include "attachment.h"
#include "cleanup.h"
#include "commands.h"
#include "size_argument.h"

static enum exit_status show_attached(const struct invocation *invocation, json_t *result)
{
    return attachment_print(result) ? complain_memory(invocation) : STATUS_DONE;
}

static enum exit_status add_size_or_segment(const struct invocation *invocation, json_t *params)
{
    const char *size = invocation_argument(invocation, 1);
    const char *segment = options_value(&invocation->options, "segment");

    if (size && segment)
        return complain_usage(invocation, "SIZE and --segment exclude each other");
    if (!size && !segment)
        return complain_usage(invocation, "give a SIZE or --segment NAME");
    return size ? params_add_pages(invocation, params, size)
                : params_add(invocation, params, "segment", segment);
}

enum exit_status cmd_attach(const struct invocation *invocation)
{
    static const char *const texts[] = { "name", "pool", "address" };
    _cleanup_(cleanup_json) json_t *params = json_object();
    enum exit_status status;

    status = params_add(invocation, params, "guest", invocation_argument(invocation, 0));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && status == STATUS_DONE; i++)
        status =
            params_add(invocation, params, texts[i], options_value(&invocation->options, texts[i]));
    if (status == STATUS_DONE)
        status = add_size_or_segment(invocation, params);
    if (status != STATUS_DONE)
        return status;
    return invocation_call(invocation, "guest.attach", params, show_attached);
}
