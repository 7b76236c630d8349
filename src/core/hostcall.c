/*
 * hostcall.c - see hostcall.h.  Integer-only signatures are called directly
 * through a function of six words; the rest goes through hostffi.c.
 *
 * Guest pointers are virtual addresses of the calling context.  The function
 * sees a copy; what it changed is written back, so that a neighbour's stores
 * are not undone.
 */
#include "core/hostcall.h"

#include <string.h>

#include <disco/guest.h>

#include "base/bits.h"
#include "core/hostffi.h"
#include "core/vcpu.h"
#include "mem/copy.h"

enum { PTR_BYTES = 4096, BUF_BYTES_MAX = 1 << 20 };

/* A copy of guest memory during a call. */
struct bounce {
    uint64_t va;
    uint64_t bytes;
    uint8_t *data; /* owned; twice `bytes`: what the function gets, and was */
};

struct call {
    struct disco_vcpu *v;
    const struct host_function *f;
    uint64_t word[HOST_CALL_WORDS]; /* of the host's function */
    uint8_t type[HOST_CALL_WORDS];
    uint32_t words;
    struct bounce bounce[HOST_WORDS_MAX];
    uint32_t bounces;
};

static uint64_t call_words(const struct call *c)
{
    uint64_t (*fn)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t) =
        (uint64_t(*)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                     uint64_t))c->f->fn;

    return fn(c->word[0], c->word[1], c->word[2], c->word[3], c->word[4],
              c->word[5]);
}

static uint64_t call_function(const struct call *c)
{
    if (!c->f->plan)
        return call_words(c);
    return hostffi_call(c->f->plan, c->f->fn, c->type, c->word, c->words);
}

/* One piece of a guest buffer that lies in one page. */
static disco_status piece(struct disco_vcpu *v, uint64_t va, uint8_t *data,
                          uint64_t bytes, uint32_t access)
{
    uint64_t gpa, where;
    disco_status status;

    if (!v->ops->translate)
        return DISCO_E_FAULT;
    status = v->ops->translate(v->state, va, access, &gpa);
    if (status)
        return status;
    if (access == DISCO_WRITE)
        return copy_in(&v->vm->pm, gpa, data, bytes, 0, &where);
    if (copy_extent(&v->vm->pm, gpa, bytes, DISCO_WRITE) < bytes)
        return DISCO_E_FAULT;
    return copy_out(&v->vm->pm, gpa, data, bytes, &where);
}

/* Copy in up to `bytes`; returns how many are there. */
static uint64_t bounce_fill(struct call *c, struct bounce *b, uint64_t bytes)
{
    uint64_t done = 0, n;

    while (done < bytes) {
        n = min_u64(bytes - done, PAGE_BYTES - (b->va + done) % PAGE_BYTES);
        if (piece(c->v, b->va + done, b->data + done, n, DISCO_READ))
            break;
        done += n;
    }
    return done;
}

static int64_t bounce_open(struct call *c, uint64_t va, uint64_t bytes,
                           int is_whole)
{
    struct bounce *b = &c->bounce[c->bounces];
    uint64_t got;

    b->va = va;
    b->bytes = bytes;
    b->data = alloc_zeroed(vm_alloc(c->v->vm), 2 * bytes);
    if (!b->data)
        return DISCO_HC_E_NOMEM;
    c->bounces++;
    got = bounce_fill(c, b, bytes);
    if (!got || (is_whole && got < bytes))
        return DISCO_HC_E_FAULT;
    memset(b->data + got, 0, bytes - got);
    memcpy(b->data + bytes, b->data, bytes);
    return 0;
}

/* Write back runs of changed bytes. */
static int64_t bounce_write(struct call *c, const struct bounce *b)
{
    const uint8_t *was = b->data + b->bytes;
    uint64_t i = 0, n, limit;

    while (i < b->bytes) {
        if (b->data[i] == was[i]) {
            i++;
            continue;
        }
        limit = min_u64(b->bytes - i, PAGE_BYTES - (b->va + i) % PAGE_BYTES);
        for (n = 1; n < limit && b->data[i + n] != was[i + n]; n++)
            ;
        if (piece(c->v, b->va + i, b->data + i, n, DISCO_WRITE))
            return DISCO_HC_E_FAULT;
        i += n;
    }
    return 0;
}

static void bounces_close(struct call *c)
{
    uint32_t i;

    for (i = 0; i < c->bounces; i++)
        alloc_free(vm_alloc(c->v->vm), c->bounce[i].data,
                   2 * c->bounce[i].bytes);
}

static void push(struct call *c, enum host_type type, uint64_t word)
{
    c->type[c->words] = (uint8_t)type;
    c->word[c->words++] = word;
}

static int64_t push_memory(struct call *c, enum host_type type,
                           const uint64_t *arg)
{
    uint64_t bytes = type == HOST_BUF ? arg[1] : PTR_BYTES;
    int64_t error;

    if (bytes > BUF_BYTES_MAX)
        return DISCO_HC_E_INVAL;
    if (!bytes) {
        push(c, HOST_PTR, 0);
        push(c, HOST_U64, 0);
        return 0;
    }
    error = bounce_open(c, arg[0], bytes, type == HOST_BUF);
    if (error)
        return error;
    push(c, HOST_PTR, (uintptr_t)c->bounce[c->bounces - 1].data);
    if (type == HOST_BUF)
        push(c, HOST_U64, bytes);
    return 0;
}

