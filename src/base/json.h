/* Appending JSON writer (RFC 8259), jsonw_ to keep out of the way of json-c, which reads. Keeps no state but depth and
 * comma; text is made valid: control bytes are escaped, each byte of invalid UTF-8 becomes U+FFFD. That members and
 * arrays nest properly is the caller's duty; more ends than begins is a bug (MUST). Reading JSON is json-c's work, one
 * layer up.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

struct jsonw {
    buf *out;
    unsigned depth;
    bool first; /* nothing was written yet at this depth */
};

void jsonw_init(struct jsonw *j, buf *out);
void jsonw_object(struct jsonw *j); /* { */
void jsonw_end_object(struct jsonw *j);
void jsonw_array(struct jsonw *j);
void jsonw_end_array(struct jsonw *j);
/* Member names are literals of ours and are not escaped. */
void jsonw_key(struct jsonw *j, const char *name);
void jsonw_str(struct jsonw *j, slice s);
void jsonw_i64(struct jsonw *j, int64_t v);
void jsonw_f64(struct jsonw *j, double v); /* up to 6 decimals, always with a point; infinity and NaN become null */
void jsonw_bool(struct jsonw *j, bool v);
void jsonw_null(struct jsonw *j);
/* ISO time, or null for TIME_NONE. */
void jsonw_time(struct jsonw *j, int64_t us);

/* key and value in one; the _opt forms leave the member out when it is empty, 0 or TIME_NONE. */
void jsonw_kstr(struct jsonw *j, const char *name, slice s);
void jsonw_kstr_opt(struct jsonw *j, const char *name, slice s);
void jsonw_ki64(struct jsonw *j, const char *name, int64_t v);
void jsonw_ki64_opt(struct jsonw *j, const char *name, int64_t v);
void jsonw_kbool(struct jsonw *j, const char *name, bool v);
void jsonw_ktime_opt(struct jsonw *j, const char *name, int64_t us);

#endif
