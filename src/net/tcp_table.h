/* The protocol of tcp_table(5) of Postfix: lines "get KEY", %-coded, answered by "200 VALUE", "500 not found" or "400 why".
 *
 * The key is an address. Limits: TCP_TABLE_MAX_LINE_BYTES with the line end, both ways; a longer line closes the connection.
 * State per connection: none.
 */
#ifndef NET_TCP_TABLE_H
#define NET_TCP_TABLE_H

#include "net/access.h"

#define TCP_TABLE_MAX_LINE_BYTES 4096u

/* ctx: struct tcp_table */
extern const struct protocol tcp_table_protocol;

struct tcp_table {
    struct asker *asker;
    enum access_form form; /* the protocol has no name of a table to tell it */
};

#endif
