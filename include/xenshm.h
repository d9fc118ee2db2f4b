/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public interface of xenshmd: where the daemon listens, the stable error codes of its
 * protocol, and libxenshm, the C library that speaks it.
 *
 * Codes and names never change their meaning; new ones are added at the end. The wire format is
 * described in docs/protocol.md (JSON-RPC 2.0).
 */
#ifndef XENSHM_H
#define XENSHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XENSHM_DEFAULT_STATE_DIR "/run/xenshmd"
#define XENSHM_DEFAULT_SOCKET XENSHM_DEFAULT_STATE_DIR "/xenshmd.sock"

/* The longest request line, its newline not counted. Replies may be longer. */
#define XENSHM_LINE_MAX (256 * 1024)

/*
 * Every refusal: X(identifier and wire name, code, what to do about it). The code is
 * error.code of a JSON-RPC reply, the name error.data.name, the last column its general hint.
 */
#define XENSHM_ERRORS(X)                                                                           \
    X(POOL_FULL, 1, "ask for less, or detach something from this pool first")                      \
    X(POOL_UNKNOWN, 2, "`xenshmctl pools` lists the pools")                                        \
    X(SEGMENT_EXISTS, 3, "choose another name; `xenshmctl list` shows those in use")               \
    X(SEGMENT_UNKNOWN, 4, "`xenshmctl list` lists the segments")                                   \
    X(SEGMENT_IN_USE, 5, "detach it from its guests first")                                        \
    X(GUEST_UNKNOWN, 6, "`xenshmctl guests` lists the running guests")                             \
    X(GUEST_AMBIGUOUS, 7, "name the guest by its UUID")                                            \
    X(GUEST_DYING, 8, "wait until the guest is gone, or runs again")                               \
    X(ALREADY_ATTACHED, 9, "detach it first to place it elsewhere")                                \
    X(NOT_ATTACHED, 10, "`xenshmctl list` shows what is attached where")                           \
    X(ADDRESS_IN_USE, 11, "choose another guest address, or none for the default")                 \
    X(ADDRESS_IS_RAM, 12, "choose an address outside the guest's RAM, or none for the default")    \
    X(ADDRESS_RESERVED, 13, "choose another guest address, or none for the default")               \
    X(PAGES_HELD, 14, "remove the holder that the message names")                                  \
    X(HOLDER_UNKNOWN, 15,                                                                          \
      "try again when that domain is built; see `unknown-holders` in "                             \
      "xenshmd.conf")                                                                              \
    X(QUOTA_EXCEEDED, 16, "give something back first, or have the quota raised")                   \
    X(TOO_MANY, 17, "wait for earlier requests, or give something back first")                     \
    X(BUSY, 18, "try again")                                                                       \
    X(PERMISSION_DENIED, 19, "ask as root, or become a member of the group that may")              \
    X(HYPERVISOR_FAILED, 20, "see the daemon's log and `xl dmesg`")                                \
    X(UNSUPPORTED, 21, "see the daemon's documentation")                                           \
    X(CONFIG_INVALID, 22, "correct the configuration")                                             \
    X(STORE_FAILED, 23, "see the daemon's log; is its state directory full or read-only?")         \
    X(GUEST_EXISTS, 24, "choose another name or UUID; `xenshmctl guests` lists the guests")        \
    X(GUEST_FOREIGN, 25, "use the toolstack that created it, such as `xl destroy`")

enum xenshm_error {
#define XENSHM_ERROR_ENUM(name, code, hint) XENSHM_##name = code,
    XENSHM_ERRORS(XENSHM_ERROR_ENUM)
#undef XENSHM_ERROR_ENUM
};

