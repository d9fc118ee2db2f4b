/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests whose every field is chosen by one byte: absent, one of a few that matter, or wrong. */
#include "requests.h"

#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "method_sim.h"

#define ABSENT 0x60 /* below this an optional field is not there */
#define WRONG 0xfc  /* from here on it is what it must not be */

#define UUID(n) "\"00000000-0000-4000-8000-00000000000" n "\""
#define METHODS_MAX 64

/* What a builder of requests_builder.c takes for a configuration. */
#define FACTS(name, uuid, iomem, taken, action)                                                    \
    "{\"c_info\":{},\"b_info\":{},\"facts\":{\"name\":\"" name                                     \
    "\",\"uuid\":" UUID(uuid) ",\"max_memory\":131072,\"iomem\":" iomem ",\"taken\":" taken        \
                              ",\"actions\":{\"poweroff\":\""                                      \
                              "destroy\",\"reboot\":\"restart\",\"crash\":\"" action               \
                              "\",\"watchdog\":\"" action "\",\"soft_reset\":\"" action "\"}}}"
#define RANGE(host) "[{\"host_address\":" host ",\"size\":4096,\"guest_address\":1048576000}]"
#define TAKEN(address, size) "[{\"address\":" address ",\"size\":" size "}]"

/* The values of a field, by its name or (NULL) its type. */
struct values {
    const char *name;
    enum params_type type;
    const char *texts[14];
};

/* clang-format off */
static const struct values values[] = {
    { "pool", PARAMS_STRING, { "\"shared_mem\"", "\"second\"", "\"none\"" } },
    { "uuid", PARAMS_STRING, { UUID("0"), UUID("1"), UUID("2"), "\"\"" } },
    { "reason", PARAMS_STRING,
      { "\"reboot\"", "\"poweroff\"", "\"crash\"", "\"soft_reset\"", "\"watchdog\"", "\"suspend\"" } },
    { "iomem", PARAMS_JSON,
      { "[\"0x7ffff,1\"]", "[\"0x7fff8,8\"]", "[\"0x7fff0,2@0x3a000\"]", "[\"0x7ffee,4\"]",
        "[\"0x7ffff,1\",\"0x7fffe,1@0x3a001\"]", "[\"0x9,1\"]", "[]", "[\"0x7ffe8,18@0x3fc00\"]" } },
    { "config", PARAMS_JSON,
      { FACTS("c0", "1", "[]", "[]", "restart"), "false", FACTS("g1", "2", "[]", "[]", "destroy"),
        FACTS("c0", "1", RANGE("2147479552"), "[]", "preserve"),
        FACTS("c1", "3", "[]", TAKEN("973078528", "65536"), "rename-restart"),
        FACTS("c1", "3", "[]", "[]", "coredump-restart"), "{}", "true",
        FACTS("c2", "0", RANGE("2147418112"), TAKEN("0", "9223372036854775807"), "soft-reset") } },
    { "shares", PARAMS_JSON,
      { "[{\"size\":4096}]", "[{\"segment\":\"s0\"}]", "[]",
        "[{\"size\":8192},{\"size\":1,\"name\":\"s1\",\"pool\":\"second\"}]",
        "[{\"segment\":\"s0\",\"address\":\"identity\"},{\"segment\":\"s1\"}]",
        "[{\"size\":65536,\"address\":\"0x3a000000\"}]", "[{}]" } },
    { "paused", PARAMS_JSON, { "true", "false" } },
    { "memory", PARAMS_SIZE, { "134217728", "67108864", "1073741824", "4096" } },
    { "maxmem", PARAMS_SIZE, { "134217728", "2147483648" } },
    { "length", PARAMS_SIZE, { "1", "4096", "65536" } },
    { NULL, PARAMS_STRING, { "\"g0\"", "\"g1\"", "\"g2\"", "\"c0\"", "\"c1\"", "\"a b\"", "\"\"" } },
    { NULL, PARAMS_NAME,
      { "\"s0\"", "\"s1\"", "\"g0-0\"", "\"s2\"", "\"g1-0\"", "\"g0-1\"", "\"kept\"" } },
    { NULL, PARAMS_GUEST,
      /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): UUID() is made of parts */
      { "\"g0\"", "\"g1\"", "1", "2", "\"g2\"", "3", UUID("0"), UUID("1"), "\"c0\"", "\"c1\"", "\"a b\"",
        "\"1\"" } },
    { NULL, PARAMS_SIZE,
      { "4096", "8192", "1", "16384", "65536", "32768", "65537", "9223372036854775807" } },
    { NULL, PARAMS_INTEGER, { "1", "2", "3", "0", "7", "64", "32751", "9223372036854775807" } },
    { NULL, PARAMS_BOOL, { "true", "false" } },
    { NULL, PARAMS_ADDRESS, { "\"0x3a000000\"", "\"0x7ffff000\"", "\"0x7fff0000\"", "\"0x0\"" } },
    { NULL, PARAMS_PLACE,
      { "\"0x3a000000\"", "\"identity\"", "\"0x3a001000\"", "\"0x7ffff000\"", "\"0x40000000\"",
        "\"0x100000000\"", "\"0x3a000800\"", "\"0xfffffffffffff000\"", "\"0x3fc00000\"" } },
    { NULL, PARAMS_STRINGS,
      { "[]", "[\"attachment.attached\"]", "[\"segment.freed\",\"attachment.waiting\"]" } },
    { NULL, PARAMS_JSON, { "{}", "[]", "[{\"size\":4096}]", "null" } },
};
static const char *const wrong[] = { "null", "-1", "\"\"", "[[]]" };
/* clang-format on */

