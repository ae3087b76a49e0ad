/* HTML to text, good enough to read what a bounce says.
 *
 * Tags go; block tags and <br> become line ends, table cells blanks; entities are decoded; style, script and comments
 * are left out; white space is joined except inside <pre>. "<user@example.com>" that somebody forgot to escape stays.
 * No parser of HTML: broken input gives some text, never an error.
 */
#ifndef BOUNCE_HTML_H
#define BOUNCE_HTML_H

#include "base/arena.h"

/* Input and output are UTF-8. Empty when memory was refused. */
slice html_text(arena *a, slice html);
/* The charset named in a <meta> near the start; empty when there is none. */
slice html_charset(slice html);

#endif
