/*
 * moncall.c - monitor calls of the guest (guest.h).  Every argument is hostile;
 * nothing a guest passes is an error of the API.
 */
#include <disco/guest.h>

#include "base/bits.h"
#include "core/vcpu.h"
#include "mem/copy.h"

enum { CONSOLE_PIECE = 256, CONSOLE_MAX = 65536 };

/* Copy to the console in bounded pieces; checked as a whole before. */
static int64_t console_write(struct disco_vcpu *v, uint64_t gpa, uint64_t bytes)
{
    const disco_console_ops *ops = &v->vm->console;
    uint8_t piece[CONSOLE_PIECE];
    uint64_t done, n, where;
    int64_t error = 0;

    if (bytes > CONSOLE_MAX)
        return DISCO_HC_E_INVAL;
    vcpu_callback_begin(v);
    if (copy_extent(&v->vm->pm, gpa, bytes, DISCO_READ) < bytes)
        error = DISCO_HC_E_FAULT;
    for (done = 0; done < bytes && !error; done += n) {
        n = min_u64(bytes - done, CONSOLE_PIECE);
        if (copy_out(&v->vm->pm, gpa + done, piece, n, &where))
            error = DISCO_HC_E_FAULT;
        else if (ops->write)
            ops->write(v->vm->console_opaque, piece, (uint32_t)n);
    }
    vcpu_callback_end(v);
    return error;
}

static uint64_t console_read(struct disco_vcpu *v)
{
    const disco_console_ops *ops = &v->vm->console;
    int32_t byte = -1;

    if (ops->read) {
        vcpu_callback_begin(v);
        byte = ops->read(v->vm->console_opaque);
        vcpu_callback_end(v);
    }
    return (uint64_t)(int64_t)(byte < 0 || byte > 255 ? -1 : byte);
}

static disco_status ask_host(struct disco_vcpu *v, uint32_t code,
                             const uint64_t arg[6])
{
    int i;

    v->pending = PENDING_HYPERCALL;
    v->asked.hypercall.code = code;
    for (i = 0; i < 6; i++)
        v->asked.hypercall.arg[i] = arg[i];
    return DISCO_E_STATE;
}

disco_status moncall_do(struct disco_vcpu *v, uint32_t code,
                        const uint64_t arg[6], uint64_t result[2])
{
    int64_t error = 0;

    result[1] = 0;
    switch (code) {
    case DISCO_HC_DISCOVER:
        result[1] = DISCO_HC_MAGIC | DISCO_HC_ABI_VERSION;
        break;
    case DISCO_HC_IDLE:
        or_seq(&v->shoot.request, DISCO_REQ_IDLE);
        break;
    case DISCO_HC_YIELD:
        or_seq(&v->shoot.request, DISCO_REQ_YIELD);
        break;
    case DISCO_HC_CONSOLE_WRITE:
        error = console_write(v, arg[0], arg[1]);
        break;
    case DISCO_HC_CONSOLE_READ:
        result[1] = console_read(v);
        break;
    case DISCO_HC_ZERO_PAGE:
        error = moncall_zero_page(v, arg[0]);
        break;
    case DISCO_HC_RELEASE_PAGE:
        error = moncall_release_page(v, arg[0]);
        break;
    case DISCO_HC_REMAP:
        error = moncall_remap(v, arg[0], arg[1], &result[1]);
        break;
    case DISCO_HC_SHARE:
        error = moncall_share(v, arg[0], arg[1], arg[2], &result[1]);
        break;
    case DISCO_HC_UNSHARE:
        error = moncall_unshare(v, arg[0]);
        break;
    case DISCO_HC_DISK:
    case DISCO_HC_NET:
        error = DISCO_HC_E_UNSUPPORTED;
        break;
    case DISCO_HC_HOST_FUNCTION:
        error = (int64_t)hostcall_do(v, arg[0], &arg[1], &result[1]);
        break;
    default:
        if (code >= DISCO_HC_EMBEDDER && code <= 0x3ff)
            return ask_host(v, code, arg);
        error = DISCO_HC_E_UNKNOWN;
        break;
    }
    result[0] = (uint64_t)error;
    return 0;
}
