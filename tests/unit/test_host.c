/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where --host leads, and that nothing of it is an option of ssh or a command of a shell. */
#include "test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "host.h"
#include "program.h"
#include "shell_word.h"

static void check(const char *url, const char *user, const char *name, const char *port,
                  const char *socket)
{
    _cleanup_(host_clear) struct host host = { 0 };
    const char *problem = "";

    if (host_parse(url, &host, &problem) != 0)
        fail_msg("%s: %s", url, problem);
    assert_string_equal(host.user ? host.user : "none", user ? user : "none");
    assert_string_equal(host.name, name);
    assert_string_equal(host.port ? host.port : "none", port ? port : "none");
    assert_string_equal(host.socket ? host.socket : "none", socket ? socket : "none");
}

static void test_urls(void **state)
{
    check("ssh://dom0", NULL, "dom0", NULL, NULL);
    check("SSH://dom0/", NULL, "dom0", NULL, NULL);
    check("ssh://root@dom0", "root", "dom0", NULL, NULL);
    check("ssh://dom0:22", NULL, "dom0", "22", NULL);
    check("ssh://root@board-1.example.org:65535/run/x.sock", "root", "board-1.example.org", "65535",
          "/run/x.sock");
    check("ssh://a@b@dom0", "a@b", "dom0", NULL, NULL);
    check("ssh://a%40b@dom0", "a@b", "dom0", NULL, NULL);
    check("ssh://[::1]", NULL, "::1", NULL, NULL);
    check("ssh://root@[fe80::1%25eth0]:2222/s", "root", "fe80::1%eth0", "2222", "/s");
    check("ssh://dom0/run/a b/%2521%27%3F'\";$(x)", NULL, "dom0", NULL, "/run/a b/%21'?'\";$(x)");
    check("ssh://dom0/run/a@b:c", NULL, "dom0", NULL, "/run/a@b:c");
    check("ssh://dom0//run", NULL, "dom0", NULL, "//run");
}

static void refused_as(int refusal, const char *url, const char *words)
{
    _cleanup_(host_clear) struct host host = { 0 };
    const char *problem = NULL;
    int r = host_parse(url, &host, &problem);

    if (r != refusal)
        fail_msg("%s: taken", url);
    if (!strstr(problem, words))
        fail_msg("%s: %s", url, problem);
    assert_null(host.text);
    assert_null(host.socket);
}

static void refused(const char *url, const char *words)
{
    refused_as(HOST_E_REFUSED, url, words);
}

static void test_refused(void **state)
{
    static const char *const names[] = {
        "ssh://",         "ssh:///run/x.sock", "ssh://-oProxyCommand=x",
        "ssh://root@-x",  "ssh://%2Dx",        "ssh://a b",
        "ssh://a;b",      "ssh://a%0ab",       "ssh://$(x)",
        "ssh://a%00b",    "ssh://a%zz",        "ssh://[::1",
        "ssh://[::1]22",  "ssh://[]",          "ssh://[-x]",
        "ssh://[a b]",    "ssh://a`b`",        "ssh://a\\b",
        "ssh://\xc3\xa4", "ssh://root@",       "ssh://:22",
        "ssh://a%",
    };

    for (size_t i = 0; i < ELEMENTS(names); i++)
        refused(names[i], "names no host");
    refused("ssh://-x@dom0", "names a user");
    refused("ssh://%2dx@dom0", "names a user");
    refused("ssh://@dom0", "names a user");
    refused("ssh://a b@dom0", "names a user");
    refused("ssh://a;b@dom0", "names a user");
    refused("ssh://a%3bb@dom0", "names a user");
    refused_as(HOST_E_PASSWORD, "ssh://root:secret@dom0", "password");
    refused_as(HOST_E_PASSWORD, "ssh://:@dom0", "password");
    /* Whatever else is wrong then. */
    refused_as(HOST_E_PASSWORD, "ssh://root:sec/ret@dom0", "password");
    refused_as(HOST_E_PASSWORD, "ssh://root:sec#ret@dom0", "password");
    refused_as(HOST_E_PASSWORD, "http://root:secret@dom0", "password");
    refused_as(HOST_E_PASSWORD, "root:secret@dom0", "password");
}

