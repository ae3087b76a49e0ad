/* Notifications of Amazon SES that arrive as mail (SNS e-mail subscriptions): a JSON text in the body.
 *
 * Reads the few members that it needs from wherever they stand and checks no grammar; feeds that get the JSON itself
 * use the dialect in src/feed.
 */
#ifndef BOUNCE_SNS_H
#define BOUNCE_SNS_H

#include "bounce/reading.h"

/* Returns how many reports were added. */
size_t sns_read(struct reading *r);

#endif
