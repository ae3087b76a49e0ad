/* The grades of providers, every hour: counted on a worker, written as circumstances by the writer where they changed, and kept for
 * /metrics until the next look.
 */
#ifndef SERVE_GRADES_H
#define SERVE_GRADES_H

#include "serve/daemon.h"

#define GRADES_EVERY_US TIME_HOUR

struct grades;

/* Looks at once, and every hour from then on. */
NODISCARD enum status grades_new(struct daemon *d, struct grades **out, err *e);
/* Begins nothing more. */
void grades_drain(struct grades *g);
bool grades_idle(const struct grades *g);
/* Lines of Prometheus text: those of the last look. */
void grades_metrics(const struct grades *g, buf *out);
void grades_free(struct grades **g);

#endif
