/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Another host, as `--host` names it: ssh://[user@]host[:port][/path/of/socket]. Pure.
 *
 * What is taken here goes to ssh as it is, and from there, by ssh's own configuration, perhaps to a
 * shell: so only what such names consist of is taken, and nothing that could be an option.
 */
#pragma once

struct host {
    char *text;       /* owned; the first three point into it */
    const char *user; /* NULL: as ssh's configuration has it */
    const char *name; /* an address of IPv6 without its brackets */
    const char *port; /* NULL: as ssh's configuration has it */
    char *socket;     /* owned; path of xenshmd's socket over there; NULL: the default there */
};

enum {
    HOST_E_REFUSED = 1,
    HOST_E_PASSWORD, /* it has one, and is not to be shown */
};

/*
 * Parts of the URL may have %XX for a byte. Returns 0, -ENOMEM, or a refusal with the rule and the
 * remedy in *ret_problem: words that follow "host 'URL' ".
 */
int host_parse(const char *url, struct host *ret, const char **ret_problem);
void host_clear(struct host *host);
