/*
 * types.h - handles, status codes, errors and the callback types that every
 * other public header uses.
 *
 * Conventions of the whole API:
 *  - Handles are opaque.  A child counts as a user of its parent: a parent with
 *    live children is not destroyed (DISCO_E_BUSY).
 *  - A function returns 0 or a negative DISCO_E_* code; results leave through
 *    the last parameters.  Guest behaviour is never an error.
 *  - Every configuration struct starts with its `size`.  A shorter struct than
 *    the library knows is extended with zeroes, a longer one is accepted when
 *    the surplus is all zero (else DISCO_E_VERSION).  Zero always means the
 *    default.  Output structs also start with `size`, set by the caller; the
 *    library fills at most that many bytes.
 *  - "Thread: any" means callable from any thread at any time, "owner" means
 *    the thread that may run that vCPU now (one at a time), "quiesced" means
 *    no vCPU of the VM is inside disco_vcpu_run (else DISCO_E_BUSY).
 */
#ifndef DISCO_TYPES_H
#define DISCO_TYPES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef DISCO_API
#if defined(__GNUC__)
#define DISCO_API __attribute__((visibility("default")))
#else
#define DISCO_API
#endif
#endif

typedef struct disco_machine disco_machine;
typedef struct disco_vm disco_vm;
typedef struct disco_vcpu disco_vcpu;
typedef struct disco_region disco_region;
typedef struct disco_timer disco_timer;

/* 0 or a negative DISCO_E_*.  Numbers are never reused. */
typedef int32_t disco_status;

/* X(name, value, text) */
#define DISCO_STATUS_LIST(X)                                    \
    X(OK, 0, "success")                                         \
    X(E_INVAL, -1, "invalid argument")                          \
    X(E_NOMEM, -2, "out of memory")                             \
    X(E_BUSY, -3, "object is in use")                           \
    X(E_STATE, -4, "object is in the wrong state")              \
    X(E_RANGE, -5, "address or value out of range")             \
    X(E_EXISTS, -6, "already exists")                           \
    X(E_NOENT, -7, "no such object")                            \
    X(E_UNSUPPORTED, -8, "unsupported")                         \
    X(E_REENTRANT, -9, "not allowed inside a callback")         \
    X(E_VERSION, -10, "struct or format version not supported") \
    X(E_CORRUPT, -11, "corrupt input")                          \
    X(E_MISMATCH, -12, "does not match the existing object")    \
    X(E_CALLBACK, -13, "a host callback failed")                \
    X(E_INTERNAL, -14, "internal error")                        \
    X(E_IO, -15, "input/output error")                          \
    X(E_FAULT, -16, "guest address is not accessible")          \
    X(E_PERM, -17, "not permitted")

enum {
#define DISCO_STATUS_ENUM(name, value, text) DISCO_##name = value,
    DISCO_STATUS_LIST(DISCO_STATUS_ENUM)
#undef DISCO_STATUS_ENUM
};

/*
 * What went wrong, in a sentence that names what and where.  `where` is an
 * address, offset or index that belongs to the text, or 0.
 */
typedef struct disco_error {
    uint32_t size;
    disco_status status;
    uint64_t where;
    char text[240];
} disco_error;

enum { DISCO_BIG = 1, DISCO_LITTLE = 2, DISCO_CPU_ORDER = 3 };

/* Access bits.  USER: of a fetch, made in user mode; for statistics only. */
enum {
    DISCO_READ = 1,
    DISCO_WRITE = 2,
    DISCO_EXEC = 4,
    DISCO_EXCLUSIVE = 8,
    DISCO_USER = 16
};

/* Log levels, most severe first. */
enum {
    DISCO_LOG_ERROR = 1,
    DISCO_LOG_WARN = 2,
    DISCO_LOG_INFO = 3,
    DISCO_LOG_DEBUG = 4
};

/*
 * Log sink.  `domain` names the part ("mem", "virtio-blk"); both strings are
 * borrowed for the call.  Called on any thread that calls the library.
 */
typedef void (*disco_log_fn)(void *opaque, int32_t level, const char *domain,
                             const char *text);

/*
 * Host memory for the library.  All four functions are set, or none.
 *   alloc       returns `bytes` bytes, 16-aligned, any content, or NULL.
 *   free        gets the size of the allocation back; ptr is never NULL.
 *   page_alloc  returns zeroed, 4096-aligned pages that should live on the
 *               host's idea of `node` (the machine's node number), or NULL.
 *               Deterministic machines need them 4 MiB-aligned to repeat in
 *               another process.
 *   page_free   gives them back.
 * Called on any thread that calls the library, several at a time.
 */
typedef struct disco_allocator {
    uint32_t size;
    uint32_t flags; /* 0 */
    void *opaque;
    void *(*alloc)(void *opaque, uint64_t bytes);
    void (*free)(void *opaque, void *ptr, uint64_t bytes);
    void *(*page_alloc)(void *opaque, uint64_t bytes, uint32_t node);
    void (*page_free)(void *opaque, void *ptr, uint64_t bytes, uint32_t node);
} disco_allocator;

/* Short name ("DISCO_E_INVAL") and text of a status.  Never NULL. Thread: any.
 */
DISCO_API const char *disco_status_name(disco_status status);
DISCO_API const char *disco_status_text(disco_status status);

/* Version of the library as built: major << 16 | minor << 8 | patch. */
#define DISCO_VERSION 0x000100
DISCO_API uint32_t disco_version(void);

/* Capabilities for disco_cap. */
enum {
    DISCO_CAP_HOST_FUNCTIONS = 1, /* libffi: any run-time signature */
    DISCO_CAP_DEVICE_TREE = 2,    /* libfdt: disco_board_load makes a tree */
    DISCO_CAP_JIT = 3,
    DISCO_CAP_THREADS = 4, /* vCPUs of one VM on several threads */
    DISCO_CAP_DETERMINISTIC = 5,
    DISCO_CAP_L2TLB = 6,
    DISCO_CAP_HWLOC = 7
};

/* Value of a capability: 0 absent, else 1 or a count.  Unknown: 0. */
DISCO_API uint64_t disco_cap(uint32_t cap);

#ifdef __cplusplus
}
#endif
#endif
