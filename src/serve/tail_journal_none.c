#include "serve/tail_journal.h"

enum status tail_journal_can(err *e)
{
    return err_set(e, E_UNSUPPORTED, "the journal cannot be read: this program was built without libsystemd");
}

size_t tail_journal_places(slice path, arena *a, slice places[TAIL_JOURNAL_PLACES])
{
    (void)path, (void)a, (void)places;
    return 0;
}

void tail_journal_read(struct tail_batch *b, const struct tail_source *s, struct maillog *logs, struct worker *w)
{
    (void)s, (void)logs, (void)w;
    b->status = tail_journal_can(&b->error);
}
