/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words for a shell that is not known: ssh hands its command to the login shell over there. Pure.
 */
#pragma once

#include <stdio.h>

/*
 * Writes `word` so that sh, bash, zsh, csh, fish and busybox read it as this one word, whatever is
 * in it but a line break: csh has no way to quote one, and takes what follows for a command of its
 * own. Ordinary names stay as they are.
 */
void shell_word_print(FILE *out, const char *word);
