/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shares.h"

#include <string.h>

#include "cleanup.h"
#include "size_argument.h"
#include "xl_config.h"

struct reader {
    const struct invocation *invocation;
    json_t *shares; /* owned */
    json_t *share;  /* in shares: the last one so far; NULL: none yet */
};

static void reader_clear(struct reader *reader)
{
    json_decref(reader->shares);
}

static enum exit_status begin(struct reader *reader)
{
    reader->share = json_object();
    if (json_array_append_new(reader->shares, reader->share) != 0)
        return complain_memory(reader->invocation);
    return STATUS_DONE;
}

static enum exit_status take_argument(struct reader *reader, const char *argument)
{
    enum exit_status status;

    if (xl_config_is_setting(argument))
        return STATUS_DONE;
    status = begin(reader);
    return status ? status : params_add_pages(reader->invocation, reader->share, argument);
}

static enum exit_status take_segment(struct reader *reader, const char *segment)
{
    enum exit_status status = begin(reader);

    return status ? status : params_add(reader->invocation, reader->share, "segment", segment);
}

static enum exit_status check_detail(const struct reader *reader, const char *name)
{
    const char *segment = json_string_value(json_object_get(reader->share, "segment"));

    if (!reader->share)
        return complain_usage(reader->invocation,
                              "--%s stands before any share; give it after the SIZE%s it is for",
                              name, strcmp(name, "address") == 0 ? " or --segment" : "");
    if (json_object_get(reader->share, name))
        return complain_usage(reader->invocation, "--%s is given twice for one share", name);
    if (segment && strcmp(name, "address") != 0)
        return complain_usage(reader->invocation, "--%s is for a SIZE, segment '%s' has its own",
                              name, segment);
    return STATUS_DONE;
}

static bool is_detail(const char *name)
{
    return strcmp(name, "name") == 0 || strcmp(name, "pool") == 0 || strcmp(name, "address") == 0;
}

static enum exit_status take_option(struct reader *reader, const struct option_given *given)
{
    const char *name = given->option->name;
    enum exit_status status;

    if (strcmp(name, "segment") == 0)
        return take_segment(reader, given->value);
    if (!is_detail(name))
        return STATUS_DONE;
    status = check_detail(reader, name);
    return status ? status : params_add(reader->invocation, reader->share, name, given->value);
}

/* Arguments and options are two lists; here they are one again, in the order of the line. */
static enum exit_status read_all(struct reader *reader)
{
    const struct invocation *invocation = reader->invocation;
    const struct options *options = &invocation->options;
    enum exit_status status = STATUS_DONE;
    size_t option = 0;

    for (size_t i = 1; status == STATUS_DONE && i <= invocation->argument_count; i++) {
        while (status == STATUS_DONE && option < options->given_count &&
               invocation_option_place(invocation, &options->given[option]) <= i)
            status = take_option(reader, &options->given[option++]);
        if (status == STATUS_DONE && i < invocation->argument_count)
            status = take_argument(reader, invocation->arguments[i]);
    }
    return status;
}

enum exit_status shares_read(const struct invocation *invocation, json_t **ret_shares)
{
    _cleanup_(reader_clear) struct reader reader = { invocation, json_array(), NULL };
    enum exit_status status;

    if (!reader.shares)
        return complain_memory(invocation);
    status = read_all(&reader);
    if (status == STATUS_DONE)
        *ret_shares = steal_pointer(&reader.shares);
    return status;
}
