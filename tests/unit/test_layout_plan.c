/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plans: which steps, in which order, and what is asked of the daemon for each. */
#include "test.h"

#include <errno.h>

#include "fault.h"
#include "layout_export.h"
#include "layout_json.h"
#include "layout_plan.h"
#include "layout_seen.h"

#define ONE "{'name': 'one', 'domid': 1, 'uuid': 'u1', 'state': 'running'}"
#define TWO "{'name': 'two', 'domid': 2, 'uuid': 'u2', 'state': 'running'}"
#define DOWN "{'name': 'down', 'domid': 3, 'uuid': 'u3', 'state': 'shutdown'}"

#define AT(number, address, state)                                                                 \
    "{'guest': {'name': 'g', 'domid': " #number ", 'uuid': 'u" #number                             \
    "'}, 'guest_address': '" address "', 'state': '" state "'}"
#define SEGMENT(name, kept, attachments)                                                           \
    "{'name': '" name "', 'pool': 'p', 'size': 4096, 'kept': " kept                                \
    ", 'epoch': 5, 'host_address': '0x7ffff000', 'state': 'ready', 'attachments': [" attachments   \
    "]}"
#define WANTED(name, kept, guests)                                                                 \
    "{'name': '" name "', 'size': 4096, 'kept': " kept ", 'guests': [" guests "]}"

struct fixture {
    json_t *json; /* the layout's */
    struct layout layout;
    struct present present;
    struct plan plan;
    struct error error;
};

static json_t *wrapped(const char *key, const char *items)
{
    json_t *list = json_object(), *array;
    char text[4096];

    snprintf(text, sizeof(text), "[%s]", items);
    array = quoted_json(text);
    assert_int_equal(json_object_set_new(list, key, array), 0);
    return list;
}

static void set_up(struct fixture *fixture, const char *guests, const char *segments,
                   const char *wanted)
{
    struct present *present = &fixture->present;

    *fixture = (struct fixture){ 0 };
    present->guest_list = wrapped("guests", guests);
    present->segment_list = wrapped("segments", segments);
    present->status = quoted_json("{'orders': [{'segment': 'ordered'}]}");
    assert_int_equal(present_index(present), 0);
    fixture->json = wrapped("segments", wanted);
    assert_int_equal(json_object_set_new(fixture->json, "version", json_integer(1)), 0);
    assert_int_equal(layout_read(fixture->json, &fixture->layout, &fixture->error), 0);
}

static void tear_down(struct fixture *fixture)
{
    plan_clear(&fixture->plan);
    layout_clear(&fixture->layout);
    present_clear(&fixture->present);
    json_decref(fixture->json);
}

