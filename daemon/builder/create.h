/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* {"do": "create"} from facts to done. */
#pragma once

#include "conversation.h"

/* Returns 0, CONVERSATION_E_OVER, or error->code. */
int create_run(struct conversation *conversation, json_t *request, struct error *error);
