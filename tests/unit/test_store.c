/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store: what is written is read back, and nothing that is not whole is believed. */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "guest.h"
#include "log.h"
#include "opening.h"
#include "store.h"

struct fixture {
    char folder[64];
    struct store *store;
    struct segments segments;
    struct state_pool pool;
    struct segment *segment;
    char loaded[8][PARAMS_NAME_MAX + 1]; /* what load_one() was given */
    size_t loaded_count;
};

static int setup(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){ .pool.frames = { mfn(0x7ff00), 256 } };
    strcpy(fixture.folder, "/tmp/xenshm-store-XXXXXX");
    assert_non_null(mkdtemp(fixture.folder));
    assert_int_equal(store_open(fixture.folder, &fixture.store), 0);
    segments_init(&fixture.segments);
    strcpy(fixture.pool.name, "pool \"x\"");
    assert_int_equal(pool_new(fixture.pool.frames, &fixture.pool.pool), 0);
    assert_int_equal(segment_new(&fixture.segments, "one", &fixture.segment), 0);
    fixture.segment->pool = &fixture.pool;
    fixture.segment->owner_uid = UINT32_MAX;
    assert_int_equal(pool_allocate(fixture.pool.pool, 3, 1, fixture.segment, &fixture.segment->run),
                     0);
    *state = &fixture;
    return 0;
}

static void path_of(const struct fixture *fixture, const char *name, char path[static 256])
{
    snprintf(path, 256, "%s/segments/%s", fixture->folder, name);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];

    store_close(fixture->store);
    segments_clear(&fixture->segments);
    pool_free(fixture->pool.pool);
    snprintf(command, sizeof(command), "rm -rf %s", fixture->folder);
    return system(command);
}

static struct attachment *attach(struct fixture *fixture, uint32_t domid, const char *name)
{
    struct domain_identity identity = { .domid = domid, .uuid = { 0xab, (uint8_t)domid } };
    struct attachment *attachment;

    assert_int_equal(attachment_new(&fixture->segments, fixture->segment, &identity, &attachment),
                     0);
    attachment->first = gfn(0x3a000 + domid);
    attachment->state = ATTACHMENT_DETACHING;
    snprintf(attachment->guest_name, DOMAIN_NAME_MAX, "%s", name);
    return attachment;
}

static void add_opening(struct fixture *fixture, pid_t pid, uint64_t started, uint32_t uid)
{
    struct process process = { pid, started };
    struct opening *opening;

    assert_int_equal(opening_new(&fixture->segments, fixture->segment, NULL, &process, &opening),
                     0);
    opening->uid = uid;
}

static void write_file(const struct fixture *fixture, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    path_of(fixture, name, path);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
}

static bool exists(const struct fixture *fixture, const char *name)
{
    char path[256];

    path_of(fixture, name, path);
    return access(path, F_OK) == 0;
}

/* How many files there are. */
static size_t count_files(const struct fixture *fixture)
{
    char path[256];
    struct dirent *entry;
    size_t count = 0;
    DIR *dir;

    path_of(fixture, "", path);
    dir = opendir(path);
    assert_non_null(dir);
    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(dir);
    return count;
}

static int load_one(void *context, const struct store_segment *segment, const char *file)
{
    struct fixture *fixture = context;

    assert_true(fixture->loaded_count < ELEMENTS(fixture->loaded));
    strcpy(fixture->loaded[fixture->loaded_count++], segment->name);
    return strcmp(segment->name, "refused") == 0 ? -EINVAL : 0;
}

static void load(struct fixture *fixture)
{
    fixture->loaded_count = 0;
    store_close(fixture->store);
    assert_int_equal(store_open(fixture->folder, &fixture->store), 0);
    assert_int_equal(store_load(fixture->store, load_one, fixture), 0);
}

