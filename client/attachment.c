/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "attachment.h"

#include "print.h"

int attachment_print(const json_t *attachment)
{
    char size[SIZE_TEXT_MAX];

    return print_text("%s: %s at %s in %s (host %s)", print_member(attachment, "segment"),
                      print_member_size(attachment, "size", size),
                      print_member(attachment, "guest_address"),
                      print_member(json_object_get(attachment, "guest"), "name"),
                      print_member(attachment, "host_address"));
}