/* ================================================================================================
 * libxenshm: the client library (pkg-config libxenshm). Everything below talks to a running daemon.
 *
 * Results. Functions that return int return 0 when done; otherwise
 *
 *  - a positive number: the daemon refused, enum xenshm_error above (or one of a newer daemon);
 *  - XENSHM_PARSE_ERROR ... XENSHM_INTERNAL_ERROR: a code of JSON-RPC, mostly
 *    XENSHM_INVALID_PARAMS, for a value that the daemon does not take;
 *  - a negative errno: nobody answered, or not as xenshmd does:
 *      -ENOENT, -ECONNREFUSED, -EACCES...  the socket cannot be connected to
 *      -ETIMEDOUT     no answer in time; the daemon goes on with what it has begun
 *      -ECONNRESET    the daemon closed the connection before its reply
 *      -EPROTO        what answers is not xenshmd, or not in a way that this library understands
 *      -EMSGSIZE      the reply is longer than 256 MiB
 *      -ENOTCONN      an earlier failure of these ended the connection: connect again
 *      -E2BIG         the request is longer than XENSHM_LINE_MAX, or has an option that this
 *                     library does not know; nothing was sent
 *      -EINVAL        an argument that cannot be sent (not UTF-8, not JSON); nothing was sent
 *      -ENOMEM        no memory
 *
 * xenshm_is_refusal() tells the first two from the third. A refusal, -E2BIG and -EINVAL leave the
 * connection as it was. So does -EPROTO for a result that lacks something, of a request that has
 * been carried out. After the others it has ended, and xenshm_fd() is -1; -ENOMEM may be either.
 *
 * Outputs (ret_...) are last and untouched on failure. Results are one block each, which the caller
 * frees with xenshm_free(), as a whole: what they point to goes with them, and nothing in them is
 * freed on its own. Members of JSON keep their names. Texts are UTF-8 and never NULL unless it says
 * so. Sizes are in bytes. Only the library allocates result structs, so that they can grow: new
 * members come at their ends. Do not copy them by value or rely on their size. A program needs the
 * library in the version whose header it was compiled with, or a later one of the same soversion.
 *
 * Threads. An object (connection, mapping) belongs to one thread at a time, different objects are
 * independent. The library has no global state, prints nothing, never exits, changes no signals and
 * gets none (MSG_NOSIGNAL); its descriptors are close-on-exec. After fork() only one of the two
 * processes may go on using a connection.
 */

#define XENSHM_PARSE_ERROR (-32700)
#define XENSHM_INVALID_REQUEST (-32600)
#define XENSHM_METHOD_NOT_FOUND (-32601)
#define XENSHM_INVALID_PARAMS (-32602)
#define XENSHM_INTERNAL_ERROR (-32603)

/* Seconds that connecting, and each call, may take unless told otherwise. */
#define XENSHM_DEFAULT_TIMEOUT 60

/* ---- connections */

struct xenshm; /* a connection to the daemon */

/*
 * Connects to the daemon at `path`; NULL: $XENSHM_SOCKET, or XENSHM_DEFAULT_SOCKET where that is
 * not set or empty. The caller ends it with xenshm_close(). Beyond the general failures any of
 * connect(2), -ENAMETOOLONG for a path of more than 107 bytes.
 */
int xenshm_connect(const char *path, struct xenshm **ret_connection);

/* The same with a limit of its own, which the calls then have as well; 0: none. */
int xenshm_connect_within(const char *path, unsigned seconds, struct xenshm **ret_connection);

/*
 * A connected stream socket that leads to the daemon's, such as one end of a socketpair whose other
 * end is `ssh HOST xenshmctl proxy`. It is taken over, and closed on failure too (-ENOTSOCK,
 * -EBADF, -ENOMEM). xenshm_map() does not work on such a connection.
 */
int xenshm_connect_fd(int fd, struct xenshm **ret_connection);

/* Ends a connection and frees it; NULL is allowed. What the daemon has begun, it finishes. */
void xenshm_close(struct xenshm *connection);

/* Seconds that each call from now on may take, its reply included; 0: no limit. */
void xenshm_set_timeout(struct xenshm *connection, unsigned seconds);

/* ---- failures */

/*
 * About the last call on this connection that failed, valid until the next call on it: one
 * printable line that names the object and the rule, and the daemon's hint what to do about it, ""
 * where it gave none. Before any failure both are "".
 */
const char *xenshm_message(const struct xenshm *connection);
const char *xenshm_hint(const struct xenshm *connection);

/*
 * The name that the daemon gave that error, which may be one that this version of the library does
 * not know; "" where it gave none. Otherwise as xenshm_error_name().
 */
const char *xenshm_last_name(const struct xenshm *connection);

/* "POOL_FULL", "INVALID_PARAMS", "ETIMEDOUT" for what a function returned; "UNKNOWN" otherwise. */
const char *xenshm_error_name(int error);
/*
 * One line about what a function returned, for failures without a connection: "no answer from
 * xenshmd in time". Of refusals it is the general hint; xenshm_message() says more.
 */
