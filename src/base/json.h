/* Appending JSON writer (RFC 8259). Keeps no state but depth and comma; text is made valid: control bytes are escaped,
 * invalid UTF-8 becomes U+FFFD. Reading JSON is json-c's work, one layer up.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

struct json {
    buf *out;
    unsigned depth;
    bool first; /* nothing was written yet at this depth */
};

void json_init(struct json *j, buf *out);
void json_object(struct json *j); /* { */
void json_end_object(struct json *j);
void json_array(struct json *j);
void json_end_array(struct json *j);
/* Member names are literals of ours and are not escaped. */
void json_key(struct json *j, const char *name);
void json_str(struct json *j, slice s);
void json_i64(struct json *j, int64_t v);
void json_f64(struct json *j, double v); /* finite; up to 6 decimals */
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
/* ISO time, or null for TIME_NONE. */
void json_time(struct json *j, int64_t us);

/* key and value in one; the _opt forms leave the member out when it is empty, 0 or TIME_NONE. */
void json_kstr(struct json *j, const char *name, slice s);
void json_kstr_opt(struct json *j, const char *name, slice s);
void json_ki64(struct json *j, const char *name, int64_t v);
void json_ki64_opt(struct json *j, const char *name, int64_t v);
void json_kbool(struct json *j, const char *name, bool v);
void json_ktime_opt(struct json *j, const char *name, int64_t us);

#endif
