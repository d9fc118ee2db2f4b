/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading JSON when memory may run out: in programs that hold pages for others.
 *
 * jansson (2.14) does not look whether the text of a token still fits into memory: a string or a
 * number may come out with a character missing, as another name that makes sense, and without its
 * closing quotation mark jansson reads on behind the end. So while it reads, no allocation fails:
 * the program ends instead, and the next one finds all that counts in the store.
 */
#pragma once

#include <stddef.h>

#include <jansson.h>

/*
 * As json_loadb(); ends the program without memory, so not for the client library. Not while
 * another thread uses jansson.
 */
json_t *json_text_read(const char *text, size_t length, size_t flags, json_error_t *ret_why);
