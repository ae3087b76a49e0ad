#include "serve/notice_form.h"

#include <json-c/json.h>

#include "base/codec.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "core/alerts.h"

#define SUBJECT_BYTES 160u
#define LINE_BYTES 400u

/* ---- JSON for programs ---- */

static const char *event_of(const struct notice *n)
{
    return n->turn == ALERT_CLOSES ? "closed" : "opened";
}

void notices_json(slice channel, const struct notice *list, size_t n, int64_t now_us, buf *out)
{
    struct jsonw j;
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kstr(&j, "channel", channel);
    jsonw_ktime_opt(&j, "time", now_us);
    buf_adds(out, ",\"alerts\":[");
    for (size_t i = 0; i < n; i++) {
        if (list[i].text.n < 2 || list[i].text.p[0] != '{')
            continue;
        buf_printf(out, "%s{\"event\":\"%s\",", i ? "," : "", event_of(&list[i]));
        buf_add(out, slice_from(list[i].text, 1));
    }
    buf_adds(out, "]");
    jsonw_end_object(&j);
    buf_addc(out, '\n');
}

void test_notice_json(slice channel, int64_t now_us, buf *out)
{
    struct jsonw j;
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kstr(&j, "channel", channel);
    jsonw_ktime_opt(&j, "time", now_us);
    jsonw_kbool(&j, "test", true);
    jsonw_key(&j, "alerts");
    jsonw_array(&j);
    jsonw_end_array(&j);
    jsonw_end_object(&j);
    buf_addc(out, '\n');
}

/* ---- mail for people ---- */

static slice member(struct json_object *o, const char *name)
{
    struct json_object *v;
    if (!json_object_object_get_ex(o, name, &v) || !json_object_is_type(v, json_type_string))
        return SLICE_EMPTY;
    return slice_of(json_object_get_string(v), (size_t)json_object_get_string_len(v));
}

static struct json_object *parse(slice text)
{
    struct json_tokener *t = json_tokener_new_ex(4);
    struct json_object *o = t ? json_tokener_parse_ex(t, text.p, (int)text.n) : NULL;
    if (t)
        json_tokener_free(t);
    return o;
}

/* RFC 5322 3.3: day names are left out, which the grammar allows. */
static void add_date(buf *out, int64_t us)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct civil c;
    civil_from_us(us, &c);
    buf_printf(out, "%d %.3s %04d %02d:%02d:%02d +0000", c.day, &months[(size_t)(c.month - 1) * 3], c.year, c.hour,
               c.minute, c.second);
}

/* One line of a header: RFC 2047 for what is not ASCII. */
static void add_subject(buf *out, slice text)
{
    char words[(SUBJECT_BYTES + 2) / 3 * 4];
    buf safe;
    buf_init(&safe, 0);
    text_add_safe(&safe, text, SUBJECT_BYTES);
    if (text_is_ascii(buf_slice(&safe))) {
        buf_printf(out, "Subject: %.*s\n", SLICE_FMT(buf_slice(&safe)));
    } else {
        slice rest = buf_slice(&safe);
        buf_adds(out, "Subject:");
        while (rest.n) {
            size_t n = 0; /* whole characters, 45 bytes a word */
            while (n < rest.n && n + 4 <= 45)
                n += utf8_len(slice_from(rest, n)) ? utf8_len(slice_from(rest, n)) : 1;
            size_t length = base64_encode(slice_sub(rest, 0, n), words);
            buf_printf(out, " =?utf-8?B?%.*s?=\n", (int)length, words);
            rest = slice_from(rest, n);
        }
    }
    buf_fini(&safe);
}

