#include "base/arena.h"
#include "bounce.h"

#define MAX_BYTES 4096u /* of a text; the rest is not looked at */
#define LONG_NUMBER 4u  /* digits from which a number is no code any more */
#define SHORT_ID 6u     /* letters and digits mixed, from this length on, are an id */

/* A word of the text is looked at by each shape in turn; the first that fits gives its placeholder. */
struct shape {
    const char *placeholder;
    bool (*fits)(slice word);
};

static size_t count(slice s, bool (*is)(char c))
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += is(s.p[i]);
    return n;
}

static bool is_url(slice w)
{
    return slice_starts_ci(w, S("http://")) || slice_starts_ci(w, S("https://")) || slice_starts_ci(w, S("www."));
}

static bool is_address(slice w)
{
    size_t at = slice_rchr(w, '@');
    return at != SLICE_NPOS && at > 0 && at + 1 < w.n;
}

static bool quad_byte(char c)
{
    return ascii_digit(c) || c == '.';
}

static bool is_ipv4(slice w)
{
    slice rest = w, part;
    size_t parts = 0;
    uint64_t v;
    while (slice_split(&rest, '.', &part)) {
        if (part.n > 3 || !slice_u64(part, &v) || v > 255)
            return false;
        parts++;
    }
    return parts == 4;
}

static bool hex_byte(char c)
{
    return ascii_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_ipv6(slice w)
{
    size_t colons = 0;
    for (size_t i = 0; i < w.n; i++) {
        colons += w.p[i] == ':';
        if (w.p[i] != ':' && !hex_byte(w.p[i]) && w.p[i] != '.')
            return false;
    }
    return colons >= 2 && w.n > 4;
}

static bool is_enhanced(slice w)
{
    struct bounce_enhanced e;
    return bounce_enhanced_parse(w, &e) == w.n;
}

static bool is_host(slice w)
{
    size_t dot = slice_rchr(w, '.');
    if (dot == SLICE_NPOS || dot == 0 || w.n - dot < 3)
        return false;
    for (size_t i = 0; i < w.n; i++)
        if (!ascii_alnum(w.p[i]) && w.p[i] != '.' && w.p[i] != '-' && w.p[i] != '_')
            return false;
    for (size_t i = dot + 1; i < w.n; i++)
        if (!ascii_alpha(w.p[i]))
            return false;
    return true;
}

static bool is_time(slice w)
{
    return w.n >= 5 && w.n <= 8 && count(w, ascii_digit) >= 4 && slice_chr(w, ':') != SLICE_NPOS &&
           ascii_digit(w.p[0]) && ascii_digit(w.p[w.n - 1]);
}

static bool is_date(slice w)
{
    return w.n >= 8 && ascii_digit(w.p[0]) && ascii_digit(w.p[1]) && ascii_digit(w.p[2]) && ascii_digit(w.p[3]) &&
           w.p[4] == '-' && ascii_digit(w.p[5]);
}

static bool is_number(slice w)
{
    size_t digits = count(w, ascii_digit);
    return digits >= LONG_NUMBER ? digits == w.n || count(w, quad_byte) == w.n : false;
}

static bool is_short_number(slice w)
{
    return w.n != 3 && w.n > 0 && count(w, quad_byte) == w.n && ascii_digit(w.p[0]);
}

static bool is_id(slice w)
{
    size_t digits = count(w, ascii_digit), letters = count(w, ascii_alpha);
    return w.n >= SHORT_ID && digits >= 2 && letters + digits >= w.n - w.n / 4 && (letters || digits >= SHORT_ID);
}

static const struct shape shapes[] = {
    {"{url}", is_url},  {"{address}", is_address}, {"{ip}", is_ipv4},   {"{time}", is_time},
    {"{ip}", is_ipv6},  {NULL, is_enhanced},       {"{date}", is_date}, {"{host}", is_host},
    {"{n}", is_number}, {"{n}", is_short_number},  {"{id}", is_id}};

struct writer {
    char *p;
    size_t n, room;
};

static void add(struct writer *w, slice s)
{
    size_t n = s.n < w->room - w->n ? s.n : w->room - w->n;
    memcpy(w->p + w->n, s.p, n);
    w->n += n;
}

static bool opening(char c)
{
    return strchr("<([{\"'`=:;,-#", c) != NULL;
}

static bool closing(char c)
{
    return strchr(">)]}\"'`.,;:!?", c) != NULL;
}

static void add_core(struct writer *out, slice core)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        if (core.n && shapes[i].fits(core)) {
            add(out, shapes[i].placeholder ? slice_str(shapes[i].placeholder) : core);
            return;
        }
    for (size_t i = 0; i < core.n; i++) {
        char c = ascii_lower(core.p[i]);
        add(out, slice_of(&c, 1));
    }
}

/* Brackets and punctuation around a word stay; what is inside decides. "key=value" is looked at by halves. */
static void add_word(struct writer *out, slice word)
{
    size_t from = 0, to = word.n;
    while (from < to && opening(word.p[from]))
        from++;
    while (to > from && closing(word.p[to - 1]))
        to--;
    slice core = slice_sub(word, from, to - from);
    size_t cut = is_url(core) || is_address(core) ? SLICE_NPOS : slice_chr(core, '=');
    if (cut == SLICE_NPOS)
        cut = is_url(core) || is_address(core) || is_ipv6(core) || is_time(core) ? SLICE_NPOS : slice_chr(core, '[');
    add(out, slice_sub(word, 0, from));
    if (cut != SLICE_NPOS && cut > 0) {
        add_core(out, slice_sub(core, 0, cut));
        add(out, slice_sub(core, cut, 1));
        add_word(out, slice_from(slice_sub(word, 0, word.n), from + cut + 1));
        return;
    }
    add_core(out, core);
    add(out, slice_from(word, to));
}

struct bounce_slice bounce_normalise(struct bounce_slice text, struct bounce_arena *a)
{
    slice rest = slice_sub(text, 0, MAX_BYTES), word;
    /* The longest placeholder stands for something of one byte at least. */
    struct writer out = {arena_alloc(a, rest.n * 4 + 16), 0, rest.n * 4 + 16};
    if (!out.p)
        return SLICE_EMPTY;
    while (slice_word(&rest, &word)) {
        if (out.n)
            add(&out, S(" "));
        add_word(&out, word);
    }
    return slice_of(out.p, out.n);
}
