/*
 * host-board.c - a board of the host's own, without any of the library's
 * devices, and a loop of the host's own: two vCPUs on two threads.
 *
 * Both vCPUs count in the same word of memory with LL and SC.  The board's one
 * device has no callbacks: each access leaves disco_vcpu_run, and the loop
 * answers it.  Register 0 reads the vCPU's number, a store to 8 says "done".
 */
#include <disco/disco.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

enum { CPUS = 2, ID = 0, DONE = 8, COUNTER = 0x2000 };

#define DEVICE 0x10000000
#define CODE   0x1000
#define ENTRY  0xffffffff80001000u

static const uint32_t guest[] = {
    0x3c08b000, /*    lui   t0,0xb000      the device, uncached      */
    0x8d100000, /*    lw    s0,0(t0)       who am I?                 */
    0x3c098000, /*    lui   t1,0x8000                                */
    0x340a03e8, /*    li    t2,1000                                  */
    0xc12b2000, /* 1: ll    t3,0x2000(t1)                            */
    0x256b0001, /*    addiu t3,t3,1                                  */
    0xe12b2000, /*    sc    t3,0x2000(t1)                            */
    0x1160fffc, /*    beqz  t3,1b          another CPU was first     */
    0x00000000, /*    nop                                            */
    0x254affff, /*    addiu t2,t2,-1                                 */
    0x1540fff9, /*    bnez  t2,1b                                    */
    0x00000000, /*    nop                                            */
    0xad100008, /*    sw    s0,8(t0)       done                      */
    0x1000ffff, /* 2: b     2b                                       */
    0x00000000, /*    nop                                            */
};

/* One host thread and the vCPU it runs. */
struct lane {
    disco_vcpu *vcpu;
    uint32_t index;
    uint32_t said; /* the number the guest gave back */
    int failed;
    pthread_t thread;
};

/* Answer one device access; 1 when the guest is done. */
static int answer(struct lane *lane, const disco_exit_mmio *mmio)
{
    uint64_t reg = mmio->gpa - DEVICE;

    if (mmio->write && reg == DONE) {
        lane->said = (uint32_t)mmio->value;
        return 1;
    }
    if (!mmio->write && reg == ID)
        lane->failed |= disco_vcpu_complete(lane->vcpu, 0, lane->index) != 0;
    else /* nothing there: the guest's bus error */
        lane->failed |= disco_vcpu_complete(lane->vcpu, DISCO_E_FAULT, 0) != 0;
    return 0;
}

static void *run(void *opaque)
{
    struct lane *lane = opaque;
    disco_run limits = { .size = sizeof(limits), .max_insns = 10000 };
    disco_exit exit = { .size = sizeof(exit) };
    int is_done = 0;

    while (!is_done && !lane->failed) {
        lane->failed =
            disco_vcpu_run(lane->vcpu, lane->index, &limits, &exit) != 0;
        if (lane->failed || exit.reason == DISCO_EXIT_BUDGET)
            continue;
        if (exit.reason == DISCO_EXIT_MMIO)
            is_done = answer(lane, &exit.u.mmio);
        else
            lane->failed = 1;
    }
    return NULL;
}

/* Memory, the device and the program, big-endian. */
static disco_status build(disco_vm *vm)
{
    disco_mmio_ops device = { .size = sizeof(device),
                              .flags = DISCO_MMIO_EXIT };
    uint8_t code[sizeof(guest)];
    disco_status status;

    for (size_t i = 0; i < sizeof(code); i++)
        code[i] = (uint8_t)(guest[i / 4] >> 8 * (3 - i % 4));
    status = disco_vm_map_ram(vm, 0, 1 << 20, NULL);
    if (!status)
        status = disco_vm_map_mmio(vm, DEVICE, 16, "lane", &device, NULL, NULL);
    if (!status)
        status = disco_mem_write(vm, CODE, code, sizeof(code));
    return status;
}

static int run_lanes(disco_vm *vm)
{
    struct lane lanes[CPUS] = { 0 };
    uint8_t counter[4] = { 0 };
    int failed = 0;

    for (uint32_t i = 0; i < CPUS; i++) {
        lanes[i].index = i;
        if (disco_vcpu_create(vm, NULL, &lanes[i].vcpu) ||
            disco_vcpu_start(lanes[i].vcpu, ENTRY))
            return 1;
    }
    for (uint32_t i = 0; i < CPUS; i++)
        if (pthread_create(&lanes[i].thread, NULL, run, &lanes[i]))
            return 1;
    for (uint32_t i = 0; i < CPUS; i++) {
        pthread_join(lanes[i].thread, NULL);
        failed |= lanes[i].failed;
        printf("vCPU %u is done\n", lanes[i].said);
    }
    failed |= disco_mem_read(vm, COUNTER, counter, sizeof(counter)) != 0;
    printf("counter %u\n", (unsigned)counter[2] << 8 | counter[3]);
    return failed;
}

int main(void)
{
    disco_machine_config config = { .size = sizeof(config),
                                    .cpus_per_node = CPUS };
    disco_error err = { .size = sizeof(err) };
    disco_machine *machine;
    disco_vm *vm;
    int failed;

    if (disco_machine_create(&config, &machine, &err)) {
        fprintf(stderr, "host-board: %s\n", err.text);
        return 1;
    }
    failed = disco_vm_create(machine, NULL, &vm) != 0;
    if (!failed) {
        failed = build(vm) || run_lanes(vm);
        disco_vm_destroy(vm);
    }
    disco_machine_destroy(machine);
    return failed;
}
