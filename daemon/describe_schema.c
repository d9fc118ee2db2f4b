/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What describe.c and the events tell, as tables. Change both together: tests compare them. */
#include "describe.h"

#include "schema.h"

static const char *const run_states[] = { "free", "used", "foreign", "quarantined", NULL };
static const char *const segment_states[] = { "ready",       "wiping", "mapping", "unmapping",
                                              "quarantined", "clash",  NULL };
static const char *const progress_steps[] = { "wiping", "mapping", "unmapping", NULL };
static const char *const attachment_states[] = { "attaching", "attached",    "waiting",
                                                 "detaching", "quarantined", NULL };
static const char *const guest_states[] = { "running",   "paused",     "shutdown", "rebooting",
                                            "suspended", "crashed",    "watchdog", "soft-reset",
                                            "building",  "restarting", "ending",   NULL };

static const struct schema domain[] = {
    { "name", SCHEMA_STRING },
    { "domid", SCHEMA_INTEGER },
    { "uuid", SCHEMA_UUID },
    { NULL },
};

static const struct schema pool[] = {
    { "name", SCHEMA_STRING },
    { "device", SCHEMA_STRING, 0, "the UIO device" },
    { "host_address", SCHEMA_ADDRESS },
    { "size", SCHEMA_SIZE, 0, "bytes" },
    { "free", SCHEMA_SIZE, 0, "bytes" },
    { "largest_free", SCHEMA_SIZE, 0, "bytes in the largest free run" },
    { "guest_address", SCHEMA_ADDRESS, SCHEMA_NULLABLE, "its place in every guest" },
    { NULL },
};

static const struct schema run[] = {
    { "pool", SCHEMA_STRING },
    { "host_address", SCHEMA_ADDRESS },
    { "size", SCHEMA_SIZE, 0, "bytes" },
    { "state", SCHEMA_STRING, .values = run_states },
    { "segment", SCHEMA_STRING, SCHEMA_OPTIONAL, "whose pages they are" },
    { "guest", SCHEMA_STRING, SCHEMA_OPTIONAL, "the only guest that has them" },
    { "clash", SCHEMA_REFERENCE, SCHEMA_OPTIONAL | SCHEMA_LIST,
      "guests that have some of them by their own iomem", .reference = "domain" },
    { NULL },
};

static const struct schema attachment[] = {
    { "segment", SCHEMA_STRING },
    { "pool", SCHEMA_STRING },
    { "guest", SCHEMA_REFERENCE, .reference = "domain" },
    { "guest_address", SCHEMA_ADDRESS },
    { "host_address", SCHEMA_ADDRESS },
    { "size", SCHEMA_SIZE, 0, "bytes" },
    { "epoch", SCHEMA_INTEGER, 0, "grows with each new life of the pages" },
    { "state", SCHEMA_STRING, .values = attachment_states },
    { "warning", SCHEMA_STRING, SCHEMA_OPTIONAL, "one line for a person" },
    { NULL },
};

static const struct schema progress[] = {
    { "step", SCHEMA_STRING, .values = progress_steps },
    { "done", SCHEMA_SIZE, 0, "bytes of the segment's size" },
    { NULL },
};

static const struct schema segment[] = {
    { "name", SCHEMA_STRING },
    { "pool", SCHEMA_STRING },
    { "host_address", SCHEMA_ADDRESS },
    { "size", SCHEMA_SIZE, 0, "bytes" },
    { "kept", SCHEMA_BOOLEAN, 0, "it stays until segment.free" },
    { "epoch", SCHEMA_INTEGER, 0, "grows with each new life of the pages" },
    { "owner_uid", SCHEMA_INTEGER, 0, "the user that made it" },
    { "attachments", SCHEMA_REFERENCE, SCHEMA_LIST, .reference = "attachment" },
    { "state", SCHEMA_STRING, SCHEMA_OPTIONAL, .values = segment_states },
    { "progress", SCHEMA_OBJECT, SCHEMA_OPTIONAL, "of what is under way", progress },
    { "clash", SCHEMA_REFERENCE, SCHEMA_OPTIONAL | SCHEMA_LIST,
      "guests that have some of its pages by their own iomem", .reference = "domain" },
    { "opened", SCHEMA_INTEGER, SCHEMA_OPTIONAL, "programs of Dom0 that have it open" },
    { NULL },
};

static const struct schema foreign[] = {
    { "host_address", SCHEMA_ADDRESS },
    { "size", SCHEMA_SIZE, 0, "bytes" },
    { "guest_address", SCHEMA_ADDRESS },
    { NULL },
};