static int64_t marshal(struct call *c, const uint64_t arg[5])
{
    const struct host_sig *sig = &c->f->sig;
    enum host_type type;
    int64_t error = 0;
    uint32_t i, at = 0;

    if (c->f->flags & DISCO_HOST_FN_OPAQUE)
        push(c, HOST_PTR, (uintptr_t)c->f->opaque);
    for (i = 0; i < sig->args && !error; i++) {
        type = (enum host_type)sig->arg[i];
        if (type == HOST_PTR || type == HOST_BUF)
            error = push_memory(c, type, &arg[at]);
        else
            push(c, type, hostsig_convert(type, arg[at]));
        at += type == HOST_BUF ? 2 : 1;
    }
    return error;
}

uint64_t hostcall_do(struct disco_vcpu *v, uint64_t number,
                     const uint64_t arg[5], uint64_t *value)
{
    struct host_functions *all = &v->vm->functions;
    struct call c;
    int64_t error;
    uint32_t i;

    if (!number || number > all->count)
        return (uint64_t)(int64_t)DISCO_HC_E_INVAL;
    memset(&c, 0, sizeof(c));
    c.v = v;
    c.f = &all->v[number - 1];
    add_relaxed(&v->vm->host_calls, 1);
    vcpu_callback_begin(v);
    error = marshal(&c, arg);
    if (!error) {
        *value = call_function(&c);
        *value = hostsig_convert((enum host_type)c.f->sig.ret, *value);
        for (i = 0; i < c.bounces && !error; i++)
            error = bounce_write(&c, &c.bounce[i]);
    }
    bounces_close(&c);
    vcpu_callback_end(v);
    return (uint64_t)error;
}

/* Room for one more; the VM is ours. */
static disco_status reserve(struct disco_vm *vm)
{
    struct host_functions *all = &vm->functions;
    uint32_t capacity = all->capacity ? all->capacity * 2 : 8;
    struct host_function *bigger;

    if (all->count < all->capacity)
        return 0;
    bigger = alloc_array(vm_alloc(vm), capacity, sizeof(*bigger));
    if (!bigger)
        return DISCO_E_NOMEM;
    if (all->count)
        memcpy(bigger, all->v, all->count * sizeof(*bigger));
    alloc_free(vm_alloc(vm), all->v, all->capacity * sizeof(*all->v));
    all->v = bigger;
    all->capacity = capacity;
    return 0;
}

static disco_status add(struct disco_vm *vm, struct host_function *f,
                        uint32_t *number)
{
    disco_status status = reserve(vm);

    if (!status && f->sig.has_float)
        status = hostffi_plan(vm_alloc(vm), &f->sig, f->flags, &f->plan);
    if (status)
        return status;
    vm->functions.v[vm->functions.count++] = *f;
    *number = vm->functions.count;
    return 0;
}

disco_status disco_vm_add_host_function(disco_vm *vm, const char *signature,
                                        uint32_t flags, void (*fn)(void),
                                        void *fn_opaque, uint32_t *number)
{
    struct host_function f = { 0 };
    disco_status status;
    const char *why;
    uint32_t where;

    if (!vm || !signature || !fn || !number ||
        (flags & ~(uint32_t)DISCO_HOST_FN_OPAQUE))
        return vm ? vm_fail(vm, DISCO_E_INVAL, flags,
                            "VM %s: host function: flags 0x%x or NULL",
                            vm->name, flags)
                  : DISCO_E_INVAL;
    status = hostsig_parse(signature, &f.sig, &where, &why);
    if (status)
        return vm_fail(vm, status, where,
                       "VM %s: signature \"%.80s\", offset %u: %s", vm->name,
                       signature, where, why);
    f.flags = flags;
    f.fn = fn;
    f.opaque = fn_opaque;
    status = vm_exclusive_begin(vm, "adding a host function");
    if (status)
        return status;
    status = add(vm, &f, number);
    vm_exclusive_end(vm);
    if (status)
        return vm_fail(vm, status, 0, "VM %s: signature \"%.80s\": %s",
                       vm->name, signature,
                       status == DISCO_E_UNSUPPORTED
                           ? "floating point needs libffi, which is not built "
                             "in"
                           : "no host memory");
    return 0;
}

disco_status hostcall_fork(struct disco_vm *vm, struct disco_vm *child)
{
    struct host_function f;
    disco_status status = 0;
    uint32_t i, number;

    for (i = 0; i < vm->functions.count && !status; i++) {
        f = vm->functions.v[i];
        f.plan = NULL;
        status = add(child, &f, &number);
    }
    return status;
}

void hostcall_destroy(struct disco_vm *vm)
{
    struct host_functions *all = &vm->functions;
    uint32_t i;

    for (i = 0; i < all->count; i++)
        hostffi_free(vm_alloc(vm), all->v[i].plan);
    alloc_free(vm_alloc(vm), all->v, all->capacity * sizeof(*all->v));
}
