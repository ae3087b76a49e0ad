/* Suppression lists in JSON: one document or one value a line; the entries may stand in an array under any of the names that the
 * platforms use. */
#ifndef CORE_LIST_JSON_H
#define CORE_LIST_JSON_H

#include "core/list_apply.h"
#include "core/list_text.h"

#define LIST_JSON_DEPTH 16

NODISCARD enum status list_json_import(struct list_text *t, struct list_apply *p, err *e);

#endif
