#include "feed/esp_check.h"

#include "base/codec.h"

#define MAX_CREDENTIALS_BYTES 2048u

static const struct {
    const char *word, *text;
} whys[ESP_WHYS] = {
#define WHY(symbol, word, text) [ESP_WHY_##symbol] = {word, text},
#include "feed/esp_whys.def"
#undef WHY
};

const char *esp_why_word(enum esp_why why)
{
    MUST((size_t)why < ESP_WHYS);
    return whys[why].word;
}

const char *esp_why_text(enum esp_why why)
{
    MUST((size_t)why < ESP_WHYS);
    return whys[why].text;
}

slice check_header(const struct check_work *w, const char *name)
{
    slice wanted = slice_str(name);
    for (size_t i = 0; i < w->request->header_count; i++)
        if (slice_eq_ci(w->request->headers[i].name, wanted))
            return slice_trim(w->request->headers[i].value);
    return SLICE_EMPTY;
}

enum esp_why check_stamp(const struct check_work *w, slice stamp)
{
    int64_t t = time_parse_any(slice_trim(stamp));
    int64_t window = w->trust->window_us ? w->trust->window_us : w->esp->window_us;
    if (t == TIME_NONE)
        return ESP_WHY_NO_SIGNATURE;
    if (t > w->now_us + ESP_FUTURE_US)
        return ESP_WHY_FUTURE;
    return window > 0 && t < w->now_us - window ? ESP_WHY_OLD : ESP_WHY_NONE;
}

enum esp_why check_failed(bool any_key)
{
    return any_key ? ESP_WHY_BAD_SIGNATURE : ESP_WHY_BAD_KEY;
}

/* ---- credentials (RFC 7617, RFC 6750) ------------------------------------------------------------------------- */

/* What stands behind "Basic " or "Bearer " in the field. */
static slice authorization(const struct check_work *w, slice kind)
{
    slice value = check_header(w, "authorization");
    if (!slice_starts_ci(value, kind))
        return SLICE_EMPTY;
    return slice_trim(slice_from(value, kind.n));
}

static bool fits_basic(const struct check_work *w, slice secret)
{
    char decoded[MAX_CREDENTIALS_BYTES];
    slice given = authorization(w, S("basic "));
    if (given.n > MAX_CREDENTIALS_BYTES)
        return false;
    return same_secret(slice_of(decoded, base64_decode(given, decoded)), secret);
}

static bool fits_header(const struct check_work *w, slice secret)
{
    size_t colon = slice_chr(secret, ':');
    slice name = arena_dup(w->a, slice_trim(slice_sub(secret, 0, colon)));
    if (colon == SLICE_NPOS || slice_empty(name))
        return false;
    return same_secret(check_header(w, name.p), slice_trim(slice_from(secret, colon + 1)));
}

static bool fits(const struct check_work *w, slice secret)
{
    static const slice bearer = SLICE_INIT("bearer "), header = SLICE_INIT("header ");
    if (slice_starts_ci(secret, bearer))
        return same_secret(authorization(w, bearer), slice_trim(slice_from(secret, bearer.n)));
    if (slice_starts_ci(secret, header))
        return fits_header(w, slice_from(secret, header.n));
    return fits_basic(w, secret);
}

enum esp_why check_credentials(struct check_work *w)
{
    bool found = false;
    for (size_t i = 0; i < w->trust->secret_count; i++)
        found |= fits(w, w->trust->secrets[i]);
    w->out->ask_credentials = !found;
    return found ? ESP_WHY_NONE : ESP_WHY_CREDENTIALS;
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

static enum esp_why check(struct check_work *w)
{
    if (w->request->body.n > ESP_MAX_BODY_BYTES)
        return ESP_WHY_TOO_LONG;
    if (w->trust->secret_count > ESP_MAX_SECRETS)
        return ESP_WHY_BAD_KEY;
    if (w->trust->secret_count == 0 && w->trust->topic_count == 0)
        return ESP_WHY_NO_SECRET;
    return w->esp->scheme->check(w);
}

enum esp_answer esp_verify(const struct esp *esp, const struct esp_request *request, const struct esp_trust *trust,
                           int64_t now_us, arena *a, struct esp_check *out)
{
    *out = (struct esp_check){
        .certificate_url = SLICE_EMPTY, .confirm_url = SLICE_EMPTY, .once = SLICE_EMPTY, .once_until_us = TIME_NONE};
    struct check_work w = {esp, request, trust, now_us, a, out};
    out->why = check(&w);
    if (a->limited && out->why != ESP_WHY_NONE)
        out->why = ESP_WHY_MEMORY;
    if (out->why != ESP_WHY_NONE)
        out->answer = ESP_DENIED;
    else
        out->answer = slice_empty(out->certificate_url) ? ESP_GENUINE : ESP_NEED_CERTIFICATE;
    return out->answer;
}
