/*
 * hostsig.h - signatures of host functions, "RET name(ARG, ...)", as data.
 * A pure parser for text from anywhere: no allocation, no state.
 */
#ifndef CORE_HOSTSIG_H
#define CORE_HOSTSIG_H

#include <disco/types.h>

/* X(NAME, text, guest words, bits, is_signed) */
#define HOST_TYPE_LIST(X)    \
    X(VOID, "void", 0, 0, 0) \
    X(U8, "u8", 1, 8, 0)     \
    X(I8, "i8", 1, 8, 1)     \
    X(U16, "u16", 1, 16, 0)  \
    X(I16, "i16", 1, 16, 1)  \
    X(U32, "u32", 1, 32, 0)  \
    X(I32, "i32", 1, 32, 1)  \
    X(U64, "u64", 1, 64, 0)  \
    X(I64, "i64", 1, 64, 1)  \
    X(F32, "f32", 1, 32, 0)  \
    X(F64, "f64", 1, 64, 0)  \
    X(PTR, "ptr", 1, 64, 0)  \
    X(BUF, "buf", 2, 64, 0)

enum host_type {
#define HOST_TYPE_ENUM(name, text, words, bits, is_signed) HOST_##name,
    HOST_TYPE_LIST(HOST_TYPE_ENUM)
#undef HOST_TYPE_ENUM
        HOST_TYPE_COUNT
};

/* a0 is the number, a1..a5 are left. */
enum { HOST_WORDS_MAX = 5 };

struct host_sig {
    uint8_t ret;
    uint8_t args;
    uint8_t words; /* guest arguments */
    uint8_t has_float;
    uint8_t arg[HOST_WORDS_MAX];
};

/*
 * Parse.  INVAL: *where is the offset of what is wrong and *why says it.
 */
disco_status hostsig_parse(const char *text, struct host_sig *sig,
                           uint32_t *where, const char **why);

/* A guest's word as a value of the type: cut and extended to 64 bits. */
uint64_t hostsig_convert(enum host_type type, uint64_t word);

static inline int host_type_is_float(enum host_type type)
{
    return type == HOST_F32 || type == HOST_F64;
}

#endif