static void test_round_trip(void **state)
{
    struct fixture *fixture = *state;
    struct attachment *two = attach(fixture, 2, "two \\ \"\n\xc3\xa4\xff");
    struct store_segment read;
    const char *why;
    char *text;

    attach(fixture, 0x7fef, "three");
    fixture->segment->kept = true;
    text = store_text(fixture->segment, NULL);
    assert_int_equal(store_parse(text, strlen(text), &read, &why), 0);
    assert_string_equal(read.name, "one");
    assert_string_equal(read.pool, "pool \"x\"");
    assert_int_equal(read.frames.first.v, segment_frames(fixture->segment).first.v);
    assert_int_equal(read.frames.count, 3);
    assert_true(read.kept);
    assert_int_equal(read.epoch, fixture->segment->epoch);
    assert_int_equal(read.owner_uid, UINT32_MAX);
    assert_int_equal(read.attachment_count, 2);
    assert_string_equal(read.attachments[0].guest_name, "two \\ \"?\xc3\xa4?");
    assert_true(domain_identity_equal(&read.attachments[0].identity, &two->identity));
    assert_int_equal(read.attachments[0].first.v, 0x3a002);
    assert_int_equal(read.attachments[0].state, ATTACHMENT_DETACHING);
    assert_int_equal(read.attachments[1].identity.domid, 0x7fef);
    assert_int_equal(read.opening_count, 0);
    assert_null(strstr(text, "openings"));
    store_segment_clear(&read);
    free(text);

    text = store_text(fixture->segment, two);
    assert_int_equal(store_parse(text, strlen(text), &read, &why), 0);
    assert_int_equal(read.attachment_count, 1);
    assert_string_equal(read.attachments[0].guest_name, "three");
    store_segment_clear(&read);
    free(text);
}

static void test_openings(void **state)
{
    struct fixture *fixture = *state;
    struct store_segment read;
    const char *why;
    char *text;

    add_opening(fixture, 1, 0, UINT32_MAX);
    add_opening(fixture, INT32_MAX, INT64_MAX, 0);
    text = store_text(fixture->segment, NULL);
    assert_int_equal(store_parse(text, strlen(text), &read, &why), 0);
    assert_int_equal(read.opening_count, 2);
    assert_int_equal(read.openings[0].process.pid, 1);
    assert_int_equal(read.openings[0].process.started, 0);
    assert_int_equal(read.openings[0].uid, UINT32_MAX);
    assert_int_equal(read.openings[1].process.pid, INT32_MAX);
    assert_int_equal(read.openings[1].process.started, INT64_MAX);
    assert_int_equal(read.openings[1].uid, 0);
    store_segment_clear(&read);
    free(text);
}

/* Whatever one byte is turned into: it is parsed as something that can be, or refused. */
static void test_every_byte_changed(void **state)
{
    struct fixture *fixture = *state;
    static const char others[] = "\0\"{}[],:0x-9aA\xff\x80 ";
    char *text;
    size_t length, accepted = 0;

    attach(fixture, 2, "two");
    add_opening(fixture, 4711, 123, 0);
    text = store_text(fixture->segment, NULL);
    length = strlen(text);
    for (size_t i = 0; i < length; i++)
        for (size_t c = 0; c < sizeof(others) - 1; c++) {
            struct store_segment read = { 0 };
            const char *why = NULL;
            char was = text[i];

            text[i] = others[c];
            if (store_parse(text, length, &read, &why) == 0) {
                assert_true(params_name_valid(read.name));
                assert_true(mfn_range_valid(read.frames));
                for (size_t a = 0; a < read.attachment_count; a++)
                    assert_true(frames_valid(read.attachments[a].first.v, read.frames.count));
                for (size_t o = 0; o < read.opening_count; o++)
                    assert_true(read.openings[o].process.pid > 0);
                accepted++;
            } else {
                assert_non_null(why);
                assert_null(read.attachments);
                assert_null(read.openings);
            }
            store_segment_clear(&read);
            text[i] = was;
        }
    /* Digits and letters of names can become others. */
    assert_true(accepted > 0);
    free(text);
}

static void test_every_truncation(void **state)
{
    struct fixture *fixture = *state;
    struct store_segment read = { 0 };
    const char *why;
    char *text;

    attach(fixture, 2, "two");
    add_opening(fixture, 4711, 123, 0);
    text = store_text(fixture->segment, NULL);
    for (size_t length = 0; length < strlen(text); length++)
        assert_int_equal(store_parse(text, length, &read, &why), -EINVAL);
    free(text);
}

static void test_write_and_remove(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 3; i++)
        assert_int_equal(store_write(fixture->store, fixture->segment, NULL), 0);
    assert_int_equal(count_files(fixture), 1);
    assert_true(exists(fixture, "one.json"));
    load(fixture);
    assert_int_equal(fixture->loaded_count, 1);
    assert_int_equal(store_bad_count(fixture->store), 0);
    assert_int_equal(store_remove(fixture->store, "one"), 0);
    assert_int_equal(store_remove(fixture->store, "one"), 0);
    assert_int_equal(count_files(fixture), 0);
}

