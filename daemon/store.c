/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "log.h"
#include "text.h"
#include "utf8.h"
#include "uuid.h"

#define STORE_VERSION 1
#define STORE_SUFFIX ".json"
#define STORE_TEMPORARY ".tmp" /* of a name that begins with a dot, which no segment's does */
/* Longest file that is read; a segment with as many attachments as Xen has domids fits. */
#define STORE_FILE_MAX (16 * 1024 * 1024)

struct store {
    int dir;
    size_t bad_count;
    char bad_file[256];
    store_fault_fn fault;
    void *fault_context;
};

static int make_folder(int parent, const char *path, mode_t mode)
{
    return mkdirat(parent, path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

int store_open(const char *state_dir, struct store **ret_store)
{
    _cleanup_(cleanup_close) int parent = -1, dir = -1;
    struct store *store;
    int r;

    r = make_folder(AT_FDCWD, state_dir, 0755);
    if (r < 0)
        return r;
    parent = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return -errno;
    r = make_folder(parent, "segments", 0700);
    if (r < 0)
        return r;
    dir = openat(parent, "segments", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return -errno;
    /* Two daemons with one store would give pages away twice. */
    if (flock(dir, LOCK_EX | LOCK_NB) < 0)
        return -EBUSY;
    store = calloc(1, sizeof(*store));
    if (!store)
        return -ENOMEM;
    store->dir = steal_fd(&dir);
    *ret_store = store;
    return 0;
}

struct store *store_close(struct store *store)
{
    if (store) {
        close(store->dir);
        free(store);
    }
    return NULL;
}

void store_set_fault(struct store *store, store_fault_fn fault, void *context)
{
    store->fault = fault;
    store->fault_context = context;
}

static int planted_fault(const struct store *store, const char *operation)
{
    return store->fault ? store->fault(store->fault_context, operation) : 0;
}

static int write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, text, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        text += n;
        length -= (size_t) n;
    }
    return 0;
}

/* Writes `temporary` and renames it to `name`; on failure nothing is left behind. */
static int replace_file(int dir, const char *temporary, const char *name, const char *text)
{
    int fd, r;

    fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    r = write_all(fd, text, strlen(text));
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0 && renameat(dir, temporary, dir, name) < 0)
        r = -errno;
    if (r < 0)
        unlinkat(dir, temporary, 0);
    return r;
}

static void put_field(struct text *text, const char *key, const char *value)
{
    text_format(text, "\"%s\":", key);
    text_put_string(text, value, strlen(value));
    text_put_char(text, ',');
}

static void put_attachment(struct text *text, const struct attachment *attachment)
{
    char name[DOMAIN_NAME_MAX], uuid[UUID_TEXT_SIZE];

    snprintf(name, sizeof(name), "%s", attachment->guest_name);
    utf8_make_printable(name);
    text_format(text, "{\"guest\":{");
    put_field(text, "name", name);
    text_format(text, "\"domid\":%" PRIu32 ",\"uuid\":\"%s\"},", attachment->identity.domid,
                uuid_format(attachment->identity.uuid, uuid));
    text_format(text, "\"guest_address\":\"0x%" PRIx64 "\",\"state\":\"%s\"}",
                gfn_address(attachment->first), attachment_state_name(attachment->state));
}

/* The file's content: the fields of a segment's description that cannot be had elsewhere. */
static char *make_text(const struct segment *segment, const struct attachment *except)
{
    struct mfn_range frames = segment_frames(segment);
    const struct attachment *attachment;
    const char *comma = "";
    struct text text;

    text_init(&text);
    text_format(&text, "{\"version\":%d,", STORE_VERSION);
    put_field(&text, "name", segment->name);
    put_field(&text, "pool", segment->pool->name);
    text_format(&text, "\"host_address\":\"0x%" PRIx64 "\",\"size\":%" PRIu64 ",",
                mfn_address(frames.first), pages_to_bytes(frames.count));
    text_format(&text, "\"kept\":%s,\"epoch\":%" PRIu64 ",\"owner_uid\":%" PRIu32 ",",
                segment->kept ? "true" : "false", segment->epoch, segment->owner_uid);
    text_format(&text, "\"attachments\":[");
    TAILQ_FOREACH(attachment, &segment->attachments, segment_link) {
        if (attachment == except)
            continue;
        text_format(&text, "%s", comma);
        put_attachment(&text, attachment);
        comma = ",";
    }
    text_format(&text, "]}");
    return text_finish(&text);
}

