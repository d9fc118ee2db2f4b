/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit_journal.h"

#ifdef HAVE_SYSTEMD

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Where in this file the call stands says nothing to anybody. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#define PREFIX "XENSHM_"
#define FIELDS_MAX 16

/* The variable is inherited: it must be this stderr that it tells of, see systemd.exec(5). */
static bool stderr_is_journal(void)
{
    const char *text = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    /* NOLINTNEXTLINE(cert-err34-c): systemd's own text */
    return text && sscanf(text, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static struct iovec field(char *text)
{
    return (struct iovec){ text, strlen(text) };
}

/* "left-out" becomes "XENSHM_LEFT_OUT". */
static char *add_field(char *target, const char *word)
{
    size_t key = strcspn(word, "="), length = strcspn(word, " ");

    memcpy(target, PREFIX, strlen(PREFIX));
    target += strlen(PREFIX);
    memcpy(target, word, length);
    target[length] = '\0';
    for (size_t i = 0; i < key; i++)
        target[i] = target[i] == '-' ? '_' : (char)toupper((unsigned char)target[i]);
    return target + length + 1;
}

bool audit_journal_send(const char *words)
{
    static char priority[] = "PRIORITY=5", id[] = "MESSAGE_ID=" AUDIT_MESSAGE_ID,
                identifier[] = "SYSLOG_IDENTIFIER=xenshmd";
    char message[AUDIT_LINE + 16], fields[AUDIT_LINE + FIELDS_MAX * sizeof(PREFIX)];
    struct iovec iov[FIELDS_MAX] = { field(priority), field(id), field(identifier) };
    char *next = fields;
    int count = 3;

    if (!stderr_is_journal())
        return false;
    snprintf(message, sizeof(message), "MESSAGE=audit: %s", words);
    iov[count++] = field(message);
    for (const char *word = words; *word && count < FIELDS_MAX; word += strspn(word, " ")) {
        char *end = add_field(next, word);

        iov[count++] = field(next);
        next = end;
        word += strcspn(word, " ");
    }
    return sd_journal_sendv(iov, count) == 0;
}

#else

bool audit_journal_send(const char *words)
{
    return false;
}

#endif
