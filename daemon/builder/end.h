/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* {"do": "end"}: a domain is destroyed, or gives its name and UUID free. */
#pragma once

#include "conversation.h"

/* Returns 0, CONVERSATION_E_OVER, or error->code. */
int end_run(json_t *request, struct error *error);