const char *xenshm_error_text(int error);

/* Whether the daemon itself answered so, as opposed to a failure on the way to it or back. */
static inline bool xenshm_is_refusal(int error)
{
    return error > 0 || error < -4095;
}

/* ---- any method */

/*
 * Calls `method` with `params`, the text of a JSON object; NULL: without. *ret_result is the
 * result as JSON text in one line, members and order as the daemon sent them. The other functions
 * are shorthands for this one; docs/protocol.md describes the methods.
 */
int xenshm_call(struct xenshm *connection, const char *method, const char *params,
                char **ret_result);

/* Frees a result: of xenshm_call(), a struct, a text. NULL is allowed. */
void xenshm_free(void *result);

/* ---- objects */

/* A guest by what identifies it; this struct will not grow. */
struct xenshm_guest_id {
    const char *name;
    int64_t domid;    /* of a guest that is gone, or waited for: its last */
    const char *uuid; /* in lower case, with hyphens */
};

/* A segment mapped into a guest. */
struct xenshm_attachment {
    const char *segment;
    const char *pool;
    struct xenshm_guest_id guest;
    uint64_t guest_address; /* where the guest has it */
    uint64_t host_address;
    uint64_t size;
    uint64_t epoch;      /* grows when the pages get a new life */
    const char *state;   /* "attaching", "attached", "waiting", "detaching", "quarantined" */
    const char *warning; /* a line for a person, only from xenshm_guest_attach(); NULL: none */
};

/* An operation on a segment that is under way. */
struct xenshm_progress {
    const char *step; /* "wiping", "mapping", "unmapping" */
    uint64_t done;    /* bytes, of the segment's size */
};

/* A named run of pages. */
struct xenshm_segment {
    const char *name;
    const char *pool;
    uint64_t host_address;
    uint64_t size;
    bool kept; /* it lives until xenshm_segment_free(), attached or not */
    uint64_t epoch;
    uint64_t owner_uid; /* who made it */
    const char *state;  /* "ready", "wiping", "mapping", "unmapping", "quarantined", "clash" */
    const struct xenshm_progress *progress; /* NULL: nothing is under way */
    size_t attachment_count;
    const struct xenshm_attachment *const *attachments;
    size_t clash_count; /* guests of others that have pages of it by their own iomem */
    const struct xenshm_guest_id *const *clash;
    uint64_t opened; /* how often it is open for programs in Dom0, see xenshm_map() */
};

/* A contiguous range of host memory that segments are taken from. */
struct xenshm_pool {
    const char *name;
    const char *device; /* "/dev/uio0" */
    uint64_t host_address;
    uint64_t size;
    uint64_t free;
    uint64_t largest_free;  /* the longest free run */
    uint64_t guest_address; /* the pool's place in every guest; 0: it has none */
};

/* Pages of a pool in one state; the runs of a pool cover it without gap or overlap. */
struct xenshm_run {
    const char *pool;
    uint64_t host_address;
    uint64_t size;
    const char *state;   /* "free", "used", "foreign", "quarantined" */
    const char *segment; /* NULL: none */
    const char *guest;   /* NULL: none, or several: see the segment */
    size_t clash_count;
    const struct xenshm_guest_id *const *clash;
};

/* Pages of a pool that a guest has by its own configuration. */
struct xenshm_foreign {
    uint64_t host_address;
    uint64_t size;
    uint64_t guest_address;
};

struct xenshm_guest {
    const char *name;
    int64_t domid;
    const char *uuid;
    /* "running", "paused", "shutdown", "rebooting", "suspended", "crashed", "watchdog",
     * "soft-reset"; of one that xenshmd has in hand "building", "restarting", "ending" */
    const char *state;
    uint64_t memory;
    size_t attachment_count;
    const struct xenshm_attachment *const *attachments;
    size_t foreign_count;
    const struct xenshm_foreign *const *foreign;
    bool config_known; /* false: it may hold any page */
    bool created;      /* by xenshm_guest_create() */
};

