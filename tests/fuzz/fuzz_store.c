/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of the store: what is taken for a segment is one, and the facts of a created guest are the
 * same when they are written and read again. The first byte chooses.
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "created.h"
#include "store.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    (data[0] & 1 ? facts : segment)((const char *)data + 1, size - 1);
    return 0;
}
