/* Inside of the SQLite store: the handle, its prepared statements, binding and reading cells, names.
 *
 * Not for anybody outside of src/ledger. Statements are made when first asked for and live as long as the handle
 * (statements.def); every value is bound. Errors of SQLite become a status in one place, store_fail.
 */
#ifndef LEDGER_STORE_H
#define LEDGER_STORE_H

#include <sqlite3.h>

#include "base/map.h"
#include "ledger/ledger.h"

enum stmt {
#define STMT(name, sql) STMT_##name,
#include "ledger/statements.def"
#undef STMT
    STMTS
};

/* ---- names: texts of few values (streams, campaigns, domains, providers) stand as numbers in the rows ---- */

#define NAMES_MAX_CACHED 200000 /* then the cache starts anew */

struct names {
    map ids;      /* text to number */
    slice *texts; /* by number; {NULL, 0} where not read yet */
    size_t room;
    size_t cached;
    int64_t pruned; /* how often names were taken away: then numbers are read anew */
    arena memory;
};

/* ---- what a transaction gathers before it is written sorted ---- */

struct pending;

/* Replies that were stored or found of late, so that a repeated one costs no search. */
#define REPLIES_SEEN 1024

struct reply_seen {
    struct hash128 hash;
    int64_t day, id; /* id 0: free */
};

/* ---- the handle ---- */

struct ledger {
    sqlite3 *db;
    sqlite3_stmt *stmts[STMTS];
    struct sip_key key;
    struct names names;
    struct pending *pending;
    struct reply_seen replies[REPLIES_SEEN]; /* within a transaction: another process may prune between two */
    char *path;
    int64_t seq;                 /* last number given in this transaction */
    struct endpoints *endpoints; /* NULL until asked for */
    struct around *around;       /* circumstances; NULL until asked for */
    unsigned cursors;            /* open ones: names that they show must stay */
    bool read_only, hashed;
    bool writing; /* between begin and commit or abort */
    bool broken;  /* a commit failed in the operating system: what is on disk is not known, open again */
};

/* Fills *e from the last error of the database handle and gives the status for it. */
enum status store_fail(struct ledger *l, err *e, const char *what);
/* The same for a handle that is not in a ledger yet. */
enum status store_fail_db(sqlite3 *db, const char *path, err *e, const char *what);
/* E_DENIED unless a transaction is open. */
NODISCARD enum status store_writing(struct ledger *l, err *e);
/* A number of the table meta; 0 when it is not there. */
NODISCARD enum status meta_get(struct ledger *l, slice name, int64_t *v, err *e);
NODISCARD enum status meta_put(struct ledger *l, slice name, int64_t v, err *e);
/* Runs literal SQL that returns nothing of interest. */
NODISCARD enum status store_exec(struct ledger *l, const char *sql, err *e);

/* ---- one use of a statement: open, bind in order, run or walk, close ---- */

struct row {
    struct ledger *l;
    sqlite3_stmt *s;
    enum stmt which;
    int at; /* next parameter to bind or column to read */
    int rc; /* first failure of a bind */
};

/* Takes the statement (another copy of it when it is in use by an outer cursor). */
NODISCARD enum status row_open(struct ledger *l, enum stmt which, struct row *r, err *e);
void row_close(struct row *r);
void row_int(struct row *r, int64_t v);
void row_u64(struct row *r, uint64_t v);
void row_time(struct row *r, int64_t us);                       /* TIME_NONE is NULL */
void row_text(struct row *r, slice text);                       /* empty is NULL; cut at LEDGER_MAX_TEXT_BYTES */
void row_text_max(struct row *r, slice text, size_t max_bytes); /* empty is NULL */
void row_key(struct row *r, slice text);                        /* never NULL, never cut */
void row_blob(struct row *r, slice bytes);                      /* empty is NULL */
void row_id(struct row *r, int64_t id);                         /* 0 is NULL */
/* Runs a statement that gives no rows and closes it. */
NODISCARD enum status row_run(struct row *r, err *e);
/* The whole use of a statement that takes one number and gives no rows. */
NODISCARD enum status row_run_with(struct ledger *l, enum stmt which, int64_t v, err *e);
/* Next row: 1, end: 0, failure: -1 (*st and *e are set). Reading starts at the first column again. */
NODISCARD int row_next(struct row *r, enum status *st, err *e);
int64_t cell_int(struct row *r);
uint64_t cell_u64(struct row *r);
int64_t cell_time(struct row *r);
slice cell_text(struct row *r); /* valid until the next row */
slice cell_blob(struct row *r);

/* Reads what the fold needs of an event: time_us, fold, what, kind, reason, certainty, trust, cause, scope, flags. */
void row_fold(struct row *r, struct policy_event *ev);
/* All addresses in the order of their numbers, behind one. */
NODISCARD enum status addresses_after(struct ledger *l, int64_t after, ledger_address_fn each, void *ctx, err *e);

/* ---- names ---- */
void names_init(struct names *n, const struct sip_key *key);
void names_fini(struct names *n);
void names_forget(struct names *n);
/* The number of a text, given one when it is new and a transaction is open; 0 for the empty text. */
NODISCARD enum status names_id(struct ledger *l, slice text, int64_t *id, err *e);
/* The same without giving numbers: -1 for a text that has none. */
NODISCARD enum status names_find(struct ledger *l, slice text, int64_t *id, err *e);
/* Opens a statement of which the first values are the numbers of a domain and a tenant. */
NODISCARD enum status row_open_domain(struct ledger *l, enum stmt which, slice tenant, slice domain, struct row *r,
                                      err *e);
/* The text of a number; empty for 0 and for numbers that were never given. Valid while a cursor is open. */
slice names_text(struct ledger *l, int64_t id);

/* Takes away the names that nothing refers to, inside a transaction. */
NODISCARD enum status names_prune(struct ledger *l, err *e);

/* ---- what a handle keeps in memory of small tables ---- */
struct kept {
    int64_t version; /* of the file, as other handles change it */
    bool stale;      /* this handle changed it, or has not read it */
    bool looked;     /* in the transaction that is open: nobody else can change anything until its end */
};
/* Tells whether what was read still stands; when not, it is stale until kept_read. */
NODISCARD enum status kept_fresh(struct ledger *l, struct kept *k, bool *fresh, err *e);
void kept_read(struct ledger *l, struct kept *k); /* it was read anew, all of it */
/* Of all tables: a transaction begins, and others may have been at work before; or it was taken back. */
void kept_begin(struct ledger *l);
void kept_forget(struct ledger *l);

struct kept *endpoints_kept(struct endpoints *p); /* NULL of NULL, as below */
void endpoints_free(struct endpoints **p);
struct kept *around_kept(struct around *p);
void around_free(struct around **p);

/* ---- pending ---- */
struct pending *pending_new(const struct sip_key *key);
void pending_free(struct pending **p);
void pending_forget(struct pending *p);
NODISCARD enum status pending_flush(struct ledger *l, err *e);

/* ---- addresses under their stored key ---- */
#define STORED_KEY_BYTES 33
/* The text under which an address stands when it is kept as hash only: "#" and 32 hex digits. */
slice stored_hash(const struct ledger *l, slice tenant, slice key, char out[STORED_KEY_BYTES]);
/* True for the keys that stored_hash makes. */
bool stored_is_hash(slice key);

#endif
