/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"

void config_free_list(char **list)
{
    for (char **item = list; item && *item; item++)
        free(*item);
    free(list);
}

char **config_split_list(const char *text)
{
    size_t count = 0, room = strlen(text) / 2 + 2;
    char **list = calloc(room, sizeof(*list));

    while (list && *text) {
        size_t length;

        text += strspn(text, ", \t");
        length = strcspn(text, ", \t");
        if (length == 0)
            break;
        list[count] = strndup(text, length);
        if (!list[count++]) {
            config_free_list(list);
            return NULL;
        }
        text += length;
    }
    return list;
}

int config_set_text(char **target, const char *value)
{
    char *text;

    if (!value[0])
        return -EINVAL;
    text = strdup(value);
    if (!text)
        return -ENOMEM;
    free(*target);
    *target = text;
    return 0;
}

int config_set_list(char ***target, const char *value)
{
    char **list = config_split_list(value);

    if (!list)
        return -ENOMEM;
    config_free_list(*target);
    *target = list;
    return 0;
}

int config_set_number(uint64_t *target, const char *value, uint64_t min, uint64_t max,
                      uint64_t factor)
{
    size_t digits = strspn(value, "0123456789");
    uint64_t number;

    if (digits < 1 || digits > 9 || value[digits])
        return -EINVAL;
    number = strtoull(value, NULL, 10);
    if (number < min || number > max)
        return -EINVAL;
    *target = number * factor;
    return 0;
}

int config_set_size(uint64_t *target, const char *value, uint64_t min, uint64_t max)
{
    uint64_t bytes;

    if (size_parse(value, &bytes) != 0 || bytes < min || bytes > max)
        return -EINVAL;
    *target = bytes;
    return 0;
}

/* Behind a blank a ";" would begin a comment; before nothing it is not wanted. */
static const char *gap(const char *value)
{
    return value[0] == ';' || value[0] == '\0' ? "" : " ";
}

void config_show_text(FILE *out, const char *key, const char *value)
{
    if (value)
        fprintf(out, "%s =%s%s\n", key, gap(value), value);
    else
        fprintf(out, "; %s =\n", key);
}

void config_show_list(FILE *out, const char *key, char *const *list)
{
    fprintf(out, "%s =", key);
    for (char *const *item = list; *item; item++)
        fprintf(out, "%s%s%s", item == list ? "" : ",", gap(*item), *item);
    fputc('\n', out);
}

void config_show_number(FILE *out, const char *key, uint64_t value)
{
    fprintf(out, "%s = %" PRIu64 "\n", key, value);
}

void config_show_size(FILE *out, const char *key, uint64_t bytes)
{
    static const char *const units[] = { "", "K", "M", "G" };
    size_t unit = 0;

    while (unit < 3 && bytes && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    fprintf(out, "%s = %" PRIu64 "%s\n", key, bytes, units[unit]);
}
