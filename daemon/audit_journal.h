/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Audit lines for systemd's journal, with a field for each word. One thread. */
#pragma once

#include <stdbool.h>

/* Bytes of a line, its NUL included. */
#define AUDIT_LINE 1280

/* Of each entry: `journalctl MESSAGE_ID=...` finds all of them. */
#define AUDIT_MESSAGE_ID "6d3bb0b1c4a94d4e9c0f0e6f2b7a5c18"

/*
 * "key=value key=value": an entry of that text, and each word as a field (XENSHM_KEY=value).
 * Returns false when stderr is not the journal (JOURNAL_STREAM), or it does not take it, or without
 * libsystemd.
 */
bool audit_journal_send(const char *words);
