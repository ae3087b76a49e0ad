#include <stdlib.h>

#include "net/conn_own.h"

struct fake {
    struct conn conn; /* first: a fake one is found by its connection */
    struct conn_limits limits;
    struct listener_counts counts;
};

struct conn *conn_fake(const struct protocol *p, void *ctx, void (*wrote)(void *wrote_ctx, slice bytes),
                       void *wrote_ctx)
{
    struct fake *f = calloc(1, sizeof *f);
    MUST(f);
    f->limits = (struct conn_limits){.max_input = SIZE_MAX / 2};
    conn_init(&f->conn, p, ctx, &f->limits, &f->counts);
    f->conn.wrote = wrote;
    f->conn.wrote_ctx = wrote_ctx;
    f->conn.peer.name = S("fake");
    conn_start(&f->conn, NULL, false);
    return &f->conn;
}

size_t conn_fake_input(struct conn *c, slice bytes)
{
    if (c->state == CONN_DEAD)
        return c->in.n;
    conn_came(c, bytes);
    return c->in.n;
}

void conn_fake_offer_tls(struct conn *c)
{
    c->offers_tls = true;
}

void conn_fake_eof(struct conn *c)
{
    if (c->state == CONN_OPEN && !c->ended)
        conn_ends(c);
}

void conn_fake_timeout(struct conn *c)
{
    if (c->state != CONN_DEAD)
        conn_rings(c);
}

bool conn_fake_closed(const struct conn *c)
{
    return c->state == CONN_DEAD || c->state == CONN_CLOSING;
}

void conn_fake_free(struct conn **c)
{
    if (!*c)
        return;
    conn_fini(*c);
    free((struct fake *)(void *)*c);
    *c = NULL;
}
