/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scope-bound ownership, as systemd and dbus-broker have it: a local that owns something is
 * declared with _cleanup_(), and handed on with steal_pointer() or steal_fd().
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#define _cleanup_(function) __attribute__((__cleanup__(function)))

static inline void cleanup_free(void *p)
{
    free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void cleanup_fclose(FILE **f)
{
    if (*f)
        fclose(*f);
}

static inline void cleanup_closedir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static inline void cleanup_json(json_t **j)
{
    json_decref(*j);
}

#define steal_pointer(pp)                                                                          \
    ({                                                                                             \
        __typeof__(*(pp)) steal_p_ = *(pp);                                                        \
        *(pp) = NULL;                                                                              \
        steal_p_;                                                                                  \
    })

static inline int steal_fd(int *fd)
{
    int stolen = *fd;

    *fd = -1;
    return stolen;
}
