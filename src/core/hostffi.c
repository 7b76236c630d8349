/*
 * hostffi.c - see hostffi.h.  The only file that knows libffi.
 */
#include "core/hostffi.h"

#ifdef HAVE_FFI

#include <disco/vm.h>
#include <ffi.h>

struct host_plan {
    ffi_cif cif;
    enum host_type ret;
    ffi_type *types[HOST_CALL_WORDS];
};

/* A word as its type; the types overlap at the lowest address. */
union slot {
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    void *ptr;
};

static ffi_type *type_of(enum host_type type)
{
    static ffi_type *const map[HOST_TYPE_COUNT] = {
        [HOST_VOID] = &ffi_type_void,   [HOST_U8] = &ffi_type_uint8,
        [HOST_I8] = &ffi_type_sint8,    [HOST_U16] = &ffi_type_uint16,
        [HOST_I16] = &ffi_type_sint16,  [HOST_U32] = &ffi_type_uint32,
        [HOST_I32] = &ffi_type_sint32,  [HOST_U64] = &ffi_type_uint64,
        [HOST_I64] = &ffi_type_sint64,  [HOST_F32] = &ffi_type_float,
        [HOST_F64] = &ffi_type_double,  [HOST_PTR] = &ffi_type_pointer,
        [HOST_BUF] = &ffi_type_pointer,
    };

    return map[type];
}

int hostffi_is_there(void)
{
    return 1;
}

disco_status hostffi_plan(struct alloc *alloc, const struct host_sig *sig,
                          uint32_t flags, struct host_plan **out)
{
    struct host_plan *plan = alloc_zeroed(alloc, sizeof(*plan));
    uint32_t n = 0, i;

    if (!plan)
        return DISCO_E_NOMEM;
    plan->ret = (enum host_type)sig->ret;
    if (flags & DISCO_HOST_FN_OPAQUE)
        plan->types[n++] = &ffi_type_pointer;
    for (i = 0; i < sig->args; i++) {
        plan->types[n++] = type_of((enum host_type)sig->arg[i]);
        if (sig->arg[i] == HOST_BUF)
            plan->types[n++] = &ffi_type_uint64;
    }
    if (ffi_prep_cif(&plan->cif, FFI_DEFAULT_ABI, n, type_of(plan->ret),
                     plan->types) != FFI_OK) {
        hostffi_free(alloc, plan);
        return DISCO_E_UNSUPPORTED;
    }
    *out = plan;
    return 0;
}

void hostffi_free(struct alloc *alloc, struct host_plan *plan)
{
    alloc_free(alloc, plan, sizeof(*plan));
}

static void slot_set(union slot *slot, enum host_type type, uint64_t word)
{
    if (type == HOST_U8 || type == HOST_I8)
        slot->u8 = (uint8_t)word;
    else if (type == HOST_U16 || type == HOST_I16)
        slot->u16 = (uint16_t)word;
    else if (type == HOST_U32 || type == HOST_I32 || type == HOST_F32)
        slot->u32 = (uint32_t)word;
    else if (type == HOST_PTR)
        slot->ptr = (void *)(uintptr_t)word;
    else
        slot->u64 = word;
}

uint64_t hostffi_call(struct host_plan *plan, void (*fn)(void),
                      const uint8_t *type, const uint64_t *word, uint32_t words)
{
    union slot slot[HOST_CALL_WORDS];
    void *values[HOST_CALL_WORDS];
    union {
        ffi_arg integer; /* short integers come widened */
        uint32_t f32;
        uint64_t f64;
    } result = { 0 };
    uint32_t i;

    for (i = 0; i < words; i++) {
        slot_set(&slot[i], (enum host_type)type[i], word[i]);
        values[i] = &slot[i];
    }
    ffi_call(&plan->cif, fn, &result, values);
    if (plan->ret == HOST_F32)
        return result.f32;
    if (plan->ret == HOST_F64)
        return result.f64;
    return (uint64_t)result.integer;
}

#else

int hostffi_is_there(void)
{
    return 0;
}

disco_status hostffi_plan(struct alloc *alloc, const struct host_sig *sig,
                          uint32_t flags, struct host_plan **out)
{
    (void)alloc;
    (void)sig;
    (void)flags;
    (void)out;
    return DISCO_E_UNSUPPORTED;
}

void hostffi_free(struct alloc *alloc, struct host_plan *plan)
{
    (void)alloc;
    (void)plan;
}

uint64_t hostffi_call(struct host_plan *plan, void (*fn)(void),
                      const uint8_t *type, const uint64_t *word, uint32_t words)
{
    (void)plan;
    (void)fn;
    (void)type;
    (void)word;
    (void)words;
    return 0;
}

#endif
