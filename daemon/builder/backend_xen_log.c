/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend_xen_private.h"

#include <stdio.h>
#include <string.h>

#include "log.h"

/* Behind "libxl_create.c:1250:initiate_domain_create: Domain 5:", which says nothing to users. */
static const char *skip_place(const char *text)
{
    const char *place = strstr(text, ".c:"), *end = place ? strstr(place, ": ") : NULL;
    unsigned domid;
    int length = 0;

    if (end)
        text = end + 2;
    /* NOLINTNEXTLINE(cert-err34-c): which number it is does not matter */
    if (sscanf(text, "Domain %u:%n", &domid, &length) == 1 && length > 0)
        text += length;
    return text;
}

__attribute__((format(printf, 5, 0))) static void
take_message(struct xentoollog_logger *logger, xentoollog_level level, int number,
             const char *context, const char *format, va_list arguments)
{
    struct xen_log *log = (struct xen_log *)logger;
    char text[512];
    const char *what;
    size_t length;

    if (level < XTL_WARN || log->quiet)
        return;
    vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    length = strlen(text);
    if (number >= 0)
        snprintf(text + length, sizeof(text) - length, ": %s", strerror(number));
    what = skip_place(text);
    if (level >= XTL_ERROR && !log->first_error[0])
        snprintf(log->first_error, sizeof(log->first_error), "%.*s",
                 (int)sizeof(log->first_error) - 1, what);
    log_line(level >= XTL_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "guest %s: %s: %s",
             log->guest, context, text);
}

static void take_progress(struct xentoollog_logger *logger, const char *context, const char *doing,
                          int percent, unsigned long done, unsigned long total)
{
}

static void end(struct xentoollog_logger *logger)
{
}

void xen_log_init(struct xen_log *log)
{
    *log = (struct xen_log){
        .logger = { .vmessage = take_message, .progress = take_progress, .destroy = end },
        .guest = "(unnamed)",
    };
}

void xen_log_forget(struct xen_log *log)
{
    log->first_error[0] = '\0';
}

const char *xen_log_reason(const struct xen_log *log, const char *otherwise)
{
    return log->first_error[0] ? log->first_error : otherwise;
}
