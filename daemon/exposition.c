/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exposition.h"

#include <math.h>
#include <string.h>

#include "utf8.h"

void exposition_begin(FILE *out, const struct exposition_family *family)
{
    fprintf(out, "# TYPE %s %s\n", family->name, family->type);
    if (family->unit)
        fprintf(out, "# UNIT %s %s\n", family->name, family->unit);
    fprintf(out, "# HELP %s %s\n", family->name, family->help);
}

void exposition_end(FILE *out)
{
    fputs("# EOF\n", out);
}

const char *exposition_number(double value, char text[static 32])
{
    if (isinf(value))
        return strcpy(text, "+Inf");
    snprintf(text, 32, "%.15g", value);
    if (!strpbrk(text, ".e"))
        strcat(text, ".0");
    return text;
}

/* Names of pools and versions come from outside: no control character gets further. */
static void print_label(FILE *out, const char *name, const char *value)
{
    char text[256];

    snprintf(text, sizeof(text), "%s", value);
    utf8_make_printable(text);
    fprintf(out, "%s=\"", name);
    for (const char *c = text; *c; c++) {
        if (*c == '\\' || *c == '"')
            fputc('\\', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

void exposition_sample(FILE *out, const struct exposition_family *family, const char *suffix,
                       const char *const *labels, double value)
{
    fprintf(out, "%s%s", family->name, suffix);
    for (size_t i = 0; labels && labels[i]; i += 2) {
        fputc(i ? ',' : '{', out);
        print_label(out, labels[i], labels[i + 1]);
    }
    fprintf(out, "%s %.15g\n", labels && labels[0] ? "}" : "", value);
}
