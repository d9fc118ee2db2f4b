/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of the store: what is taken for a segment is one, the facts of a created guest are the same
 * when they are written and read again, and so is its whole record. The first byte chooses.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "created.h"
#include "log.h"
#include "store.h"
#include "store_created.h"

static void segment(const char *text, size_t length)
{
    struct store_segment segment;
    const char *why = NULL;
    int r = store_parse(text, length, &segment, &why);

    MUST(r == 0 || (r == -EINVAL && why && *why) || r == -ENOMEM);
    if (r)
        return;
    MUST(params_name_valid(segment.name));
    MUST(memchr(segment.pool, '\0', sizeof(segment.pool)));
    MUST(mfn_range_valid(segment.frames));
    for (size_t i = 0; i < segment.attachment_count; i++) {
        const struct store_attachment *attachment = &segment.attachments[i];

        MUST(memchr(attachment->guest_name, '\0', sizeof(attachment->guest_name)));
        MUST(gfn_range_valid(((struct gfn_range){ attachment->first, segment.frames.count })));
    }
    for (size_t i = 0; i < segment.opening_count; i++)
        MUST(segment.openings[i].process.pid > 0);
    store_segment_clear(&segment);
}

static void facts(const char *text, size_t length)
{
    _cleanup_(cleanup_json) json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    _cleanup_(cleanup_json) json_t *once = NULL, *twice = NULL;
    struct created_facts first, second;
    int r = created_facts_parse(object, &first);

    MUST(r == 0 || r == -EINVAL || r == -ENOMEM);
    if (r)
        return;
    once = created_facts_describe(&first);
    MUST(once && created_facts_parse(once, &second) == 0);
    twice = created_facts_describe(&second);
    MUST(twice && json_equal(once, twice));
    created_facts_clear(&first);
    created_facts_clear(&second);
}

/* In place of the daemon's: most files are none, and nobody reads why. */
void log_line(enum log_level level, const char *format, ...)
{
}

static char folder[] = "/dev/shm/xenshm-fuzz-XXXXXX";
static struct store *store;

/* Deletes no more than it made. */
static void clean_up(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    if (system(command) != 0)
        perror(folder);
}

static void make_folder(void)
{
    MUST(mkdtemp(folder));
    atexit(clean_up);
    MUST(store_open(folder, &store) == 0);
}

/* The only record that there is, as a file of that name. Returns how many are read. */
static size_t load(struct created_list *list)
{
    const struct created *created;
    size_t count = 0;

    TAILQ_INIT(list);
    MUST(store_created_load(store, list) == 0);
    TAILQ_FOREACH(created, list, link)
        count++;
    return count;
}

static void record(const char *text, size_t length)
{
    char path[128];
    struct created_list first, second;
    FILE *file;

    if (!store)
        make_folder();
    snprintf(path, sizeof(path), "%s/guests/00000000-0000-4000-8000-000000000001.json", folder);
    file = fopen(path, "we");
    MUST(file && fwrite(text, 1, length, file) == length && fclose(file) == 0);
    if (load(&first) > 0) {
        MUST(json_is_object(TAILQ_FIRST(&first)->config));
        MUST(store_created_write(store, TAILQ_FIRST(&first)) == 0);
        MUST(load(&second) == 1);
        MUST(TAILQ_FIRST(&second)->domid == TAILQ_FIRST(&first)->domid);
        MUST(TAILQ_FIRST(&second)->state == TAILQ_FIRST(&first)->state);
        MUST(TAILQ_FIRST(&second)->preserved_count == TAILQ_FIRST(&first)->preserved_count);
        created_list_clear(&second);
    }
    created_list_clear(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(const char *text, size_t length) = { segment, facts, record };

    if (size > 0)
        kinds[data[0] % 3]((const char *)data + 1, size - 1);
    return 0;
}
