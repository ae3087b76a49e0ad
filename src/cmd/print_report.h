/* A report as the commands print them: JSON with the stable names, or lines for people. */
#ifndef CMD_PRINT_REPORT_H
#define CMD_PRINT_REPORT_H

#include "cmd/cmd.h"
#include "core/show.h"

/* One report as one object and a line end. `file` as given, `message` the index in an mbox (0 for the first). */
void json_report(struct jsonw *j, slice file, size_t message, const struct bounce_report *r,
                 const struct bounce_result *result);
void print_report(buf *out, slice file, size_t message, const struct bounce_report *r);

#endif
