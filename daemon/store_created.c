/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store_created.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "cleanup.h"
#include "json_text.h"
#include "log.h"
#include "message.h"
#include "store_file.h"
#include "uuid.h"

#define CREATED_VERSION 1

bool store_created_is_ours(struct store *store)
{
    /* The lock is the descriptor's: to take it again changes nothing. */
    return flock(store_created_lock(store), LOCK_EX | LOCK_NB) == 0;
}

int store_created_lock(const struct store *store)
{
    return store_guests_folder(store);
}

static json_t *describe_preserved(const struct created *created)
{
    json_t *array = json_array();

    for (size_t i = 0; i < created->preserved_count; i++)
        json_array_append_new(array, json_integer(created->preserved[i]));
    return array;
}

static char *created_text(const struct created *created)
{
    _cleanup_(cleanup_json) json_t *object =
        json_pack("{s:i, s:s, s:I, s:b, s:b, s:o, s:o, s:O}", "version", CREATED_VERSION, "state",
                  created_state_name(created->state), "domid", (json_int_t)created->domid, "rename",
                  created->rename, "core", created->core, "preserved", describe_preserved(created),
                  "facts", created_facts_describe(&created->facts), "config", created->config);

    return object ? message_text(object) : NULL;
}

int store_created_write(struct store *store, const struct created *created)
{
    _cleanup_(cleanup_free) char *text = NULL;
    char uuid[UUID_TEXT_SIZE];
    int r;

    r = store_fault(store, "store_write");
    if (r < 0)
        return r;
    text = created_text(created);
    return text ? store_file_write(store_guests_folder(store),
                                   uuid_format(created->facts.uuid, uuid), text)
                : -ENOMEM;
}

int store_created_remove(struct store *store, const struct created *created)
{
    char uuid[UUID_TEXT_SIZE], tree[UUID_TEXT_SIZE + 4];
    int r;

    r = store_fault(store, "store_remove");
    if (r < 0)
        return r;
    uuid_format(created->facts.uuid, uuid);
    snprintf(tree, sizeof(tree), "%s.dtb", uuid);
    r = store_file_remove_entry(store_guests_folder(store), tree);
    return r < 0 ? r : store_file_remove(store_guests_folder(store), uuid);
}

static int read_preserved(json_t *array, struct created *created)
{
    json_t *item;
    size_t i;

    json_array_foreach(array, i, item)
        if (created_add_preserved(created, (uint32_t)json_integer_value(item)) < 0)
            return -ENOMEM;
    return 0;
}

/* Returns 0, -EINVAL or -ENOMEM. */
static int read_created(struct created_list *list, json_t *object, const char *entry)
{
    char uuid[UUID_TEXT_SIZE], expected[UUID_TEXT_SIZE + sizeof(STORE_SUFFIX)];
    struct created_facts facts = { 0 };
    json_t *config = json_object_get(object, "config");
    const char *state = json_string_value(json_object_get(object, "state"));
    struct created *created;
    enum created_state parsed;
    int r;

    if (json_integer_value(json_object_get(object, "version")) != CREATED_VERSION || !state ||
        created_state_parse(state, &parsed) < 0 || !json_is_object(config) ||
        !json_is_integer(json_object_get(object, "domid")))
        return -EINVAL;
    r = created_facts_parse(json_object_get(object, "facts"), &facts);
    if (r < 0)
        return r;
    snprintf(expected, sizeof(expected), "%s" STORE_SUFFIX, uuid_format(facts.uuid, uuid));
    if (strcmp(expected, entry) != 0)
        r = -EINVAL;
    if (r == 0)
        r = created_add(list, &facts, config, &created);
    if (r) {
        created_facts_clear(&facts);
        return r;
    }
    created->state = parsed;
    created->rename = json_is_true(json_object_get(object, "rename"));
    created->core = json_is_true(json_object_get(object, "core"));
    created->domid = (uint32_t)json_integer_value(json_object_get(object, "domid"));
    return read_preserved(json_object_get(object, "preserved"), created);
}

struct loading {
    struct store *store;
    struct created_list *list;
};

static bool is_record(const char *entry)
{
    size_t length = strlen(entry), suffix = strlen(STORE_SUFFIX);

    return length > suffix && strcmp(entry + length - suffix, STORE_SUFFIX) == 0;
}

static int load_entry(void *context, const char *entry)
{
    struct loading *loading = context;
    _cleanup_(cleanup_free) char *text = NULL;
    _cleanup_(cleanup_json) json_t *object = NULL;
    size_t length = 0;
    int r;

    if (!is_record(entry))
        return 0;
    r = store_file_read(store_guests_folder(loading->store), entry, &text, &length);
    if (r == 0)
        object = json_text_read(text, length, JSON_REJECT_DUPLICATES, NULL);
    r = object ? read_created(loading->list, object, entry) : -EINVAL;
    if (r == -EINVAL)
        log_error("store file guests/%s cannot be understood: that guest is not looked after",
                  entry);
    return r == -EINVAL ? 0 : r;
}

int store_created_load(struct store *store, struct created_list *list)
{
    struct loading loading = { store, list };

    return store_file_each(store_guests_folder(store), load_entry, &loading);
}

char *store_created_tree(const struct store *store, const struct created *created)
{
    char uuid[UUID_TEXT_SIZE], *path;

    return asprintf(&path, "%s/guests/%s.dtb", store_folder(store),
                    uuid_format(created->facts.uuid, uuid)) < 0
               ? NULL
               : path;
}
