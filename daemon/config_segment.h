/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The [segment NAME] sections of the configuration. Pure. */
#pragma once

#include "config.h"

/* NAME, if `section` (what is between the brackets) is that of a segment, or NULL; "": no name. */
const char *config_segment_name(const char *section);

/*
 * Begins the section of a segment, the last of config->orders until the next one begins. Returns 0,
 * or error->code: not a name, or one that an earlier section has.
 */
int config_segment_begin(struct config *config, const char *name, int line, struct error *error);

/* Sets one key of the segment that was begun last. Returns 0, or error->code with "KEY: reason". */
int config_segment_set(struct config *config, const char *key, const char *value,
                       struct error *error);

/*
 * After the end of the file. Returns 0, or error->code with "KEY: reason" and the line of the first
 * section that lacks a key in *ret_line.
 */
int config_segment_check(const struct config *config, int *ret_line, struct error *error);

/* For config_show(): each with all its keys. */
void config_segments_show(const struct config *config, FILE *out);

/* For config_clear(). */
void config_segments_clear(struct config *config);