/* What xenshm_guest_create() made. */
struct xenshm_created {
    struct xenshm_guest_id guest;
    const char *state;
    size_t attachment_count; /* in the order of the shares */
    const struct xenshm_attachment *const *attachments;
    size_t warning_count; /* lines for a person */
    const char *const *warnings;
};

/* What xenshm_guest_destroy() ended. */
struct xenshm_destroyed {
    struct xenshm_guest_id guest;
    const char *state; /* "destroyed" */
};

struct xenshm_counts {
    uint64_t pools;
    uint64_t segments;
    uint64_t attachments;
    uint64_t guests;
    uint64_t connections;
    uint64_t operations;      /* under way */
    uint64_t builders;        /* at work */
    uint64_t bad_store_files; /* not understood; while there are any, nothing is attached */
    uint64_t openings;        /* of segments, for programs in Dom0 */
};

struct xenshm_limits {
    uint64_t line;          /* bytes of a request */
    uint64_t batch;         /* requests in a batch */
    uint64_t batch_replies; /* bytes of replies to a batch */
    uint64_t connections;
    uint64_t segments;
    uint64_t attachments_per_guest;
    uint64_t operations;
    uint64_t builders;
    uint64_t openings;
    uint64_t openings_per_connection;
};

/* What each user may have at a time; 0: there is no quota. */
struct xenshm_quotas {
    uint64_t connections;
    uint64_t segments;
    uint64_t memory; /* bytes, in the user's segments */
    uint64_t requests;
};

/* A [segment] of the daemon's configuration. */
struct xenshm_order {
    const char *segment;
    size_t guest_count;
    const char *const *guests; /* as configured: names, UUIDs */
    const char *problem;       /* why it is not carried out; NULL: it is */
};

struct xenshm_status {
    const char *version;
    double uptime; /* of the daemon, seconds */
    const char *xen_version;
    const struct xenshm_counts *counts;
    const struct xenshm_limits *limits;
    size_t order_count;
    const struct xenshm_order *const *orders;
    const struct xenshm_quotas *quotas; /* NULL: an older daemon */
};

/* Lists; `items` has `count` members and is never NULL. */
struct xenshm_pools {
    size_t count;
    const struct xenshm_pool *const *items;
};

struct xenshm_runs {
    size_t count;
    const struct xenshm_run *const *items;
};

struct xenshm_segments {
    size_t count;
    const struct xenshm_segment *const *items;
};

struct xenshm_guests {
    size_t count;
    const struct xenshm_guest *const *items;
};

struct xenshm_attachments {
    size_t count;
    const struct xenshm_attachment *const *items;
};

/* ---- the daemon; right: read */

int xenshm_daemon_status(struct xenshm *connection, struct xenshm_status **ret_status);
/* The daemon's figures as OpenMetrics text, for a monitoring system. */
int xenshm_daemon_metrics(struct xenshm *connection, char **ret_text);
/* The OpenRPC description of every method, as JSON text. */
int xenshm_rpc_discover(struct xenshm *connection, char **ret_json);

/* ---- pools; right: read */

int xenshm_pool_list(struct xenshm *connection, struct xenshm_pools **ret_pools);
/* The runs of one pool, or of all (`pool` NULL). Refusals: XENSHM_POOL_UNKNOWN. */
int xenshm_pool_map(struct xenshm *connection, const char *pool, struct xenshm_runs **ret_runs);

/* ---- segments */

/* Right: read. Refusals of the second: XENSHM_SEGMENT_UNKNOWN. */
int xenshm_segment_list(struct xenshm *connection, struct xenshm_segments **ret_segments);
int xenshm_segment_show(struct xenshm *connection, const char *name,
                        struct xenshm_segment **ret_segment);

/*
 * Structs of options are the caller's: `struct xenshm_alloc_options options =
 * XENSHM_ALLOC_OPTIONS_INIT; options.align = 65536;`. The first member says how long the struct was
 * when the program was compiled, so that they can grow; what is zero is not asked for. A newer
 * option that this library does not know is -E2BIG.
 */
struct xenshm_alloc_options {
    size_t struct_size;
    const char *pool; /* NULL: any */
    uint64_t align;   /* of the host address, bytes: a power of two; 0: 4096 */
};

#define XENSHM_ALLOC_OPTIONS_INIT                                                                  \
    {                                                                                              \
        sizeof(struct xenshm_alloc_options), 0, 0                                                  \
    }

