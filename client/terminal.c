/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_DEFAULT 80

/* 0: it says nothing that can be used. */
static size_t columns_of_environment(void)
{
    const char *text = getenv("COLUMNS");

    if (!text || !*text || strspn(text, "0123456789") != strlen(text))
        return 0;
    return strtoul(text, NULL, 10);
}

/* 0: unknown, as on a serial line, or no terminal. */
static size_t columns_of_terminal(void)
{
    struct winsize size = { 0 };

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

size_t terminal_columns(void)
{
    size_t columns = columns_of_environment();

    if (columns == 0)
        columns = columns_of_terminal();
    if (columns == 0)
        columns = COLUMNS_DEFAULT;
    if (columns < TERMINAL_COLUMNS_MIN)
        return TERMINAL_COLUMNS_MIN;
    return columns > TERMINAL_COLUMNS_MAX ? TERMINAL_COLUMNS_MAX : columns;
}

/* By the text: setlocale() would need the locale's files, which small systems do not have. */
bool terminal_utf8(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *locale = getenv(names[i]), *charset;

        if (!locale || !*locale)
            continue;
        charset = strchr(locale, '.');
        return charset && (strncasecmp(charset + 1, "UTF-8", 5) == 0 ||
                           strncasecmp(charset + 1, "UTF8", 4) == 0);
    }
    return false;
}
