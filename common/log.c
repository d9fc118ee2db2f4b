/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "utf8.h"

static const struct {
    const char *name;
    int priority; /* of syslog(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = { "error", 3 },
    [LOG_LEVEL_WARNING] = { "warning", 4 },
    [LOG_LEVEL_INFO] = { "info", 6 },
    [LOG_LEVEL_DEBUG] = { "debug", 7 },
};

static enum log_level log_limit = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
    log_limit = level;
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(levels[i].name, text) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
    return levels[level].name;
}

/* One write a line, so that lines never mix. There is nobody to tell when it fails. */
static void write_line(const char *line)
{
    if (write(STDERR_FILENO, line, strlen(line)) < 0)
        return;
}

void log_line(enum log_level level, const char *format, ...)
{
    char text[1024], line[1100];
    va_list ap;

    if (level > log_limit)
        return;
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    utf8_make_printable(text);
    if (getenv("JOURNAL_STREAM"))
        snprintf(line, sizeof(line), "<%d>%s\n", levels[level].priority, text);
    else
        snprintf(line, sizeof(line), "xenshmd: %s: %s\n", levels[level].name, text);
    write_line(line);
}

void log_audit(const char *text)
{
    char line[1400];

    /* 5: "notice" of syslog(3). */
    snprintf(line, sizeof(line),
             getenv("JOURNAL_STREAM") ? "<5>audit: %s\n" : "xenshmd: audit: %s\n", text);
    write_line(line);
}
