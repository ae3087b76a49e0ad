/* docs/openapi.json as it was at build time; written by tools/embed_text.py. */
#ifndef SERVE_OPENAPI_H
#define SERVE_OPENAPI_H

#include "base/slice.h"

extern const slice openapi_document;

#endif