/*
 * Makes a segment that is kept until it is freed: wiped, attached to no guest. `name` matches
 * [A-Za-z0-9][A-Za-z0-9._-]{0,62}, `size` is above 0 and rounded up to whole pages (4096),
 * `options` may be NULL. Large ones take a while: mind the time-out. Right: operate. Refusals:
 * XENSHM_SEGMENT_EXISTS, XENSHM_POOL_FULL, XENSHM_POOL_UNKNOWN, XENSHM_TOO_MANY,
 * XENSHM_HOLDER_UNKNOWN, XENSHM_PAGES_HELD, XENSHM_STORE_FAILED, XENSHM_BUSY.
 */
int xenshm_segment_alloc(struct xenshm *connection, const char *name, uint64_t size,
                         const struct xenshm_alloc_options *options,
                         struct xenshm_segment **ret_segment);

/*
 * Frees a segment; *ret_segment is as it was, and may be passed as NULL. Right: operate. Refusals:
 * XENSHM_SEGMENT_UNKNOWN, XENSHM_SEGMENT_IN_USE (a guest has it, or a program in Dom0),
 * XENSHM_STORE_FAILED, XENSHM_BUSY.
 */
int xenshm_segment_free(struct xenshm *connection, const char *name,
                        struct xenshm_segment **ret_segment);

/* ---- guests; `guest` is a name, a domid or a UUID, as text */

/* Right: read. */
int xenshm_guest_list(struct xenshm *connection, struct xenshm_guests **ret_guests);

/* What a guest is to have: a new segment of `size` bytes, or an existing one by its name. */
struct xenshm_share {
    size_t struct_size;
    uint64_t size;       /* rounded up to whole pages; 0: an existing one */
    const char *segment; /* NULL: a new one */
    const char *name;    /* of a new one; NULL: "<guest>-<n>" */
    const char *pool;    /* of a new one; NULL: any */
    /* In the guest: "0x...", "identity" (that of the host); NULL: the pool's place in every guest.
     */
    const char *address;
};

#define XENSHM_SHARE_INIT                                                                          \
    {                                                                                              \
        sizeof(struct xenshm_share), 0, 0, 0, 0, 0                                                 \
    }

/*
 * Attaches a segment to a running guest. A new one is wiped, and lives as long as it is attached.
 * Right: operate. Refusals: XENSHM_GUEST_UNKNOWN, XENSHM_GUEST_AMBIGUOUS, XENSHM_GUEST_DYING,
 * XENSHM_ALREADY_ATTACHED, XENSHM_ADDRESS_IN_USE, XENSHM_ADDRESS_IS_RAM, XENSHM_ADDRESS_RESERVED,
 * XENSHM_SEGMENT_UNKNOWN, XENSHM_HYPERVISOR_FAILED, those of xenshm_segment_alloc().
 */
int xenshm_guest_attach(struct xenshm *connection, const char *guest,
                        const struct xenshm_share *share,
                        struct xenshm_attachment **ret_attachment);

/*
 * Detaches one segment from a guest, its only one where `segment` is NULL (with several that is
 * XENSHM_INVALID_PARAMS), or all of them. *ret_detached lists what was, and may be passed as NULL.
 * When detaching all fails, what was detached until then stays so. Right: operate. Refusals:
 * XENSHM_GUEST_UNKNOWN, XENSHM_NOT_ATTACHED, XENSHM_HYPERVISOR_FAILED, XENSHM_BUSY.
 */
int xenshm_guest_detach(struct xenshm *connection, const char *guest, const char *segment,
                        struct xenshm_attachments **ret_detached);
int xenshm_guest_detach_all(struct xenshm *connection, const char *guest,
                            struct xenshm_attachments **ret_detached);

/*
 * Creates a guest with segments, and has it looked after from then on. `config` is libxl's
 * configuration as JSON, as `xl create --dryrun --quiet FILE` prints it; `shares` points to `count`
 * structs; `paused` leaves it paused. It may take minutes: mind the time-out. Right: admin.
 * Refusals: XENSHM_CONFIG_INVALID, XENSHM_GUEST_EXISTS, those of xenshm_guest_attach().
 */
int xenshm_guest_create(struct xenshm *connection, const char *config,
                        const struct xenshm_share *const *shares, size_t count, bool paused,
                        struct xenshm_created **ret_created);