int store_write(struct store *store, const struct segment *segment, const struct attachment *except)
{
    _cleanup_(cleanup_free) char *text = NULL;
    char name[PARAMS_NAME_MAX + 16], temporary[PARAMS_NAME_MAX + 16];
    int r;

    r = planted_fault(store, "store_write");
    if (r < 0)
        return r;
    text = make_text(segment, except);
    if (!text)
        return -ENOMEM;
    snprintf(name, sizeof(name), "%s" STORE_SUFFIX, segment->name);
    snprintf(temporary, sizeof(temporary), ".%s" STORE_TEMPORARY, segment->name);
    return replace_file(store->dir, temporary, name, text);
}

int store_remove(struct store *store, const char *name)
{
    char file[PARAMS_NAME_MAX + 16];
    int r;

    r = planted_fault(store, "store_remove");
    if (r < 0)
        return r;
    snprintf(file, sizeof(file), "%s" STORE_SUFFIX, name);
    return unlinkat(store->dir, file, 0) < 0 && errno != ENOENT ? -errno : 0;
}

void store_segment_clear(struct store_segment *segment)
{
    free(segment->attachments);
    *segment = (struct store_segment){ 0 };
}

static int read_text(json_t *object, const char *key, char *ret_text, size_t size)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (!text || strlen(text) >= size)
        return -EINVAL;
    strcpy(ret_text, text);
    return 0;
}

static int read_number(json_t *object, const char *key, uint64_t max, uint64_t *ret_number)
{
    json_t *value = json_object_get(object, key);

    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t) json_integer_value(value) > max)
        return -EINVAL;
    *ret_number = (uint64_t) json_integer_value(value);
    return 0;
}

static int read_frame(json_t *object, const char *key, uint64_t *ret_frame)
{
    const char *text = json_string_value(json_object_get(object, key));
    uint64_t address;

    if (!text || params_parse_address(text, &address) < 0 || !page_aligned(address))
        return -EINVAL;
    *ret_frame = address >> PAGE_SHIFT;
    return 0;
}

static int read_attachment(json_t *object, uint64_t pages, struct store_attachment *ret_attachment)
{
    json_t *guest = json_object_get(object, "guest");
    char uuid[UUID_TEXT_SIZE], state[16];
    uint64_t domid;

    if (read_text(guest, "name", ret_attachment->guest_name, DOMAIN_NAME_MAX) < 0 ||
        read_number(guest, "domid", UINT32_MAX, &domid) < 0 ||
        read_text(guest, "uuid", uuid, sizeof(uuid)) < 0 ||
        uuid_parse(uuid, ret_attachment->identity.uuid) < 0 ||
        read_frame(object, "guest_address", &ret_attachment->first.v) < 0 ||
        !frames_valid(ret_attachment->first.v, pages) ||
        read_text(object, "state", state, sizeof(state)) < 0 ||
        attachment_state_parse(state, &ret_attachment->state) < 0)
        return -EINVAL;
    ret_attachment->identity.domid = (uint32_t) domid;
    return 0;
}

static int read_attachments(json_t *array, struct store_segment *segment)
{
    size_t count = json_array_size(array);

    if (!json_is_array(array))
        return -EINVAL;
    segment->attachments = calloc(count + 1, sizeof(*segment->attachments));
    if (!segment->attachments)
        return -ENOMEM;
    segment->attachment_count = count;
    for (size_t i = 0; i < count; i++)
        if (read_attachment(json_array_get(array, i), segment->frames.count,
                            &segment->attachments[i]) < 0)
            return -EINVAL;
    return 0;
}