/* The JSON library's allocations can be made to fail as well. */
static void *allocate(size_t size)
{
    return malloc(size);
}

/* The n-th allocation fails: the file is as it was. */
static void test_write_without_memory(void **state)
{
    struct fixture *fixture = *state;
    long successes = 0;
    int r;

    json_set_alloc_funcs(allocate, free);
    for (uint32_t i = 0; i < 20; i++)
        attach(fixture, i + 1, "a guest with a long name, so that the text has to grow");
    do {
        fault_after(successes++);
        r = store_write(fixture->store, fixture->segment, NULL);
        if (!fault_end())
            break;
        assert_int_equal(r, -ENOMEM);
        assert_int_equal(count_files(fixture), 0);
    } while (r != 0);
    assert_int_equal(r, 0);
    assert_true(successes > 100);
    json_set_alloc_funcs(malloc, free);
    assert_int_equal(count_files(fixture), 1);
}

static int fail_one(void *context, const char *operation)
{
    return strcmp(operation, context) == 0 ? -EROFS : 0;
}

static void test_faults(void **state)
{
    struct fixture *fixture = *state;

    store_set_fault(fixture->store, fail_one, "store_write");
    assert_int_equal(store_write(fixture->store, fixture->segment, NULL), -EROFS);
    assert_int_equal(store_remove(fixture->store, "one"), 0);
    store_set_fault(fixture->store, fail_one, "store_remove");
    assert_int_equal(store_write(fixture->store, fixture->segment, NULL), 0);
    assert_int_equal(store_remove(fixture->store, "one"), -EROFS);
    assert_true(exists(fixture, "one.json"));
}

/* A temporary file that cannot be made: an error, and the old file stays. */
static void test_write_fails(void **state)
{
    struct fixture *fixture = *state;
    char path[256];

    assert_int_equal(store_write(fixture->store, fixture->segment, NULL), 0);
    path_of(fixture, ".one.tmp", path);
    assert_int_equal(symlink("/nonexistent/file", path), 0);
    assert_int_equal(store_write(fixture->store, fixture->segment, NULL), -ELOOP);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(store_write(fixture->store, fixture->segment, NULL), -EISDIR);
    assert_int_equal(rmdir(path), 0);
    /* The name itself is taken by a folder: nothing is left behind. */
    path_of(fixture, "one.json", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(store_write(fixture->store, fixture->segment, NULL), -EISDIR);
    assert_int_equal(count_files(fixture), 1);
}

static void test_bad_files(void **state)
{
    struct fixture *fixture = *state;
    char *text = store_text(fixture->segment, NULL);

    write_file(fixture, "other.json", text);
    write_file(fixture, "one.json", text);
    write_file(fixture, "broken.json", "{");
    write_file(fixture, ".one.tmp", "{");
    write_file(fixture, ".tmp", "{");
    write_file(fixture, ".one.json", text);
    load(fixture);
    assert_int_equal(fixture->loaded_count, 1);
    assert_string_equal(fixture->loaded[0], "one");
    assert_int_equal(store_bad_count(fixture->store), 4);
    assert_true(exists(fixture, "other.json") && exists(fixture, "broken.json"));
    assert_true(exists(fixture, ".one.json") && exists(fixture, ".tmp"));
    assert_false(exists(fixture, ".one.tmp"));
    free(text);
}

static void test_refused_by_the_caller(void **state)
{
    struct fixture *fixture = *state;

    strcpy(fixture->segment->name, "refused");
    assert_int_equal(store_write(fixture->store, fixture->segment, NULL), 0);
    load(fixture);
    assert_int_equal(fixture->loaded_count, 1);
    assert_int_equal(store_bad_count(fixture->store), 1);
    assert_string_equal(store_bad_file(fixture->store), "refused.json");
    assert_true(exists(fixture, "refused.json"));
}

static void test_only_one(void **state)
{
    struct fixture *fixture = *state;
    struct store *second = NULL;

    assert_int_equal(store_open(fixture->folder, &second), -EBUSY);
    assert_null(second);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_openings),
        TEST(test_every_byte_changed),
        TEST(test_every_truncation),
        TEST(test_write_and_remove),
        TEST(test_write_without_memory),
        TEST(test_faults),
        TEST(test_write_fails),
        TEST(test_bad_files),
        TEST(test_refused_by_the_caller),
        TEST(test_only_one),
    };

    return RUN_TESTS("store", tests);
}
