/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "hex.h"

#define SCHEME "ssh://"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define NAME_MAX_LENGTH 255

static const char bad_user[] = "names a user that has other characters than letters, digits and "
                               "._+@-, or begins with '-'";
/* Other users would see it in the list of processes. */
static const char has_password[] = "has a password in it; leave it out: ssh asks for it, or uses "
                                   "a key";
static const char bad_name[] = "names no host of letters, digits and ._-, or one that begins with "
                               "'-'; IPv6 addresses stand in [ ]";

/* Replaces each %XX in place. Returns false where that is no byte, or one that ends the text. */
static bool decode(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        int high, low;

        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        high = hex_digit(from[1]);
        low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || high * 16 + low == 0)
            return false;
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
    return true;
}

static bool is_word(const char *text, const char *allowed)
{
    size_t length = strlen(text);

    return length > 0 && length <= NAME_MAX_LENGTH && text[0] != '-' &&
           strspn(text, allowed) == length;
}

static bool is_port(const char *text)
{
    long port = is_word(text, DIGITS) && strlen(text) <= 5 ? strtol(text, NULL, 10) : 0;

    return port >= 1 && port <= 65535;
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if (iscntrl((unsigned char)*text))
            return true;
    return false;
}

/* "/run/xenshmd/xenshmd.sock"; "/" stands for none. */
static const char *check_socket(char *path)
{
    if (!decode(path))
        return "has a '%' that is not followed by two hexadecimal digits of a byte; write %25";
    if (has_control(path))
        return "names a socket with a control character in its path";
    return NULL;
}

static const char *take_user(struct host *host, char *user)
{
    if (strchr(user, ':'))
        return has_password;
    if (!decode(user) || !is_word(user, LETTERS DIGITS "._+@-"))
        return bad_user;
    host->user = user;
    return NULL;
}

/* "[fe80::1%25eth0]:22" */
static const char *take_bracketed(struct host *host, char *text)
{
    char *end = strchr(text, ']');

    if (!end || (end[1] && end[1] != ':'))
        return bad_name;
    *end = '\0';
    if (end[1])
        host->port = end + 2;
    host->name = text + 1;
    return decode(text + 1) && is_word(text + 1, LETTERS DIGITS ":.%") ? NULL : bad_name;
}

static const char *take_name(struct host *host, char *text)
{
    char *port;

    if (text[0] == '[')
        return take_bracketed(host, text);
    port = strchr(text, ':');
    if (port) {
        *port = '\0';
        host->port = port + 1;
    }
    host->name = text;
    return decode(text) && is_word(text, LETTERS DIGITS "._-") ? NULL : bad_name;
}

/* What stands between the scheme and the path, which is cut up. */
static const char *take(struct host *host)
{
    char *name = host->text, *at = strrchr(host->text, '@');
    const char *problem = NULL;

    if (at) {
        *at = '\0';
        name = at + 1;
        problem = take_user(host, host->text);
    }
    if (!problem)
        problem = take_name(host, name);
    if (!problem && host->port && !is_port(host->port))
        problem = "has a port that is not a number from 1 to 65535";
    if (!problem && host->socket)
        problem = check_socket(host->socket);
    return problem;
}

static int copy(struct host *host, const char *rest)
{
    const char *path = strchrnul(rest, '/');

    host->text = strndup(rest, (size_t)(path - rest));
    if (path[0] && path[1])
        host->socket = strdup(path);
    return host->text && (host->socket || !path[0] || !path[1]) ? 0 : -ENOMEM;
}

/* One with a '/', '?' or '#' in it makes another mistake of the URL, which would then be shown. */
static bool may_have_password(const char *url)
{
    const char *scheme = strstr(url, "://"), *at = strrchr(url, '@');
    const char *colon = strchr(scheme ? scheme + strlen("://") : url, ':');

    return colon && at && colon < at;
}

int host_parse(const char *url, struct host *ret, const char **ret_problem)
{
    _cleanup_(host_clear) struct host host = { 0 };
    const char *problem = NULL;

    if (strncasecmp(url, SCHEME, strlen(SCHEME)) != 0)
        problem = "is no ssh://[user@]host[:port][/path/of/socket]";
    else if (strpbrk(url, "?#"))
        problem = "has a '?' or '#', which means nothing here; in a path write %3F or %23";
    else if (copy(&host, url + strlen(SCHEME)) != 0)
        return -ENOMEM;
    else
        problem = take(&host);
    if (problem && may_have_password(url))
        problem = has_password;
    if (problem) {
        *ret_problem = problem;
        return problem == has_password ? HOST_E_PASSWORD : HOST_E_REFUSED;
    }
    *ret = host;
    host = (struct host){ 0 };
    return 0;
}

void host_clear(struct host *host)
{
    free(host->text);
    free(host->socket);
    *host = (struct host){ 0 };
}