static void add_head(buf *out, slice channel, slice from, slice to, slice subject, int64_t now_us)
{
    size_t at = slice_rchr(from, '@');
    slice host = at == SLICE_NPOS ? S("localhost") : slice_from(from, at + 1);
    struct hash128 h = hash128_more(hash128(channel), slice_of((const char *)&now_us, sizeof now_us));
    buf_printf(out, "From: bounced <%.*s>\nTo: %.*s\n", SLICE_FMT(from), SLICE_FMT(to));
    add_subject(out, subject);
    buf_adds(out, "Date: ");
    add_date(out, now_us);
    buf_printf(out, "\nMessage-ID: <alert.%016llx%016llx@%.*s>\n", (unsigned long long)h.hi, (unsigned long long)h.lo,
               SLICE_FMT(host));
    buf_adds(out, "Auto-Submitted: auto-generated\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
                  "Content-Transfer-Encoding: 8bit\n\n");
}

static void add_line(buf *out, const char *word, slice text)
{
    if (slice_empty(text))
        return;
    buf_printf(out, "    %-8s ", word);
    text_add_safe(out, text, LINE_BYTES);
    buf_addc(out, '\n');
}

static void add_notice(buf *out, const struct notice *n, struct json_object *o)
{
    buf_adds(out, n->turn == ALERT_CLOSES ? "OVER   " : "ALERT  ");
    text_add_safe(out, member(o, "text"), LINE_BYTES);
    buf_addc(out, '\n');
    add_line(out, "tenant", member(o, "tenant"));
    add_line(out, "since", member(o, "opened"));
    add_line(out, "until", member(o, "closed"));
    if (n->turn != ALERT_CLOSES) {
        add_line(out, "likely", member(o, "cause"));
        add_line(out, "because", member(o, "why"));
        add_line(out, "do", member(o, "advice"));
        add_line(out, "look", member(o, "look"));
    }
    buf_addc(out, '\n');
}

static void add_rest(buf *out, const unsigned counts[ALERT_RULES])
{
    for (unsigned r = 0; r < ALERT_RULES; r++)
        if (counts[r] > NOTICES_OF_A_RULE)
            buf_printf(out, "and %u more of the rule %s\n", counts[r] - NOTICES_OF_A_RULE,
                       alert_rule_word((enum alert_rule)r));
}

static void subject_of(buf *out, const struct notice *list, size_t n)
{
    struct json_object *o = n == 1 ? parse(list[0].text) : NULL;
    if (o) {
        buf_printf(out, "[bounced] %s", list[0].turn == ALERT_CLOSES ? "over: " : "");
        text_add_safe(out, member(o, "text"), SUBJECT_BYTES - 30);
        json_object_put(o);
        return;
    }
    size_t opened = 0;
    for (size_t i = 0; i < n; i++)
        opened += list[i].turn != ALERT_CLOSES;
    buf_printf(out, "[bounced] %zu alert%s", opened, opened == 1 ? "" : "s");
    if (n > opened)
        buf_printf(out, ", %zu over", n - opened);
}

void notices_mail(slice channel, slice from, slice to, const struct notice *list, size_t n, int64_t now_us, buf *out)
{
    unsigned counts[ALERT_RULES] = {0};
    buf subject;
    buf_init(&subject, 0);
    subject_of(&subject, list, n);
    add_head(out, channel, from, to, buf_slice(&subject), now_us);
    buf_fini(&subject);
    for (size_t i = 0; i < n; i++) {
        struct json_object *o = parse(list[i].text);
        enum alert_rule rule = o ? alert_rule_find(member(o, "rule")) : ALERT_RULES;
        if (o && (rule == ALERT_RULES || ++counts[rule] <= NOTICES_OF_A_RULE))
            add_notice(out, &list[i], o);
        json_object_put(o);
    }
    add_rest(out, counts);
    buf_adds(out, "`bounced alerts` shows what is open now; `bounced alerts silence NUMBER` keeps one quiet.\n");
}

void test_notice_mail(slice channel, slice from, slice to, int64_t now_us, buf *out)
{
    add_head(out, channel, from, to, S("[bounced] a test of this channel"), now_us);
    buf_printf(out, "Alerts of the channel '%.*s' will look like this mail, with more in them.\n", SLICE_FMT(channel));
}
