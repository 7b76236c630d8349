/*
 * embed.c - the smallest embedding of libdisco: a machine, a VM with one MIPS
 * CPU, some RAM, and a device of our own that prints what the guest writes.
 */
#include <disco/disco.h>
#include <stdio.h>

/* Called when the guest stores to the device; a zero byte ends the run. */
static disco_status put(void *vm, const disco_mmio_access *at, uint64_t byte)
{
    (void)at;
    if (byte)
        putchar((int)byte);
    else
        disco_vm_request_shutdown(vm, 0);
    return 0;
}

int main(void)
{
    static const char guest[] = "\x3c\x08\xb0\x00" /*    lui   t0,0xb000   */
                                "\x3c\x09\x80\x00" /*    lui   t1,0x8000   */
                                "\x25\x29\x10\x20" /*    addiu t1,t1,text  */
                                "\x91\x2a\x00\x00" /* 1: lbu   t2,0(t1)    */
                                "\xa1\x0a\x00\x00" /*    sb    t2,0(t0)    */
                                "\x15\x40\xff\xfd" /*    bnez  t2,1b       */
                                "\x25\x29\x00\x01" /*    addiu t1,t1,1     */
                                "\x00\x00\x00\x00" /*    nop               */
                                "Hello from a MIPS guest\n";
    disco_mmio_ops device = { .size = sizeof(device), .write = put };
    disco_exit exit = { .size = sizeof(exit) };
    disco_machine *machine;
    disco_vm *vm;
    disco_vcpu *cpu;

    if (disco_machine_create(NULL, &machine, NULL) ||
        disco_vm_create(machine, NULL, &vm) ||
        disco_vm_map_ram(vm, 0, 1 << 20, NULL) ||
        disco_vm_map_mmio(vm, 0x10000000, 1, "console", &device, vm, NULL) ||
        disco_vcpu_create(vm, NULL, &cpu) ||
        disco_mem_write(vm, 0x1000, guest, sizeof(guest)) ||
        disco_vcpu_start(cpu, 0xffffffff80001000))
        return 1;
    do {
        if (disco_vcpu_run(cpu, 0, NULL, &exit))
            return 1;
    } while (exit.reason != DISCO_EXIT_SHUTDOWN);
    printf("It ran %d instructions.\n", (int)exit.insns);
    disco_vm_destroy(vm);
    disco_machine_destroy(machine);
    return 0;
}
