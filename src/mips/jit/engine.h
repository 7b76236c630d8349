/*
 * engine.h - the JIT as the rest of the backend sees it.
 */
#ifndef MIPS_JIT_ENGINE_H
#define MIPS_JIT_ENGINE_H

#include "mips/cpu.h"

/* Less than this is no cache. */
enum { JIT_CACHE_MIN = 1 << 20 };

/* disco_backend_ops.machine_begin and machine_end. */
disco_status jit_machine_begin(const disco_backend_machine *machine,
                               void **shared);
void jit_machine_end(void *shared);
/* ... code_stats and watch_code. */
void jit_code_stats(void *shared, disco_code_stats *sum);
disco_status jit_watch_code(void *shared, uint32_t flags, disco_code_fn fn,
                            void *opaque);

/* Let the vCPU use the JIT of its machine; false: there is none here. */
bool jit_attach(struct mips_cpu *cpu);
/* Its end. */
void jit_detach(struct mips_cpu *cpu);

/* Around run: the vCPU may be in translated code between the two. */
void jit_enter_run(struct mips_cpu *cpu);
void jit_leave_run(struct mips_cpu *cpu);

/* As the interpreter's mips_exec_big and _little. */
void mips_exec_jit(struct mips_cpu *cpu);

/* As mips_code_*: a page of code changes or goes. */
bool jit_holds_frame(const struct mips_cpu *cpu, uint64_t frame);
void jit_drop_frame(struct mips_cpu *cpu, uint64_t frame);
void jit_drop_all(struct mips_cpu *cpu);
void jit_code_store(struct mips_cpu *cpu, uint64_t frame, uint32_t offset,
                    uint32_t bytes);

/*
 * For the consistency walk: NULL, or what is wrong with all that is translated
 * (of *frame), or with where an entry of the jump table leads.
 */
const char *jit_verify(const struct mips_cpu *cpu, uint64_t *frame);
const char *jit_verify_jump(const struct mips_cpu *cpu,
                            const struct jump_entry *j, uint32_t key,
                            uint64_t gpa);

#endif
