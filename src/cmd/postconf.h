/* Postfix's own settings, asked from its `postconf`.
 */
#ifndef CMD_POSTCONF_H
#define CMD_POSTCONF_H

#include "base/buf.h"

/* The value of one parameter; false when there is no postconf here or it fails. `value` is cleared first. */
bool postconf_get(const char *parameter, buf *value);

#endif
