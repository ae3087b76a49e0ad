/* Mails set aside for a person: what came to a return path and is no report, or cannot be read. One folder, one file a mail, as it
 * came, under fields that tell its envelope; `bounced ingest FOLDER` reads them again when the rules know more.
 *
 * Names are made here, of the time and a hash of the content; nothing of the mail stands in them. The same content is kept once.
 * A file is there whole and synced when aside_put returns OK. At a limit the oldest go, or new ones are refused.
 *
 * Any thread; owner of its copies of the options. A mail that somebody takes out of the folder is found out at the next start only:
 * until then it counts.
 */
#ifndef SERVE_ASIDE_H
#define SERVE_ASIDE_H

#include "base/err.h"

#define ASIDE_MAX_MAILS 100000u

struct aside;

struct aside_options {
    slice path;         /* made (0700) when it is not there */
    size_t max_mails;   /* 1 to ASIDE_MAX_MAILS */
    uint64_t max_bytes; /* of all files */
    bool refuse_new;    /* at a limit: E_FULL; else the oldest make room */
};

struct aside_envelope {
    slice sender; /* empty: "<>" */
    const slice *recipients;
    size_t recipient_count; /* 0: the envelope is not known, and nothing is said of it */
};

struct aside_counts {
    size_t mails;
    uint64_t bytes, kept, repeats, removed, refused;
};

NODISCARD enum status aside_open(const struct aside_options *o, struct aside **out, err *e);
void aside_close(struct aside **a);
/* E_FULL: the mail is larger than the folder may be, or it is full and keeps what it has. E_BUSY: another thread is writing the same
 * mail now. Texts of the envelope are made safe. */
NODISCARD enum status aside_put(struct aside *a, const struct aside_envelope *envelope, slice mail, int64_t now_us,
                                err *e);
void aside_counts(struct aside *a, struct aside_counts *out);

#endif