static void test_refused_rest(void **state)
{
    static const char *const urls[] = { "",          "dom0",       "ssh:dom0", "http://dom0",
                                        "ssh:/dom0", " ssh://dom0" };
    static const char *const ports[] = {
        "", "0", "65536", "-1", "+1", "22x", "99999999999", "0x16"
    };
    char url[64];

    for (size_t i = 0; i < ELEMENTS(urls); i++)
        refused(urls[i], "is no ssh://");
    for (size_t i = 0; i < ELEMENTS(ports); i++) {
        snprintf(url, sizeof(url), "ssh://dom0:%s", ports[i]);
        refused(url, "a port");
    }
    refused("ssh://dom0/a%00b", "'%'");
    refused("ssh://dom0/a%2", "'%'");
    refused("ssh://dom0/a%0ab", "control character");
    refused("ssh://dom0/a\nb", "control character");
    refused("ssh://dom0/a?b", "'?'");
    refused("ssh://dom0#x", "'?'");
}

static void test_long_name(void **state)
{
    char url[300] = "ssh://";

    memset(url + 6, 'a', 255);
    check(url, NULL, url + 6, NULL, NULL);
    memset(url + 6, 'a', 256);
    refused(url, "names no host");
}

/* ---- words for a shell */

/* What the shell makes of the word. */
static void through(char *shell, const char *word)
{
    _cleanup_(program_result_clear) struct program_result result = { 0 };
    _cleanup_(cleanup_free) char *script = NULL;
    size_t size;
    FILE *out = open_memstream(&script, &size);

    assert_non_null(out);
    fputs("printf %s ", out);
    shell_word_print(out, word);
    fclose(out);
    assert_int_equal(program_run((char *[]){ shell, "-c", script, NULL }, 10000, 60, &result), 0);
    assert_int_equal(result.status, 0);
    assert_int_equal(result.errors_size, 0);
    assert_string_equal(result.output, word);
}

static bool is_there(char *shell)
{
    _cleanup_(program_result_clear) struct program_result result = { 0 };

    return program_run((char *[]){ shell, "-c", "exit 0", NULL }, 100, 60, &result) == 0 &&
           result.status == 0;
}

/* sh always; the others where the machine has them. */
static void test_shell_words(void **state)
{
    static const char *const words[] = {
        "",        "plain",     "a b",         "'",        "''",       "a'b'c",      "\\",
        "a\\'b",   "\\\\",      "$HOME $(ls)", "`ls`",     "a;b&c|d",  "<x >y",      "*?[a]~",
        "a\tb\nc", "!! !x a!b", "\"x\"",       "#x",       "=ls",      "~root",      "{a,b}",
        "-n",      "a=b",       "%s",          "\x01\x7f", "\xc3\xa4", "\xff\xfe x", "(a)^b",
    };
    static char *const shells[] = { "sh", "bash", "dash", "zsh", "fish", "csh", "tcsh" };

    assert_true(is_there("sh"));
    for (size_t s = 0; s < ELEMENTS(shells); s++)
        for (size_t i = 0; i < ELEMENTS(words) && is_there(shells[s]); i++)
            /* csh knows no line breaks between quotes. */
            if (!strstr(shells[s], "csh") || !strchr(words[i], '\n'))
                through(shells[s], words[i]);
}

static void test_ordinary_words_stay(void **state)
{
    char text[64] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");

    assert_non_null(out);
    shell_word_print(out, "/run/xenshmd/xenshmd.sock");
    fclose(out);
    assert_string_equal(text, "/run/xenshmd/xenshmd.sock");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),         cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_rest), cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_shell_words),  cmocka_unit_test(test_ordinary_words_stay),
    };

    return RUN_TESTS("host", tests);
}
