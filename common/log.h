/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The log: one line an event on stderr, with the object named.
 *
 * Under systemd (JOURNAL_STREAM set) each line has the "<N>" priority prefix of sd-daemon(3);
 * otherwise the level in words. Text from outside is made printable. The level is the one piece of
 * process-wide state of the project: set at the start and when the configuration is read again. Any
 * thread.
 */
#pragma once

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

/* Lines above `level` are dropped. */
void log_set_level(enum log_level level);
/* "error", "warning", "info", "debug". Returns 0 or -EINVAL. */
int log_level_parse(const char *text, enum log_level *ret_level);

const char *log_level_name(enum log_level level);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line of the audit: printable, without a newline. No level holds it back. */
void log_audit(const char *text);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
