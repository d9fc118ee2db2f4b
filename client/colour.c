/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "colour.h"

#include <stddef.h>
#include <string.h>

const char *state_colour(const char *state)
{
    static const struct {
        const char *state, *colour;
    } colours[] = {
        { "attached", COLOUR_GREEN },   { "used", COLOUR_GREEN },
        { "running", COLOUR_GREEN },    { "ok", COLOUR_GREEN },
        { "warning", COLOUR_YELLOW },   { "problem", COLOUR_RED },
        { "kept", COLOUR_GREEN },       { "waiting", COLOUR_YELLOW },
        { "attaching", COLOUR_YELLOW }, { "detaching", COLOUR_YELLOW },
        { "wiping", COLOUR_YELLOW },    { "mapping", COLOUR_YELLOW },
        { "unmapping", COLOUR_YELLOW }, { "paused", COLOUR_YELLOW },
        { "rebooting", COLOUR_YELLOW }, { "foreign", COLOUR_YELLOW },
        { "clash", COLOUR_RED },        { "quarantined", COLOUR_RED },
        { "dying", COLOUR_RED },        { "crashed", COLOUR_RED },
    };
    size_t length = strcspn(state, " ,");

    for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++)
        if (strlen(colours[i].state) == length && strncmp(colours[i].state, state, length) == 0)
            return colours[i].colour;
    return "";
}
