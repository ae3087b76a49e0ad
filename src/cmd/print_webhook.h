/* What a webhook told, as `bounced webhook` prints it.
 */
#ifndef CMD_PRINT_WEBHOOK_H
#define CMD_PRINT_WEBHOOK_H

#include "cmd/cmd.h"
#include "feed/esp.h"

/* The observation of an event, which has its verdict, or an event without any (`o` NULL). One object or entry each. */
void json_webhook(buf *out, const struct esp *esp, const struct esp_event *event, const struct observation *o);
void print_webhook(buf *out, const struct esp *esp, const struct esp_event *event, const struct observation *o);

#endif