static int read_segment(json_t *object, struct store_segment *segment)
{
    uint64_t size, owner_uid;
    json_t *kept = json_object_get(object, "kept");

    /* Epochs grow: the last one must leave room for more. */
    if (read_text(object, "name", segment->name, sizeof(segment->name)) < 0 ||
        !params_name_valid(segment->name) ||
        read_text(object, "pool", segment->pool, sizeof(segment->pool)) < 0 ||
        read_frame(object, "host_address", &segment->frames.first.v) < 0 ||
        read_number(object, "size", INT64_MAX, &size) < 0 || !page_aligned(size) ||
        read_number(object, "epoch", INT64_MAX / 2, &segment->epoch) < 0 ||
        read_number(object, "owner_uid", UINT32_MAX, &owner_uid) < 0 || !json_is_boolean(kept))
        return -EINVAL;
    segment->frames.count = size >> PAGE_SHIFT;
    segment->kept = json_is_true(kept);
    segment->owner_uid = (uint32_t) owner_uid;
    if (!mfn_range_valid(segment->frames))
        return -EINVAL;
    return read_attachments(json_object_get(object, "attachments"), segment);
}

int store_parse(const char *text, size_t length, struct store_segment *ret_segment,
                const char **ret_why)
{
    _cleanup_(cleanup_json) json_t *object = NULL;
    struct store_segment segment = { 0 };
    uint64_t version;

    *ret_why = "it is not a whole JSON object";
    object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object))
        return -EINVAL;
    *ret_why = "it has no version";
    if (read_number(object, "version", INT64_MAX, &version) < 0)
        return -EINVAL;
    *ret_why = "it is from another version of xenshmd";
    if (version != STORE_VERSION)
        return -EINVAL;
    *ret_why = "a field is missing or makes no sense";
    if (read_segment(object, &segment) < 0) {
        store_segment_clear(&segment);
        return -EINVAL;
    }
    *ret_segment = segment;
    return 0;
}

static int read_file(int dir, const char *name, char **ret_text, size_t *ret_length)
{
    _cleanup_(cleanup_close) int fd = -1;
    _cleanup_(cleanup_free) char *text = NULL;
    struct stat st;
    ssize_t n;

    fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size > STORE_FILE_MAX)
        return -EINVAL;
    text = malloc((size_t) st.st_size + 1);
    if (!text)
        return -ENOMEM;
    n = read(fd, text, (size_t) st.st_size);
    if (n < 0)
        return -errno;
    *ret_length = (size_t) n;
    *ret_text = steal_pointer(&text);
    return 0;
}

static void count_bad(struct store *store, const char *file, const char *why)
{
    if (store->bad_count++ == 0)
        snprintf(store->bad_file, sizeof(store->bad_file), "%s", file);
    log_error("store file segments/%s: %s; nothing is given out until it is removed", file, why);
}

/* A segment's file has its name. */
static bool name_matches(const char *file, const char *segment)
{
    size_t length = strlen(segment);

    return strncmp(file, segment, length) == 0 && strcmp(file + length, STORE_SUFFIX) == 0;
}

static bool is_temporary(const char *file)
{
    size_t length = strlen(file), suffix = strlen(STORE_TEMPORARY);

    return file[0] == '.' && length > suffix &&
           strcmp(file + length - suffix, STORE_TEMPORARY) == 0;
}

static void load_file(struct store *store, const char *file,
                      int (*each)(void *, const struct store_segment *, const char *),
                      void *context)
{
    _cleanup_(cleanup_free) char *text = NULL;
    struct store_segment segment = { 0 };
    const char *why = "it cannot be read";
    size_t length = 0;

    if (read_file(store->dir, file, &text, &length) < 0 ||
        store_parse(text, length, &segment, &why) < 0)
        count_bad(store, file, why);
    else if (!name_matches(file, segment.name))
        count_bad(store, file, "it describes a segment of another name");
    else if (each(context, &segment, file) != 0)
        count_bad(store, file, "what it says cannot be");
    store_segment_clear(&segment);
}

int store_load(struct store *store,
               int (*each)(void *context, const struct store_segment *segment, const char *file),
               void *context)
{
    struct dirent *entry;
    DIR *dir;
    int fd;

    fd = fcntl(store->dir, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return -errno;
    }
    rewinddir(dir);
    while ((errno = 0, entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (is_temporary(entry->d_name))
            unlinkat(store->dir, entry->d_name, 0);
        else
            load_file(store, entry->d_name, each, context);
    }
    fd = errno;
    closedir(dir);
    return -fd;
}

size_t store_bad_count(const struct store *store)
{
    return store->bad_count;
}

const char *store_bad_file(const struct store *store)
{
    return store->bad_file;
}
