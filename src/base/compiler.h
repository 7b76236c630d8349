/*
 * compiler.h - the only place for compiler extensions: branch hints, atomics
 * by name, printf checking.  Knows nothing of Disco.
 *
 * Atomics work on plain integer and pointer fields; a field that is touched by
 * one of these is touched by nothing else once it is shared.
 */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define PRINTF_LIKE(fmt_index, first_index) \
    __attribute__((__format__(__printf__, fmt_index, first_index)))
#define NOINLINE      __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define MUST_CHECK    __attribute__((warn_unused_result))
#define MAYBE_UNUSED  __attribute__((unused))
#define FALLTHROUGH   __attribute__((fallthrough))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define load_relaxed(p)     __atomic_load_n((p), __ATOMIC_RELAXED)
#define load_acquire(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define load_seq(p)         __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define store_seq(p, v)     __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)
#define exchange_seq(p, v)  __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define add_relaxed(p, v)   __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define add_seq(p, v)       __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define sub_seq(p, v)       __atomic_fetch_sub((p), (v), __ATOMIC_SEQ_CST)
#define or_seq(p, v)        __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define and_seq(p, v)       __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)
/* Strong compare-exchange; *old gets the present value when it fails. */
#define cas_seq(p, old, v)                                            \
    __atomic_compare_exchange_n((p), (old), (v), 0, __ATOMIC_SEQ_CST, \
                                __ATOMIC_SEQ_CST)

/* Count up a figure that only its owner writes and anybody may read. */
static inline void count_up(uint64_t *counter, uint64_t n)
{
    store_relaxed(counter, load_relaxed(counter) + n);
}

/* Tell the CPU that this is a spin loop. */
static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
#endif
}

#endif
