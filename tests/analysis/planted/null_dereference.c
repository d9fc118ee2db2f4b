/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* noticed by: gcc */
#include <stddef.h>

struct guest {
    struct guest *next;
    int domid;
};

int planted(struct guest *guests, int domid);

static struct guest *find(struct guest *guests, int domid)
{
    for (; guests; guests = guests->next)
        if (guests->domid == domid)
            return guests;
    return NULL;
}

int planted(struct guest *guests, int domid)
{
    struct guest *guest = find(guests, domid);

    return guest->domid;
}