/* Lines of a plan, one after the other. */
static char *plan_text(const struct plan *plan)
{
    const struct step *step;
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    TAILQ_FOREACH(step, &plan->steps, link) {
        _cleanup_(cleanup_free) char *line = step_text(step);

        assert_non_null(line);
        fprintf(out, "%s%s\n", line, step->final ? " (final)" : "");
    }
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_plan(const char *segments, const char *wanted, bool prune, const char *expected)
{
    _cleanup_(tear_down) struct fixture fixture;
    _cleanup_(cleanup_free) char *text = NULL;

    set_up(&fixture, ONE "," TWO "," DOWN, segments, wanted);
    assert_int_equal(
        plan_make(&fixture.layout, &fixture.present, prune, &fixture.plan, &fixture.error), 0);
    text = plan_text(&fixture.plan);
    assert_string_equal(text, expected);
}

static void assert_refused(const char *segments, const char *wanted, bool prune, int code)
{
    _cleanup_(tear_down) struct fixture fixture;

    set_up(&fixture, ONE "," TWO "," DOWN, segments, wanted);
    assert_int_equal(
        plan_make(&fixture.layout, &fixture.present, prune, &fixture.plan, &fixture.error), code);
    assert_int_equal(fixture.error.code, code);
}

static void test_nothing_to_do(void **state)
{
    assert_plan(SEGMENT("a", "true", AT(1, "0x3a000000", "attached")),
                WANTED("a", "true", "{'guest': 'one'}"), true, "");
    assert_plan(SEGMENT("a", "true", AT(1, "0x3a000000", "waiting")),
                WANTED("a", "true", "{'guest': 'one', 'address': '0x03A000000'}"), true, "");
    assert_plan(SEGMENT("a", "false", AT(1, "0x7ffff000", "attached")),
                WANTED("a", "false", "{'guest': 'U1', 'address': 'identity'}"), true, "");
    assert_plan(SEGMENT("a", "true", ""), "", false, "");
}

static void test_new_segments(void **state)
{
    assert_plan(
        "",
        WANTED(
            "b", "false",
            "{'guest': 'one', 'address': '0x3a000000'}, {'guest': 'two'}") "," WANTED("a", "true",
                                                                                      "{'guest': "
                                                                                      "2, "
                                                                                      "'address': "
                                                                                      "'identity'"
                                                                                      "}"),
        false,
        "+ alloc a 4 KiB\n"
        "+ attach b 4 KiB to one at 0x3a000000\n"
        "+ attach b to two\n"
        "+ attach a to two at its host address\n");
}

/* What makes room comes before what takes it; what is handed over, after. */
static void test_order(void **state)
{
    assert_plan(
        SEGMENT("a", "true", AT(1, "0x1000", "attached")) "," SEGMENT("b", "false", AT(1, "0x2000", "attached")) "," SEGMENT(
            "c", "false",
            AT(1, "0x3000", "attached") "," AT(
                2, "0x4000",
                "attached")) "," SEGMENT("d", "true",
                                         AT(2, "0x5000",
                                            "attached")) "," SEGMENT("e", "false",
                                                                     AT(1, "0x6000", "waiting") "," AT(
                                                                         2, "0x7000",
                                                                         "attached")) "," SEGMENT("f",
                                                                                                  "true",
                                                                                                  AT(1,
                                                                                                     "0x8000",
                                                                                                     "waiting")),
        WANTED("a", "true", "{'guest': 'one', 'address': '0x9000'}") "," WANTED(
            "b", "false",
            "{'guest': 'two'}") "," WANTED("c", "false",
                                           "{'guest': 'two'}") "," WANTED("f", "true",
                                                                          "") "," WANTED("n",
                                                                                         "true",
                                                                                         ""),
        true,
        "+ alloc n 4 KiB\n"
        "- detach a from one at 0x1000\n"
        "- detach c from one at 0x3000\n"
        "+ attach a to one at 0x9000\n"
        "+ attach b to two\n"
        "- detach b from one at 0x2000\n"
        "- detach d from two at 0x5000\n"
        "- detach f from one at 0x8000 (final)\n"
        "- detach e from two at 0x7000 (final)\n"
        "- detach e from one at 0x6000 (final)\n"
        "- free d 4 KiB (final)\n");
}

/* Of those that go with their last guest only that one is final. */
static void test_prune_shared(void **state)
{
    assert_plan(SEGMENT("a", "false", AT(1, "0x1000", "attached") "," AT(2, "0x2000", "attached")),
                "", true,
                "- detach a from one at 0x1000\n"
                "- detach a from two at 0x2000 (final)\n");
}

static void test_quarantine(void **state)
{
    const char *partly =
        SEGMENT("a", "true", AT(1, "0x1000", "quarantined") "," AT(2, "0x2000", "attached"));
    const char *wholly = "{'name': 'a', 'pool': 'p', 'size': 4096, 'kept': false, 'state': "
                         "'quarantined', 'attachments': [" AT(1, "0x1000", "quarantined") "]}";

    assert_plan(partly, WANTED("a", "true", "{'guest': 'two'}"), true, "");
    assert_refused(partly, WANTED("a", "true", "{'guest': 'one'}"), false, XENSHM_PAGES_HELD);
    assert_refused(partly, "", true, XENSHM_PAGES_HELD);
    assert_plan(wholly, "", true, "");
    assert_refused(wholly, WANTED("a", "false", "{'guest': 'two'}"), false, XENSHM_PAGES_HELD);
}

static void test_refusals(void **state)
{
    const char *kept = SEGMENT("a", "true", AT(1, "0x1000", "attached"));
    const char *lease = SEGMENT("a", "false", AT(1, "0x1000", "attached"));
    const char *waits = SEGMENT("a", "true", AT(1, "0x1000", "waiting"));

    assert_refused(kept, WANTED("a", "false", "{'guest': 'one'}"), false, XENSHM_SEGMENT_EXISTS);
    assert_refused(kept, "{'name': 'a', 'size': 4097, 'guests': []}", false, XENSHM_SEGMENT_EXISTS);
    assert_refused(kept, "{'name': 'a', 'size': 4096, 'pool': 'q', 'guests': []}", false,
                   XENSHM_SEGMENT_EXISTS);
    assert_refused(kept, "{'name': 'a', 'size': 4096, 'align': 8192, 'guests': []}", false,
                   XENSHM_SEGMENT_EXISTS);
    assert_refused(lease, WANTED("a", "false", "{'guest': 'one', 'address': '0x2000'}"), false,
                   XENSHM_ALREADY_ATTACHED);
    assert_refused(waits, WANTED("a", "true", "{'guest': 'one', 'address': '0x2000'}"), false,
                   XENSHM_GUEST_DYING);
    assert_refused("", WANTED("a", "true", "{'guest': 'three'}"), false, XENSHM_GUEST_UNKNOWN);
    assert_refused("", WANTED("a", "true", "{'guest': 'down'}"), false, XENSHM_GUEST_DYING);
    assert_refused("", WANTED("a", "true", "{'guest': 'one'}, {'guest': 1}"), false,
                   XENSHM_CONFIG_INVALID);
    assert_refused(SEGMENT("ordered", "true", ""), "", true, XENSHM_SEGMENT_IN_USE);
}

/* ---- guests */

static void assert_resolved(const char *guests, const char *segments, const char *called, int code,
                            json_int_t domid)
{
    _cleanup_(tear_down) struct fixture fixture;
    const struct present_guest *guest = NULL;

    set_up(&fixture, guests, segments, "");
    assert_int_equal(present_resolve(&fixture.present, called, &guest, &fixture.error), code);
    if (code == 0)
        assert_int_equal(guest->domid, domid);
}

static void test_guests(void **state)
{
    const char *twins = "{'name': 'one', 'domid': 1, 'uuid': 'u1', 'state': 'rebooting'},"
                        "{'name': 'one', 'domid': 4, 'uuid': 'u1', 'state': 'running'}," TWO
                        ",{'name': '2', 'domid': 5, 'uuid': 'u5', 'state': 'running'}";
    const char *clones = "{'name': 'a', 'domid': 1, 'uuid': 'u1', 'state': 'running'},"
                         "{'name': 'b', 'domid': 2, 'uuid': 'u1', 'state': 'running'}";
    const char *waits = SEGMENT("a", "true", AT(9, "0x1000", "waiting"));

    assert_resolved(twins, "", "one", 0, 4);
    assert_resolved(twins, "", "4", 0, 4);
    assert_resolved(twins, "", "1", XENSHM_GUEST_UNKNOWN, 0);
    assert_resolved(twins, "", "2", XENSHM_GUEST_AMBIGUOUS, 0);
    assert_resolved(twins, "", "U2", 0, 2);
    assert_resolved(clones, "", "u1", XENSHM_GUEST_AMBIGUOUS, 0);
    assert_resolved(ONE, waits, "u9", 0, 9);
    assert_resolved(ONE, waits, "g", 0, 9);
    /* One that runs is meant before one that is waited for. */
    assert_resolved("{'name': 'g', 'domid': 1, 'uuid': 'u1', 'state': 'running'}", waits, "g", 0,
                    1);
    assert_resolved("{'name': 'x', 'domid': 9, 'uuid': 'u1', 'state': 'running'}", waits, "9", 0,
                    9);
}

/* ---- requests */

typedef json_t *request_fn(const struct step *step, const char **ret_method);

static void assert_request(request_fn *request, const struct step *step,
                           const char *expected_method, const char *expected)
{
    _cleanup_(cleanup_json) json_t *wanted = quoted_json(expected), *params = NULL;
    const char *method = NULL;

    params = request(step, &method);
    assert_string_equal(method, expected_method);
    if (!json_equal(params, wanted)) {
        _cleanup_(cleanup_free) char *text = json_dumps(params, 0);

        fail_msg("%s, not %s", text, expected);
    }
}

static void test_requests(void **state)
{
    const struct present_guest guest = { .name = "g", .uuid = "u", .domid = 7, .domains = 1 };
    const struct present_guest clone = { .name = "g", .uuid = "u", .domid = 7, .domains = 2 };
    struct step alloc = { STEP_ALLOC, .segment = "a", .size = 4096, .pool = "p", .align = 8192 };
    struct step make = { STEP_ATTACH, .segment = "a", .guest = &guest, .size = 4096, .pool = "p" };
    struct step share = { STEP_ATTACH, .segment = "a", .guest = &clone, .address = "identity" };
    struct step detach = { STEP_DETACH, .segment = "a", .guest = &guest, .address = "0x1000" };
    struct step release = { STEP_FREE, .segment = "a", .size = 4096 };

    assert_request(step_request, &alloc, "segment.alloc",
                   "{'name': 'a', 'size': 4096, 'pool': 'p', 'align': 8192}");
    assert_request(step_undo_request, &alloc, "segment.free", "{'name': 'a'}");
    assert_request(step_request, &make, "guest.attach",
                   "{'guest': 'u', 'name': 'a', 'size': 4096, 'pool': 'p'}");
    assert_request(step_request, &share, "guest.attach",
                   "{'guest': 7, 'segment': 'a', 'address': 'identity'}");
    assert_request(step_undo_request, &share, "guest.detach", "{'guest': 7, 'segment': 'a'}");
    assert_request(step_request, &detach, "guest.detach", "{'guest': 'u', 'segment': 'a'}");
    assert_request(step_undo_request, &detach, "guest.attach",
                   "{'guest': 'u', 'segment': 'a', 'address': '0x1000'}");
    assert_request(step_request, &release, "segment.free", "{'name': 'a'}");
}

/* ---- what is seen of a step */

static void test_bytes_are_held(void **state)
{
    const struct present_guest two = { .name = "two", .uuid = "u2" };
    struct step step = { STEP_ATTACH, .segment = "a", .guest = &two, .placed = "0x2000",
                         .bytes = true };
    static const struct {
        const char *segment;
        bool holds;
    } cases[] = {
        { SEGMENT("a", "false", AT(2, "0x2000", "attached")), true },
        { SEGMENT("a", "false", AT(1, "0x1", "quarantined") "," AT(2, "0x2000", "attached")),
          true },
        { SEGMENT("a", "false", AT(1, "0x1", "waiting") "," AT(2, "0x2000", "attached")), true },
        { SEGMENT("a", "false", AT(1, "0x1", "attached") "," AT(2, "0x2000", "attached")), false },
        { SEGMENT("a", "true", AT(2, "0x2000", "attached")), false },
    };

    for (size_t i = 0; i < ELEMENTS(cases); i++) {
        _cleanup_(tear_down) struct fixture fixture;

        set_up(&fixture, ONE "," TWO, cases[i].segment, "");
        TAILQ_INIT(&fixture.plan.steps);
        assert_int_equal(step_holds_bytes(&step, &fixture.present), cases[i].holds);
    }
}

/* ---- without memory */

static int plan_and_export(struct fixture *fixture)
{
    int r = plan_make(&fixture->layout, &fixture->present, true, &fixture->plan, &fixture->error);
    struct step *step;

    TAILQ_FOREACH(step, &fixture->plan.steps, link) {
        _cleanup_(cleanup_json) json_t *json = step_json(step), *request = NULL, *undo = NULL;
        const char *method;

        request = step_request(step, &method);
        undo = step->final ? json_null() : step_undo_request(step, &method);
        r = json && request && undo ? r : -ENOMEM;
    }
    return r;
}

static void test_no_memory(void **state)
{
    bool hit = true;

    for (long n = 0; hit; n++) {
        _cleanup_(tear_down) struct fixture fixture;
        _cleanup_(cleanup_json) json_t *layout = NULL;
        int r;

        set_up(&fixture, ONE "," TWO,
               SEGMENT("a", "true", AT(1, "0x1000", "attached")) "," SEGMENT("b", "true", ""),
               WANTED("a", "true", "{'guest': 'two', 'address': 'identity'}") "," WANTED(
                   "c", "false", "{'guest': 'one'}"));
        fault_after(n);
        r = plan_and_export(&fixture);
        layout = layout_export(&fixture.present);
        hit = fault_end();
        assert_true(hit == (r == -ENOMEM || !layout));
        assert_int_equal(fixture.error.code, 0);
        assert_true(n < 1000);
    }
}

static void test_no_memory_for_an_index(void **state)
{
    bool hit = true;

    for (long n = 0; hit; n++) {
        struct present present = {
            .guest_list = wrapped("guests", ONE "," TWO),
            .segment_list = wrapped("segments", SEGMENT("a", "true", AT(1, "0x1", "attached"))),
        };
        int r;

        fault_after(n);
        r = present_index(&present);
        hit = fault_end();
        assert_int_equal(r, hit ? -ENOMEM : 0);
        present_clear(&present);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_new_segments),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_prune_shared),
        cmocka_unit_test(test_quarantine),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_guests),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_bytes_are_held),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_memory_for_an_index),
    };

    layout_faults();
    return RUN_TESTS("layout_plan", tests);
}