/*
 * Destroys a guest that xenshm_guest_create() made; *ret_destroyed may be passed as NULL. Right:
 * admin. Refusals: XENSHM_GUEST_UNKNOWN, XENSHM_GUEST_FOREIGN, XENSHM_HYPERVISOR_FAILED.
 */
int xenshm_guest_destroy(struct xenshm *connection, const char *guest,
                         struct xenshm_destroyed **ret_destroyed);

/* ---- events: what happens, on the same connection */

struct xenshm_event {
    uint64_t seq;       /* counts all events since the daemon's start, without gaps */
    const char *type;   /* "attachment.attached", ...: docs/protocol.md has them all */
    const char *time;   /* RFC 3339, UTC, with milliseconds */
    const char *object; /* what it happened to, as JSON text; NULL: nothing is told */
    /* The same where it is a segment, an attachment, or a guest that was made; else NULL. */
    const struct xenshm_segment *segment;
    const struct xenshm_attachment *attachment;
    const struct xenshm_created *created;
};

/*
 * Asks for the events of `count` types, or of all (`types` NULL, `count` 0), instead of those asked
 * for before; `types` that is not NULL with `count` 0 asks for none, which ends it. *ret_seq (may
 * be passed as NULL) is the number of the last event before: one who subscribes first and lists
 * then misses nothing. Right: read. Refusals: XENSHM_INVALID_PARAMS for an unknown type.
 */
int xenshm_subscribe(struct xenshm *connection, const char *const *types, size_t count,
                     uint64_t *ret_seq);

/*
 * To poll for input, nothing else: it is readable when something came, and when the connection has
 * ended. It stays the connection's; -1 after a failure that ended it.
 */
int xenshm_fd(const struct xenshm *connection);

/*
 * The next event, without waiting: 0, or -EAGAIN when there is none yet. Events that come while a
 * call waits for its reply are kept, so call this until it returns -EAGAIN before polling, and
 * after each other call as well. Without a subscription it tells whether the connection still
 * stands.
 *
 * An event of the type "overflow" says that this program has read too slowly (more than 16 MiB
 * were kept here, or what the daemon keeps): `seq` is the first event lost, and the connection
 * ends: connect, subscribe and list again.
 */
int xenshm_next_event(struct xenshm *connection, struct xenshm_event **ret_event);

/* ---- the bytes of a segment, for programs in Dom0; xenshm-memory.h says how to touch them */

struct xenshm_mapping {
    volatile void *address; /* page aligned */
    uint64_t size;
};

/*
 * Maps a segment, readable and writable, by segment.open on a connection of its own to the same
 * socket. From then on the daemon gives the pages to nobody else, whoever detaches or frees the
 * segment, until xenshm_unmap(), or the end of this process. Each mapping takes one of the daemon's
 * connections.
 *
 * A child of fork() does not have the mapping; it may map the segment itself. Right: operate.
 * Refusals: XENSHM_SEGMENT_UNKNOWN, XENSHM_PAGES_HELD (quarantined, or a clash), XENSHM_TOO_MANY,
 * XENSHM_UNSUPPORTED, XENSHM_BUSY. Failures: those of connecting and of mmap(2); -EOPNOTSUPP on a
 * connection of xenshm_connect_fd(), and over a socket that only passes bytes on, since descriptors
 * come from the same host only. The connection that is given tells why, and is not ended by it.
 */
int xenshm_map(struct xenshm *connection, const char *segment, struct xenshm_mapping **ret_mapping);

/*
 * Readable when the daemon has ended the connection, as it does when it stops. The mapping is still
 * there, and the pages stay this process's, but the daemon cannot learn of xenshm_unmap() any more:
 * it holds them until this process ends, or maps the segment again, once for each mapping that it
 * had. So unmap then, connect, and map again. To poll for input, nothing else; it stays the
 * mapping's.
 */
int xenshm_mapping_fd(const struct xenshm_mapping *mapping);

/*
 * Unmaps, then tells the daemon; NULL is allowed. No thread may touch the bytes any more. In a
 * child of fork() it only frees the object: the mapping stays its parent's.
 */
void xenshm_unmap(struct xenshm_mapping *mapping);

#ifdef __cplusplus
}
#endif

#endif
