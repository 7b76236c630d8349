/*
 * modelled.h - a vCPU under the machine's ccNUMA model: its time against that
 * of the machine CPU it runs on, and what each slice took.
 *
 * A machine CPU's time is never behind the time of the vCPU that it runs: what
 * is between them when a slice begins, the CPU was idle.  With several vCPUs a
 * CPU it is ahead by what the others used.  Owner of the vCPU only.
 */
#ifndef CORE_MODELLED_H
#define CORE_MODELLED_H

#include <disco/backend.h>

struct disco_vcpu;
struct disco_machine;
struct disco_vm;

struct modelled {
    uint32_t epoch; /* of the model that the backend was told about */
    uint32_t cpu;   /* machine CPU whose cache it knows */
    /* In a slice: */
    uint64_t offset; /* the CPU's time - own time */
    uint64_t own;    /* own time when it began */
    uint64_t stall;
    uint64_t jump;   /* brought forward to the VM's clock */
    uint64_t zeroed; /* pages given to its VM before */
    disco_vcpu_stats before;
};

/* Runs on this machine CPU from now on: UNSUPPORTED (with text), or 0. */
disco_status modelled_attach(struct disco_vcpu *v, uint32_t cpu);
/* Around ops->run, when there is a model. */
void modelled_begin(struct disco_vcpu *v);
void modelled_end(struct disco_vcpu *v);
/* Inside: its clock goes forward by this without work. */
void modelled_jump(struct disco_vcpu *v, uint64_t cycles);
/* A model begins: what was done to pages before is nobody's. */
void modelled_forget_pages(struct disco_machine *m);
/* disco_backend_host.line_access */
uint64_t modelled_access(void *ctx, uint64_t name, uint64_t gpa,
                         uint32_t access, disco_backend_line **line);
/* A device read or wrote guest memory. */
void modelled_dma(struct disco_vm *vm, uint64_t gpa, uint64_t bytes,
                  uint32_t access);

#endif