static const struct schema guest[] = {
    { "name", SCHEMA_STRING },
    { "domid", SCHEMA_INTEGER },
    { "uuid", SCHEMA_UUID },
    { "state", SCHEMA_STRING, .values = guest_states },
    { "memory", SCHEMA_SIZE, 0, "bytes" },
    { "attachments", SCHEMA_REFERENCE, SCHEMA_LIST, .reference = "attachment" },
    { "foreign", SCHEMA_OBJECT, SCHEMA_LIST, "pages of our pools in its own iomem", foreign },
    { "config_known", SCHEMA_BOOLEAN, 0, "false: it may hold anything" },
    { "created", SCHEMA_BOOLEAN, 0, "by guest.create" },
    { NULL },
};

static const struct schema created_guest[] = {
    { "name", SCHEMA_STRING },
    { "domid", SCHEMA_INTEGER },
    { "uuid", SCHEMA_UUID },
    { "state", SCHEMA_STRING },
    { NULL },
};

static const struct schema created[] = {
    { "guest", SCHEMA_OBJECT, .members = created_guest },
    { "attachments", SCHEMA_REFERENCE, SCHEMA_LIST, .reference = "attachment" },
    { "warnings", SCHEMA_STRING, SCHEMA_OPTIONAL | SCHEMA_LIST, "lines for a person" },
    { NULL },
};

static const struct schema order[] = {
    { "segment", SCHEMA_STRING },
    { "guests", SCHEMA_STRING, SCHEMA_LIST },
    { "problem", SCHEMA_STRING, SCHEMA_NULLABLE, "what stands in its way" },
    { NULL },
};

const struct schema describe_components[] = {
    { "pool", SCHEMA_OBJECT, 0, "Reserved pages behind one UIO map.", pool },
    { "run", SCHEMA_OBJECT, 0, "Neighbouring pages of a pool in one state.", run },
    { "segment", SCHEMA_OBJECT, 0, "Pages that are shared under a name.", segment },
    { "attachment", SCHEMA_OBJECT, 0, "A segment in a guest.", attachment },
    { "guest", SCHEMA_OBJECT, 0, "A domain other than Dom0.", guest },
    { "domain", SCHEMA_OBJECT, 0, "What tells one domain from every other.", domain },
    { "created", SCHEMA_OBJECT, 0, "A guest that xenshmd has made.", created },
    { "order", SCHEMA_OBJECT, 0, "A segment of the configuration.", order },
    { NULL },
};

static const struct schema ended[] = {
    { "guest", SCHEMA_OBJECT, .members = created_guest },
    { "reason", SCHEMA_STRING, 0, "one line for a person" },
    { NULL },
};

static const struct schema failed_guest[] = {
    { "name", SCHEMA_STRING },
    { "uuid", SCHEMA_UUID },
    { NULL },
};

static const struct schema failed[] = {
    { "guest", SCHEMA_OBJECT, .members = failed_guest },
    { "error", SCHEMA_STRING, 0, "name of the error" },
    { "problem", SCHEMA_STRING, 0, "one line for a person" },
    { NULL },
};

static const struct schema failed_order[] = {
    { "segment", SCHEMA_STRING },
    { "name", SCHEMA_STRING, 0, "of the error" },
    { "problem", SCHEMA_STRING, 0, "one line for a person" },
    { NULL },
};

static const struct schema reloaded[] = {
    { "path", SCHEMA_STRING, SCHEMA_NULLABLE, "of the file" },
    { NULL },
};

#define ABOUT(type, component)                                                                     \
    {                                                                                              \
        type, SCHEMA_REFERENCE, SCHEMA_NULLABLE, .reference = component                            \
    }
#define WITH(type, table)                                                                          \
    {                                                                                              \
        type, SCHEMA_OBJECT, SCHEMA_NULLABLE, .members = table                                     \
    }

const struct schema describe_event_objects[] = {
    ABOUT("segment.allocated", "segment"),
    ABOUT("segment.freed", "segment"),
    ABOUT("segment.clash", "segment"),
    ABOUT("segment.clash-ended", "segment"),
    ABOUT("segment.progress", "segment"),
    ABOUT("attachment.attached", "attachment"),
    ABOUT("attachment.detached", "attachment"),
    ABOUT("attachment.waiting", "attachment"),
    ABOUT("attachment.restored", "attachment"),
    ABOUT("attachment.lost", "attachment"),
    ABOUT("attachment.quarantined", "attachment"),
    ABOUT("guest.created", "created"),
    ABOUT("guest.restarted", "created"),
    WITH("guest.ended", ended),
    WITH("guest.failed", failed),
    WITH("order.failed", failed_order),
    WITH("config.reloaded", reloaded),
    { EVENTS_OVERFLOW, SCHEMA_ANY, SCHEMA_NULLABLE },
    { NULL },
};
