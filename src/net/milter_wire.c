#include "net/milter_wire.h"

uint32_t milter_get_u32(const char *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

static void put_u32(char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (char)(v >> (24 - 8 * i));
}

void milter_add_u32(buf *out, uint32_t v)
{
    char bytes[4];
    put_u32(bytes, v);
    buf_add(out, (slice){bytes, sizeof bytes});
}

size_t milter_begin(buf *out, enum milter_reply what)
{
    size_t begun = out->n;
    milter_add_u32(out, 0);
    buf_addc(out, (char)what);
    return begun;
}

void milter_end(buf *out, size_t begun)
{
    if (!out->failed)
        put_u32(out->p + begun, (uint32_t)(out->n - begun - 4));
}

void milter_add_text(buf *out, slice s)
{
    size_t nul = slice_chr(s, '\0');
    buf_add(out, nul == SLICE_NPOS ? s : slice_sub(s, 0, nul));
    buf_addc(out, '\0');
}

void milter_add(buf *out, enum milter_reply what)
{
    milter_end(out, milter_begin(out, what));
}

bool milter_take_text(slice *data, slice *text)
{
    if (data->n == 0)
        return false;
    size_t nul = slice_chr(*data, '\0');
    *text = slice_sub(*data, 0, nul);
    *data = nul == SLICE_NPOS ? SLICE_EMPTY : slice_from(*data, nul + 1);
    return true;
}
