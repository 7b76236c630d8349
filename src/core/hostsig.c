/*
 * hostsig.c - see hostsig.h.
 */
#include "core/hostsig.h"

#include <string.h>

#include "base/bits.h"
#include "base/compiler.h"

struct host_type_row {
    const char *text;
    uint8_t words;
    uint8_t bits;
    uint8_t is_signed;
};

static const struct host_type_row types[] = {
#define HOST_TYPE_ROW(name, text, words, bits, is_signed) \
    { text, words, bits, is_signed },
    HOST_TYPE_LIST(HOST_TYPE_ROW)
#undef HOST_TYPE_ROW
};

struct reader {
    const char *text;
    const char *at;
    const char *why; /* NULL: fine so far */
};

static int is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_';
}

static void skip_space(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\t')
        r->at++;
}

static size_t word_length(const char *at)
{
    size_t n = 0;

    while (is_word(at[n]))
        n++;
    return n;
}

static enum host_type take_type(struct reader *r)
{
    size_t n, i;

    skip_space(r);
    n = word_length(r->at);
    for (i = 0; i < ARRAY_LEN(types); i++) {
        if (strlen(types[i].text) == n && !memcmp(types[i].text, r->at, n)) {
            r->at += n;
            return (enum host_type)i;
        }
    }
    r->why = "a type name is expected";
    return HOST_VOID;
}

static int take_char(struct reader *r, char c)
{
    skip_space(r);
    if (*r->at != c)
        return 0;
    r->at++;
    return 1;
}

static void take_name(struct reader *r)
{
    size_t n;

    skip_space(r);
    n = word_length(r->at);
    if (!n || (*r->at >= '0' && *r->at <= '9'))
        r->why = "a function name is expected";
    else
        r->at += n;
}

static void add_arg(struct reader *r, struct host_sig *sig, enum host_type type)
{
    if (type == HOST_VOID) {
        r->why = "void is no argument";
    } else if (sig->words + types[type].words > HOST_WORDS_MAX) {
        r->why = "more than five guest arguments";
    } else {
        sig->arg[sig->args++] = (uint8_t)type;
        sig->words = (uint8_t)(sig->words + types[type].words);
        sig->has_float |= host_type_is_float(type);
    }
}

/* After the opening parenthesis: "", "void", or types with commas. */
static void take_args(struct reader *r, struct host_sig *sig)
{
    enum host_type type;
    const char *at;

    if (take_char(r, ')'))
        return;
    do {
        skip_space(r);
        at = r->at;
        type = take_type(r);
        if (r->why)
            return;
        if (type == HOST_VOID && !sig->args && take_char(r, ')'))
            return;
        add_arg(r, sig, type);
        if (r->why) {
            r->at = at;
            return;
        }
    } while (take_char(r, ','));
    if (!take_char(r, ')'))
        r->why = "a comma or closing parenthesis is expected";
}

disco_status hostsig_parse(const char *text, struct host_sig *sig,
                           uint32_t *where, const char **why)
{
    struct reader r = { text, text, NULL };

    memset(sig, 0, sizeof(*sig));
    sig->ret = (uint8_t)take_type(&r);
    if (!r.why && (sig->ret == HOST_PTR || sig->ret == HOST_BUF)) {
        r.at = text;
        r.why = "a pointer cannot be returned";
    }
    sig->has_float = (uint8_t)host_type_is_float(sig->ret);
    if (!r.why)
        take_name(&r);
    if (!r.why && !take_char(&r, '('))
        r.why = "an opening parenthesis is expected";
    if (!r.why)
        take_args(&r, sig);
    skip_space(&r);
    if (!r.why && *r.at)
        r.why = "nothing may follow the closing parenthesis";
    *where = (uint32_t)(r.at - text);
    *why = r.why ? r.why : "";
    return r.why ? DISCO_E_INVAL : 0;
}

uint64_t hostsig_convert(enum host_type type, uint64_t word)
{
    if (!types[type].bits)
        return 0;
    if (types[type].is_signed)
        return (uint64_t)sign_extend(word, types[type].bits);
    return word & bits_mask(types[type].bits);
}
