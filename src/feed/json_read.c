#include "feed/json_read.h"

#include "base/text.h"

#define BIG_DIGITS 19u /* a longer run of digits may be more than 64 bits hold */

/* ---- limits, before json-c sees anything ---------------------------------------------------------------------- */

struct survey {
    size_t values, members, depth, deepest;
    bool odd_byte; /* starts a comment or a quote that only json-c takes: it would hide things from this count */
    bool big_number;
};

/* Offset behind the string that begins at `at`. */
static size_t skip_string(slice s, size_t at)
{
    for (at++; at < s.n && s.p[at] != '"'; at++)
        if (s.p[at] == '\\')
            at++;
    return at + 1;
}

static size_t skip_digits(slice s, size_t at, struct survey *v)
{
    size_t from = at;
    while (at < s.n && ascii_digit(s.p[at]))
        at++;
    v->big_number |=
        at - from > BIG_DIGITS && (at == s.n || !memchr(".eE", s.p[at], 3)) && (!from || s.p[from - 1] != '.');
    return at;
}

static void survey(slice s, struct survey *v)
{
    memset(v, 0, sizeof *v);
    v->values = 1;
    for (size_t i = 0; i < s.n;) {
        char c = s.p[i];
        if (ascii_digit(c)) {
            i = skip_digits(s, i, v);
            continue;
        }
        if (c == '"') {
            i = skip_string(s, i);
            continue;
        }
        v->odd_byte |= c == '/' || c == '\'';
        v->members += c == ':';
        v->values += c == ',' || c == '[' || c == '{';
        v->depth += c == '[' || c == '{';
        if (v->depth > v->deepest)
            v->deepest = v->depth;
        v->depth -= (c == ']' || c == '}') && v->depth > 0;
        i++;
    }
}

/* Members that are there: fewer than were written when some had the same name. Depth is bounded by json_read. */
static size_t count_members(struct json_object *o)
{
    size_t n = 0;
    if (json_object_is_type(o, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(o); i++)
            n += count_members(json_object_array_get_idx(o, i));
    } else if (json_object_is_type(o, json_type_object)) {
        json_object_object_foreach(o, name, value)
        {
            (void)name;
            n += 1 + count_members(value);
        }
    }
    return n;
}

static struct json_object *parse(slice text, unsigned *odd)
{
    struct json_tokener *tok = json_tokener_new_ex((int)JSON_READ_MAX_DEPTH + 1);
    if (!tok) {
        *odd |= JSON_ODD_MEMORY;
        return NULL;
    }
    struct json_object *o = json_tokener_parse_ex(tok, text.p, (int)text.n);
    enum json_tokener_error e = json_tokener_get_error(tok);
    if (e == json_tokener_error_depth)
        *odd |= JSON_ODD_DEEP;
    else if (e != json_tokener_success)
        *odd |= JSON_ODD_SYNTAX;
    else if (!slice_empty(slice_trim(slice_from(text, json_tokener_get_parse_end(tok)))))
        *odd |= JSON_ODD_BEHIND;
    json_tokener_free(tok);
    return o;
}

struct json_object *json_read(slice text, unsigned *odd)
{
    struct survey v;
    *odd = 0;
    survey(text, &v);
    if (v.deepest > JSON_READ_MAX_DEPTH)
        *odd = JSON_ODD_DEEP;
    else if (v.values > JSON_READ_MAX_VALUES || text.n > INT32_MAX)
        *odd = JSON_ODD_MANY;
    else if (v.odd_byte)
        *odd = JSON_ODD_SYNTAX;
    if (*odd)
        return NULL;
    struct json_object *o = parse(text, odd);
    if (!o)
        return NULL;
    if (!(*odd & JSON_ODD_BEHIND) && count_members(o) < v.members)
        *odd |= JSON_ODD_REPEATED;
    if (!utf8_valid(text))
        *odd |= JSON_ODD_UTF8;
    if (v.big_number)
        *odd |= JSON_ODD_NUMBER;
    return o;
}

/* ---- paths ---------------------------------------------------------------------------------------------------- */

struct path_name {
    char text[JSON_READ_MAX_NAME_BYTES + 1];
    size_t n;
    bool literal; /* had a backslash: no "*" and no selector */
};

