/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Public constants of xenshmd: where the daemon listens and the stable error codes of its protocol.
 *
 * Codes and names never change their meaning; new ones are added at the end. The wire format is
 * described in docs/protocol.md (JSON-RPC 2.0).
 */
#ifndef XENSHM_H
#define XENSHM_H

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

#ifdef __cplusplus
}
#endif

#endif