static struct method sim_rows[METHODS_MAX + 1];

static bool is_harmless(const char *name)
{
    return strcmp(name, "sim.fail") != 0 && !strstr(name, ".write");
}

/* In this order, so that inputs mean the same when there are more; those come behind. */
static const char *const order[] = {
    "rpc.discover",     "daemon.status",      "daemon.metrics",      "pool.list",
    "pool.map",         "segment.list",       "segment.show",        "segment.alloc",
    "segment.free",     "segment.open",       "guest.list",          "guest.attach",
    "guest.detach",     "guest.create",       "guest.destroy",       "events.subscribe",
    "sim.guest.start",  "sim.guest.shutdown", "sim.guest.resume",    "sim.guest.destroy",
    "sim.guest.rename", "sim.guest.pause",    "sim.guest.configure", "sim.guest.xenstore",
    "sim.guest.read",   "sim.host.read",      "sim.builder",         "sim.status",
};
#define ORDER (sizeof(order) / sizeof(order[0]))

static const struct method *rows[2 * METHODS_MAX];
static size_t row_count;

static void add_row(const struct method *row)
{
    for (size_t i = 0; i < ORDER; i++)
        if (strcmp(order[i], row->name) == 0) {
            rows[i] = row;
            return;
        }
    MUST(row_count < sizeof(rows) / sizeof(rows[0]));
    rows[row_count++] = row;
}

static void order_rows(void)
{
    row_count = ORDER;
    for (const struct method *row = methods; row->name; row++)
        add_row(row);
    for (const struct method *row = sim_rows; row->name; row++)
        add_row(row);
    for (size_t i = 0; i < ORDER; i++)
        MUST(rows[i]);
}

const struct method *requests_sim_methods(void)
{
    size_t count = 0;

    for (const struct method *row = sim_methods; row->name; row++)
        if (is_harmless(row->name)) {
            MUST(count < METHODS_MAX);
            sim_rows[count++] = *row;
        }
    order_rows();
    return sim_rows;
}

static const struct method *choose_method(uint8_t choice)
{
    size_t index = choice % METHODS_MAX;

    return rows[index < row_count ? index : index % ORDER];
}

static const char *choose_text(const struct params_field *field, uint8_t choice)
{
    const struct values *found = values;
    size_t count = 0;

    if (choice >= WRONG)
        return wrong[choice - WRONG];
    while ((found->name && strcmp(found->name, field->name) != 0) || found->type != field->type)
        MUST(++found < values + sizeof(values) / sizeof(values[0]));
    while (count < sizeof(found->texts) / sizeof(found->texts[0]) && found->texts[count])
        count++;
    MUST(count > 0);
    return found->texts[choice % count];
}

static json_t *make_params(const struct params_field *fields, const struct record *record)
{
    json_t *params = json_object();

    for (size_t i = 0; fields && fields[i].name; i++) {
        uint8_t choice = record->choices[i % sizeof(record->choices)];

        if (choice < ABSENT && !fields[i].required)
            continue;
        json_object_set_new(params, fields[i].name,
                            json_loads(choose_text(&fields[i], choice), JSON_DECODE_ANY, NULL));
    }
    return params;
}

json_t *requests_make(const struct record *record, json_int_t id)
{
    const struct method *method = choose_method(record->method);
    json_t *request = json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method->name,
                                "params", make_params(method->fields, record));

    MUST(request);
    if (id)
        json_object_set_new(request, "id", json_integer(id));
    return request;
}