/* Takes the next name from **path; false at the end of this path ('|' or NUL), where it then stands. */
static bool next_name(const char **path, struct path_name *out)
{
    const char *p = *path;
    out->n = 0;
    out->literal = false;
    while (*p == ' ' || *p == '.')
        p++;
    bool selector = *p == '[';
    while (*p && *p != '|' && (*p != '.' || selector) && *p != ' ') {
        selector = selector && *p != ']';
        if (*p == '\\' && p[1]) {
            out->literal = true;
            p++;
        }
        if (out->n < JSON_READ_MAX_NAME_BYTES)
            out->text[out->n++] = *p;
        p++;
    }
    out->text[out->n] = 0;
    while (*p == ' ')
        p++;
    *path = p;
    return out->n > 0;
}

static struct json_object *element_at(struct json_object *array, const struct path_name *name)
{
    size_t n = json_object_array_length(array);
    bool from_end = name->text[0] == '-';
    uint64_t i;
    if (!slice_u64(slice_from(slice_of(name->text, name->n), from_end), &i))
        return NULL;
    if (from_end)
        i = n - i;
    return i < n ? json_object_array_get_idx(array, (size_t)i) : NULL;
}

/* "[name=value]" */
static struct json_object *element_with(struct json_object *array, const struct path_name *name)
{
    slice inside = slice_unwrap(slice_of(name->text, name->n), '[', ']'), key, member;
    char key_text[JSON_READ_MAX_NAME_BYTES + 1];
    if (inside.n == name->n || !slice_split(&inside, '=', &key))
        return NULL;
    memcpy(key_text, key.p, key.n);
    key_text[key.n] = 0;
    for (size_t i = 0; i < json_object_array_length(array); i++) {
        struct json_object *o = json_object_array_get_idx(array, i), *v;
        if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, key_text, &v) ||
            !json_object_is_type(v, json_type_string))
            continue;
        member = slice_of(json_object_get_string(v), (size_t)json_object_get_string_len(v));
        if (slice_eq_ci(member, inside.p ? inside : SLICE_EMPTY))
            return o;
    }
    return NULL;
}

static struct json_object *first_object(struct json_object *o)
{
    json_object_object_foreach(o, name, value)
    {
        (void)name;
        if (json_object_is_type(value, json_type_object))
            return value;
    }
    return NULL;
}

static struct json_object *step(struct json_object *o, const struct path_name *name)
{
    if (json_object_is_type(o, json_type_array))
        return !name->literal && name->text[0] == '[' ? element_with(o, name) : element_at(o, name);
    if (!json_object_is_type(o, json_type_object))
        return NULL;
    if (!name->literal && strcmp(name->text, "*") == 0)
        return first_object(o);
    struct json_object *v = NULL;
    return json_object_object_get_ex(o, name->text, &v) ? v : NULL;
}

static bool says_nothing(struct json_object *o)
{
    return !o || (json_object_is_type(o, json_type_string) && json_object_get_string_len(o) == 0) ||
           (json_object_is_type(o, json_type_array) && json_object_array_length(o) == 0);
}

struct json_object *json_find(struct json_object *root, struct json_object *element, const char *paths)
{
    struct path_name name;
    while (*paths) {
        while (*paths == ' ' || *paths == '|')
            paths++;
        if (!*paths)
            break;
        struct json_object *o = root;
        if (*paths == '@') {
            o = element;
            paths++;
        }
        while (next_name(&paths, &name))
            o = o ? step(o, &name) : NULL;
        if (!says_nothing(o))
            return o;
    }
    return NULL;
}

/* ---- texts ---------------------------------------------------------------------------------------------------- */

slice json_text(struct json_object *v, arena *a, size_t max_bytes)
{
    switch (json_object_get_type(v)) {
    case json_type_string:
        return arena_dup(
            a, slice_sub(slice_of(json_object_get_string(v), (size_t)json_object_get_string_len(v)), 0, max_bytes));
    case json_type_int:
    case json_type_double:
    case json_type_boolean:
        return arena_dup(a, slice_sub(slice_str(json_object_to_json_string(v)), 0, max_bytes));
    case json_type_array:
        v = json_object_array_length(v) ? json_object_array_get_idx(v, 0) : NULL;
        return json_object_is_type(v, json_type_array) ? SLICE_EMPTY : json_text(v, a, max_bytes);
    default:
        return SLICE_EMPTY;
    }
}
