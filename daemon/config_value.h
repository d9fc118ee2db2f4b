/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The values of the configuration that more than one section has: what is set replaces, and frees,
 * what was there, since of a key that is repeated the last one counts. Pure.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

/* "a, b" -> { "a", "b", NULL }; NULL without memory. The caller frees it: config_free_list(). */
char **config_split_list(const char *text);
/* NULL is no list. */
void config_free_list(char **list);

/* Text that is not empty. Returns 0, -EINVAL or -ENOMEM; *target is then as it was. */
int config_set_text(char **target, const char *value);
/* A list as of config_split_list(). Returns 0 or -ENOMEM; *target is then as it was. */
int config_set_list(char ***target, const char *value);
/* A decimal number from `min` to `max`, times `factor`. Returns 0 or -EINVAL. */
int config_set_number(uint64_t *target, const char *value, uint64_t min, uint64_t max,
                      uint64_t factor);
/* Bytes, or a number with K, M or G, from `min` to `max`. Returns 0 or -EINVAL. */
int config_set_size(uint64_t *target, const char *value, uint64_t min, uint64_t max);

/* "key = value"; for a text that is NULL a comment, "; key =". */
void config_show_text(FILE *out, const char *key, const char *value);
void config_show_list(FILE *out, const char *key, char *const *list);
void config_show_number(FILE *out, const char *key, uint64_t value);
/* In the largest unit in which it is whole. */
void config_show_size(FILE *out, const char *key, uint64_t bytes);
