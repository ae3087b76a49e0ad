/* The way to a verdict for people and as JSON: what was read in a reply, which rules fit and why the first one won.
 */
#ifndef CMD_PRINT_TRACE_H
#define CMD_PRINT_TRACE_H

#include "bounce/judge.h"
#include "cmd/cmd.h"

#define TRACE_SHOWN_REJECTED 10u /* rules whose words fit but whose conditions do not */

void print_trace(buf *out, const struct judge_trace *t, const struct bounce_verdict *v);
/* One object and a line end; `text` as asked. */
void json_trace(buf *out, const struct bounce_rules *rules, slice text, const struct judge_trace *t,
                const struct bounce_verdict *v);

#endif
