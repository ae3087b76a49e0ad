#include "core/paper.h"

/* Mail programs drop what they do not know of style sheets: the page must read well without them, and does. */
static const char head_html[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    "<meta name=\"color-scheme\" content=\"light dark\">\n<style>\n"
    "body{margin:0;padding:16px;font:16px/1.45 system-ui,-apple-system,\"Segoe UI\",Roboto,Helvetica,Arial,sans-serif;"
    "color:#1b1f24;background:#fff}\n"
    "main{max-width:680px;margin:0 auto}\n"
    "h1{font-size:22px;line-height:1.25;margin:0 0 12px}\n"
    "h2{font-size:17px;margin:28px 0 8px;padding-top:14px;border-top:1px solid #d5dae0}\n"
    "p{margin:6px 0}\n"
    "pre{margin:8px 0;padding:8px 10px;background:#f2f4f7;border-radius:6px;font-size:14px;white-space:pre-wrap;"
    "word-break:break-word}\n"
    ".wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%;font-size:15px}\n"
    "th,td{padding:6px 8px 6px 0;text-align:left;vertical-align:top;border-bottom:1px solid #e6e9ed;"
    "overflow-wrap:break-word}\n"
    "th{font-weight:600;font-size:13px;color:#57606a}\n"
    ".n{text-align:right;white-space:nowrap;padding-left:10px;font-variant-numeric:tabular-nums;overflow-wrap:normal}\n"
    ".bad{color:#b3261e;font-weight:600}\n.good{color:#1a7f37}\n"
    "@media(max-width:480px){body{padding:12px;font-size:15px}table{font-size:13px}th,td{padding:5px 6px 5px 0}"
    ".n{padding-left:4px}}\n"
    "@media(prefers-color-scheme:dark){body{color:#e6e9ed;background:#14171a}h2{border-color:#343a40}"
    "pre{background:#22272c}th,td{border-color:#2b3036}th{color:#9aa4ae}.bad{color:#ff8a80}.good{color:#7ee2a0}}\n"
    "</style>\n<title>";

static void escaped(buf *out, slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '&':
            buf_adds(out, "&amp;");
            break;
        case '<':
            buf_adds(out, "&lt;");
            break;
        case '>':
            buf_adds(out, "&gt;");
            break;
        case '"':
            buf_adds(out, "&quot;");
            break;
        default:
            buf_addc(out, s.p[i]);
        }
    }
}

static void element(buf *out, const char *name, const char *class, slice text)
{
    buf_printf(out, "<%s", name);
    if (*class)
        buf_printf(out, " class=\"%s\"", class);
    buf_addc(out, '>');
    escaped(out, text);
    buf_printf(out, "</%s>", name);
}

static const char *tone_class(enum paper_tone tone)
{
    return tone == PAPER_BAD ? "bad" : tone == PAPER_GOOD ? "good" : "";
}

static void table_row(buf *out, const struct paper_part *t, const struct paper_row *r, const char *cell)
{
    buf_adds(out, "<tr>");
    for (size_t i = 0; i < t->columns; i++) {
        bool number = (t->numbers >> i & 1) != 0;
        bool toned = i == 0 && r->tone != PAPER_PLAIN;
        element(out, cell, number ? "n" : toned ? tone_class(r->tone) : "", r->cells[i]);
    }
    buf_adds(out, "</tr>\n");
}

static void table(buf *out, const struct paper_part *t)
{
    if (!t->head)
        return;
    buf_adds(out, "<div class=\"wide\"><table>\n");
    table_row(out, t, t->head, "th");
    for (const struct paper_row *r = t->first; r; r = r->next)
        table_row(out, t, r, "td");
    buf_adds(out, "</table></div>\n");
}

void paper_html(const struct paper *p, slice title, buf *out)
{
    static const char *const names[] = {
        [PAPER_TITLE] = "h1", [PAPER_HEADING] = "h2", [PAPER_LINE] = "p", [PAPER_COMMAND] = "pre"};
    buf_adds(out, head_html);
    escaped(out, title);
    buf_adds(out, "</title></head>\n<body><main>\n");
    for (const struct paper_part *x = p->first; x; x = x->next) {
        if (x->kind == PAPER_TABLE) {
            table(out, x);
            continue;
        }
        element(out, names[x->kind], tone_class(x->tone), x->text);
        buf_addc(out, '\n');
    }
    buf_adds(out, "</main></body></html>\n");
}
