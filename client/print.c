/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "print.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "terminal.h"
#include "text.h"
#include "utf8.h"

void print_begin(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        /* Open for the wrong direction, so that using it fails as it would have. */
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
            return;
}

int print_end(void)
{
    bool lost = ferror(stdout);

    if (fclose(stdout) != 0)
        return -errno;
    return lost ? PRINT_E_LOST : 0;
}

bool print_colour(void)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    return !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0) &&
           isatty(STDOUT_FILENO);
}

const char *print_size(uint64_t bytes, char buffer[static SIZE_TEXT_MAX])
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    unsigned largest = 0, exact = 0;

    while (largest < 6 && bytes >> (10 * (largest + 1)))
        largest++;
    while (exact < largest && (bytes & ((UINT64_C(1) << (10 * (exact + 1))) - 1)) == 0)
        exact++;
    /* One decimal of the unit above is exact in halves only: 1.5 MiB. */
    if (exact == largest || (exact + 1 == largest && (bytes >> (10 * exact)) % 512 == 0))
        return size_format(bytes, buffer);
    snprintf(buffer, SIZE_TEXT_MAX, "%" PRIu64 " %s", bytes >> (10 * exact), units[exact]);
    return buffer;
}

size_t print_limit(void)
{
    return isatty(STDOUT_FILENO) ? terminal_columns() : 0;
}

int print_text(const char *format, ...)
{
    char *text;
    va_list ap;
    int length;

    va_start(ap, format);
    length = vasprintf(&text, format, ap);
    va_end(ap);
    if (length < 0)
        return -ENOMEM;
    utf8_make_printable(text);
    puts(text);
    free(text);
    return 0;
}

int print_paragraph(FILE *out, size_t limit, const char *format, ...)
{
    _cleanup_(cleanup_free) char *text = NULL;
    const char *indent = "";
    va_list ap;
    int length;

    va_start(ap, format);
    length = vasprintf(&text, format, ap);
    va_end(ap);
    if (length < 0) {
        text = NULL;
        return -ENOMEM;
    }
    utf8_make_printable(text);
    for (const char *rest = text; *rest; indent = "  ") {
        struct text_line line = text_break(rest, limit ? limit - strlen(indent) : SIZE_MAX);

        fprintf(out, "%s%.*s\n", indent, (int)line.bytes, rest);
        rest = line.rest;
    }
    return 0;
}

static char *scalar_text(const json_t *value)
{
    if (json_is_string(value))
        return strdup(json_string_value(value));
    if (json_is_boolean(value))
        return strdup(json_is_true(value) ? "yes" : "no");
    if (json_is_number(value))
        return json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    return strdup("-");
}

char *print_value(const json_t *value)
{
    char *text = scalar_text(value);

    if (text)
        utf8_make_printable(text);
    return text;
}

const char *print_member(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "-";
}

const char *print_member_size(const json_t *object, const char *key,
                              char buffer[static SIZE_TEXT_MAX])
{
    const json_t *bytes = json_object_get(object, key);

    if (!json_is_integer(bytes) || json_integer_value(bytes) < 0)
        return strcpy(buffer, "-");
    return print_size((uint64_t)json_integer_value(bytes), buffer);
}

static int print_line(FILE *out, const char *key, const json_t *value)
{
    _cleanup_(cleanup_free) char *name = strdup(key), *text = print_value(value);

    if (!name || !text)
        return -ENOMEM;
    utf8_make_printable(name);
    fprintf(out, "%s: %s\n", name, text);
    return 0;
}

/* The value at `inner`, under the name outer.inner. */
static int print_inner(FILE *out, const char *outer, const char *inner, const json_t *value)
{
    char *key;
    int r;

    if (asprintf(&key, "%s%s%s", outer, *outer ? "." : "", inner) < 0)
        return -ENOMEM;
    r = print_flat(out, key, value);
    free(key);
    return r;
}

static int print_object(FILE *out, const char *key, json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value) {
        int r = print_inner(out, key, name, value);

        if (r)
            return r;
    }
    return 0;
}

static int print_array(FILE *out, const char *key, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        char index[24];
        int r;

        snprintf(index, sizeof(index), "%zu", i);
        r = print_inner(out, key, index, json_array_get(array, i));
        if (r)
            return r;
    }
    return 0;
}

int print_flat(FILE *out, const char *key, const json_t *value)
{
    if (json_object_size(value) > 0)
        return print_object(out, key, (json_t *)value);
    if (json_array_size(value) > 0)
        return print_array(out, key, value);
    return print_line(out, key, value);
}
